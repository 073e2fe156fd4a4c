//! What an emperor tells, writes and hears: stats, pid file, heartbeats, signals, rights.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{emperor, vassal, wait_until_gone, wait_until_served};
use crate::rights::status;
use crate::support::{Kind, Running, Server, eventually};

fn stats(server: &Running) -> Value {
    let text = server.connect(9191).rest();
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)))
}

pub(super) fn pid_of(line: &str) -> i32 {
    line.rsplit_once("pid: ").and_then(|(_, pid)| pid.trim_end_matches(')').parse().ok()).expect("a pid")
}

#[test]
fn the_stats_tell_of_every_vassal_and_of_those_that_fail() {
    let server = emperor(&[("good.ini", 3001, "heartbeat = 1"), ("bad.ini", 3002, "chdir = /no/such/folder")])
        .arg("--emperor-stats")
        .arg("{ip}:9191")
        .spawn();
    wait_until_served(&server, 3001);
    server.log.wait_for("bad.ini ended too early .* next try in 400 ms");
    let (document, good) = eventually("a heartbeat and two failures", || {
        let document = stats(&server);
        let beats = |vassal: &Value| vassal["last_heartbeat"].as_u64().is_some_and(|time| time > 0);
        let good =
            document["vassals"].as_array()?.iter().find(|vassal| vassal["id"] == "good.ini" && beats(vassal))?.clone();
        (document["blacklist"][0]["attempt"].as_u64() >= Some(2)).then_some((document, good))
    });
    assert_eq!((&good["id"], &good["loyal"], &good["respawns"]), (&"good.ini".into(), &1.into(), &0.into()));
    assert_eq!(
        i64::from(pid_of(&server.log.wait_for("good.ini has been spawned"))),
        good["pid"].as_i64().expect("a pid")
    );
    assert_eq!(document["pid"], server.pid());
    assert_eq!(document["blacklist"][0]["id"], "bad.ini");
    assert_eq!(document["vassals"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_vassal_that_falls_silent_is_replaced() {
    let server = emperor(&[("one.ini", 3001, "heartbeat = 1")]).arg("--emperor-required-heartbeat").arg("2").spawn();
    let pid = pid_of(&server.log.wait_for("one.ini has been spawned"));
    server.log.wait_for("is now loyal");
    kill(Pid::from_raw(pid), Signal::SIGSTOP).expect("the vassal");
    let seen = server.log.len();
    server.log.wait_for("one.ini sent no heartbeat in the last 2 seconds");
    server.log.wait_from(seen, "is now loyal");
    wait_until_served(&server, 3001);
}

/// The names of a document's fields: of the whole, and of its first vassal.
fn fields(document: &Value) -> (Vec<String>, Vec<String>) {
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect();
    (names(document), names(&document["vassals"][0]))
}

#[test]
fn the_stats_have_the_fields_of_uwsgis() {
    let [own, uwsgi] = [Kind::Rsgi, Kind::Uwsgi].map(|kind| {
        let server = Server::of(kind, "--emperor {dir}/vassals --emperor-stats {ip}:9191")
            .file("vassals/one.ini", &vassal(3001, "master = true"))
            .spawn();
        let listens = || crate::support::processes::listeners().contains(&server.address(9191)).then_some(());
        eventually("the stats are served", listens);
        let document = eventually("a vassal", || {
            let document = stats(&server);
            document["vassals"][0].is_object().then_some(document)
        });
        fields(&document)
    });
    assert_eq!(own, uwsgi);
}

#[test]
fn the_service_manager_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
    let server = emperor(&[("one.ini", 3001, "")]).env("NOTIFY_SOCKET", &path.display().to_string()).spawn();
    let told = |what: &str| loop {
        let mut buffer = [0; 1024];
        let count = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}"));
        if String::from_utf8_lossy(&buffer[..count]).contains(what) {
            return;
        }
    };
    told("READY=1");
    told("STATUS=1 vassals run, 1 of them serve");
    server.signal(Signal::SIGHUP);
    told("RELOADING=1");
    told("READY=1");
    drop(server);
    told("STOPPING=1");
}

#[test]
fn the_pid_file_is_the_emperors() {
    let server = emperor(&[("one.ini", 3001, "")]).arg("--emperor-pidfile").arg("{dir}/emperor.pid").spawn();
    wait_until_served(&server, 3001);
    let text = std::fs::read_to_string(server.dir().join("emperor.pid")).expect("the pid file");
    assert_eq!(text.trim(), server.pid().to_string());
}

#[test]
fn a_hangup_reloads_every_vassal_and_a_count_is_said() {
    let server = emperor(&[("one.ini", 3001, ""), ("two.ini", 3002, "")]).spawn();
    server.log.wait_for_count(0, "is now loyal", 2);
    server.signal(Signal::SIGUSR1);
    server.log.wait_for("2 vassals run, 2 of them serve");
    let seen = server.log.len();
    server.signal(Signal::SIGHUP);
    server.log.wait_for_count(seen, "generation 1 serves", 2);
    for port in [3001, 3002] {
        server.get(port, "/hello").expect(200);
    }
    let ended = server.stop_by(Signal::SIGTERM);
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert_eq!(ended.log.matches("goodbye to rsgi.").count(), 2, "{}", ended.log);
}

#[test]
fn a_stop_waits_for_requests_and_a_second_one_does_not() {
    let server = emperor(&[("one.ini", 3001, "")]).spawn();
    wait_until_served(&server, 3001);
    let mut client = server.connect(3001);
    client.send("GET /sleep?60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.log.wait_for("asleep for 60");
    server.signal(Signal::SIGINT);
    server.log.wait_for("stopping gracefully");
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(ended.log.contains("stopping at once"), "{}", ended.log);
}

/// An emperor that is a tyrant, and one vassal of user and group 65534.
fn tyrant(options: &[&str]) -> Running {
    assert!(nix::unistd::geteuid().is_root(), "only root can be a tyrant: run the tests as root");
    let server = options.iter().fold(emperor(&[]).arg("--emperor-tyrant"), |server, option| server.arg(option));
    let server = server.file("vassals/README", "").spawn();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(server.dir(), mode).expect("a folder that others may enter");
    let file = server.dir().join("new.ini");
    let app = "[uwsgi]\nhttp-socket = IP:3001\nwsgi-file = DIR/app.py\n";
    let app = app.replace("IP", &server.ip.to_string()).replace("DIR", &server.dir().display().to_string());
    let source = "import os\ndef application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%d %d %d' % (os.getuid(), os.getgid(), len(os.getgroups()))]\n";
    std::fs::write(server.dir().join("app.py"), source).expect("an application");
    std::fs::write(&file, app).expect("a vassal");
    chown(&file, 65534);
    std::fs::rename(&file, server.dir().join("vassals/one.ini")).expect("the vassal comes");
    wait_until_served(&server, 3001);
    assert_eq!(server.get(3001, "/").expect(200).text(), "65534 65534 0");
    server
}

fn chown(path: &std::path::Path, id: u32) {
    std::os::unix::fs::chown(path, Some(id), Some(id)).expect("root may do that");
}

#[test]
fn a_tyrants_vassals_run_as_the_owners_of_their_files() {
    let server = tyrant(&[]);
    std::fs::remove_file(server.dir().join("vassals/one.ini")).expect("the vassal goes");
    wait_until_gone(&server, 3001);
}

/// uWSGI's "paranoid" tyrant: not root, with the capabilities that it takes.
#[test]
fn a_tyrants_capabilities_are_not_its_vassals() {
    let server = tyrant(&["--uid", "10000", "--gid", "10000", "--cap", "setgid,setuid,kill"]);
    let processes = server.processes().into_iter();
    let vassals: Vec<_> = processes.filter(|process| process.pid != server.pid()).collect();
    assert!(vassals.len() >= 3, "master, zygote and worker: {vassals:?}");
    for process in vassals {
        assert_eq!(status(process.pid, "Groups"), Vec::<String>::new(), "{process:?}");
        for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
            assert_eq!(status(process.pid, set), ["0000000000000000"], "{set} of {process:?}");
        }
    }
}

#[test]
fn a_file_that_is_given_away_is_its_new_owners() {
    let server = tyrant(&[]);
    let file = server.dir().join("vassals/one.ini");
    chown(&file, 10000);
    server.log.wait_for(r"vassal \S*one.ini has another owner: starting it anew");
    server.log.wait_for_count(0, r"vassal \S*one.ini is now loyal", 2);
    assert_eq!(server.get(3001, "/").expect(200).text(), "10000 10000 0");
    chown(&file, 0);
    server.log.wait_for(r"one.ini is no vassal: it belongs to root");
    wait_until_gone(&server, 3001);
    // Whoever links to a file of another user runs nothing as that one.
    chown(&file, 65534);
    server.log.wait_for_count(0, r"vassal \S*one.ini is now loyal", 3);
    let link = server.dir().join("new.ini");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(10000), Some(10000)).expect("root may do that");
    std::fs::rename(&link, server.dir().join("vassals/two.ini")).expect("it comes");
    server.log.wait_for(r"two.ini is no vassal: \S*two.ini belongs to user 10000");
}

#[test]
fn a_vassal_that_drains_is_told_once() {
    let server = emperor(&[("one.ini", 3001, "")]).spawn();
    wait_until_served(&server, 3001);
    let mut client = server.connect(3001);
    client.send("GET /sleep?3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    server.log.wait_for("asleep for 3");
    let file = server.dir().join("vassals/one.ini");
    std::fs::remove_file(&file).expect("the file goes");
    server.log.wait_for("stopping gracefully");
    let ended = server.stop();
    assert!(!ended.log.contains("stopping at once"), "{}", ended.log);
    client.response().expect(200);
}
