//! What surrounds an instance notices nothing of an upgrade: systemd, the emperor.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;

use super::{exe, file, install, of_another_version, upgrade};
use crate::support::{Client, Kind, Running, Server, eventually};

const APP: &str = "--wsgi-file {apps}/probe.py --master";

/// Upgrades twice, to another version and back, and says which generation serves then.
fn there_and_back(server: &Running) -> u32 {
    for (number, change) in [(1, of_another_version as fn(Vec<u8>) -> Vec<u8>), (2, |program| program)] {
        install(server.dir(), change);
        let output = upgrade(server);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.log.wait_for(&format!("^generation {number} serves"));
        // Refused until the generation before has left.
        eventually("the end of the generation before", || {
            let zygotes = server.processes().into_iter().filter(|process| process.title == "rsgi zygote").count();
            let workers = server.processes().into_iter().filter(|process| process.title == "rsgi worker 1").count();
            (zygotes == 1 && workers == 1).then_some(())
        });
    }
    2
}

#[test]
fn sockets_of_systemd_stay_where_they_are() {
    for options in ["--http fd://3", "--http-socket ADDRESS"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let std::net::SocketAddr::V4(address) = listener.local_addr().expect("an address") else { panic!("IPv6") };
        let options = options.replace("ADDRESS", &address.to_string());
        let server = Server::of(Kind::Rsgi, &format!("{options} {APP}")).passed(listener).activated();
        let program = install(server.dir(), |program| program);
        let server = server.program(&program).spawn();
        server.workers(1);
        assert_eq!(Client::tcp(address).get("/hello").expect(200).text(), "hello");
        let last = there_and_back(&server);
        assert_eq!(Client::tcp(address).get("/hello").expect(200).text(), "hello");
        server.signal(Signal::SIGHUP);
        server.log.wait_for(&format!("^generation {} serves", last + 1));
        let environment = Client::tcp(address).get("/process").expect(200).json()["environment"].clone();
        for name in ["LISTEN_FDS", "LISTEN_PID", "RSGI_SUCCESSION"] {
            assert!(environment.get(name).is_none(), "{environment:#}");
        }
    }
}

#[test]
fn systemd_is_told_of_a_reload() {
    let server = Server::of(Kind::Rsgi, &format!("--http-socket {{ip}}:3031 {APP}"));
    let path = server.dir().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
    let program = install(server.dir(), |program| program);
    let server = server.env("NOTIFY_SOCKET", path.to_str().expect("UTF-8")).program(&program).start();
    let mut heard = Vec::new();
    let mut wait_for = |word: &str| {
        let mut buffer = [0; 4096];
        while !heard.iter().any(|line: &String| line == word) {
            let count = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{word}: {error}: {heard:?}"));
            heard.extend(String::from_utf8_lossy(&buffer[..count]).lines().map(ToOwned::to_owned));
        }
        std::mem::take(&mut heard)
    };
    wait_for("READY=1");
    install(server.dir(), |program| program);
    assert!(upgrade(&server).status.success());
    wait_for("RELOADING=1");
    let between = wait_for("READY=1");
    assert!(!between.iter().any(|line| line.starts_with("STOPPING") || line.starts_with("MAINPID")), "{between:?}");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn an_emperor_keeps_its_vassal() {
    let vassal = "[uwsgi]\nhttp-socket = {ip}:3001\nwsgi-file = {apps}/probe.py\nheartbeat = 1\n";
    let server = Server::of(Kind::Rsgi, "--emperor {dir}/vassals --emperor-freq 1 --emperor-required-heartbeat 5")
        .file("vassals/one.ini", vassal)
        .spawn();
    server.log.wait_for("one.ini is now loyal");
    let line = server.log.wait_for("one.ini has been spawned");
    let pid: i32 =
        line.rsplit_once("pid: ").and_then(|(_, pid)| pid.trim_end_matches(')').parse().ok()).expect("a pid");
    let program = install(server.dir(), |program| program);
    let output = std::process::Command::new(&program).args(["upgrade", &pid.to_string()]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(exe(pid), file(&program));
    // The emperor hears that it lives, longer than it would wait for a silent one.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(7);
    while std::time::Instant::now() < until {
        server.get(3001, "/hello").expect(200);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(server.log.matching("one.ini has been spawned").len(), 1);
    // And it hears that the emperor is gone.
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
}

#[test]
fn loggers_that_cannot_be_opened_again_go_on() {
    let options = "--http-socket {ip}:3031 --master --req-logger file:{dir}/logs/requests";
    for change in [of_another_version as fn(Vec<u8>) -> Vec<u8>, |program| program] {
        let server = Server::of(Kind::Rsgi, &format!("{options} {APP}")).file("logs/empty", "");
        let program = install(server.dir(), |program| program);
        let server = server.program(&program).start();
        server.workers(1);
        // The file is there, and nobody can open it any more.
        let mut requests = std::fs::File::open(server.dir().join("logs/requests")).expect("a log");
        std::fs::remove_dir_all(server.dir().join("logs")).expect("removed");
        install(server.dir(), change);
        let output = upgrade(&server);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.log.wait_for("^generation 1 serves");
        server.get(3031, "/hello?later").expect(200);
        let mut text = String::new();
        eventually("the request line", || {
            std::io::Read::read_to_string(&mut requests, &mut text).expect("text");
            text.contains("/hello?later").then_some(())
        });
        assert_eq!(server.stop().code, 0);
    }
}
