//! The emperor and its vassals, seen from outside.

mod ceremony;
mod chores;
mod demand;
mod many;
mod reign;

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Kind, Running, Server, eventually};

/// An emperor whose vassals are files in the folder `vassals`; each serves the probe on its own port of the server's address.
pub(super) fn emperor(vassals: &[(&str, u16, &str)]) -> Server {
    let server = Server::new("--emperor {dir}/vassals --emperor-freq 1 --emperor-throttle 200");
    vassals
        .iter()
        .fold(server, |server, (name, port, more)| server.file(&format!("vassals/{name}"), &vassal(*port, more)))
}

pub(super) fn vassal(port: u16, more: &str) -> String {
    format!("[uwsgi]\nhttp-socket = {{ip}}:{port}\nwsgi-file = {{apps}}/probe.py\n{more}\n")
}

pub(super) fn wait_until_served(server: &Running, port: u16) {
    let address = server.address(port);
    eventually("a vassal listens", || crate::support::processes::listeners().contains(&address).then_some(()));
    server.get(port, "/hello").expect(200);
}

pub(super) fn wait_until_gone(server: &Running, port: u16) {
    let address = server.address(port);
    eventually("a vassal is gone", || (!crate::support::processes::listeners().contains(&address)).then_some(()));
}

#[test]
fn every_file_is_an_instance_of_its_own() {
    let server = emperor(&[("one.ini", 3001, ""), ("two.ini", 3002, "")]).spawn();
    for (name, port) in [("one.ini", 3001), ("two.ini", 3002)] {
        wait_until_served(&server, port);
        server.log.wait_for(&format!(r"vassal \S*{name} is now loyal"));
    }
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(ended.log.contains("The Emperor has been buried."), "{}", ended.log);
}

#[test]
fn files_that_come_go_and_change_are_followed() {
    let server = emperor(&[("one.ini", 3001, "")]).spawn();
    wait_until_served(&server, 3001);
    let text = std::fs::read_to_string(server.dir().join("vassals/one.ini")).expect("the first vassal");
    std::fs::write(server.dir().join("vassals/two.ini"), text.replace(":3001", ":3002")).expect("a second vassal");
    wait_until_served(&server, 3002);
    let touched = std::fs::File::options().append(true).open(server.dir().join("vassals/one.ini")).expect("the file");
    touched.set_modified(std::time::SystemTime::now() + Duration::from_secs(5)).expect("a newer time");
    server.log.wait_for(r"reload the vassal \S*one.ini");
    server.log.wait_for("generation 1 serves");
    std::fs::remove_file(server.dir().join("vassals/two.ini")).expect("the file goes");
    server.log.wait_for(r"vassal \S*two.ini is gone");
    wait_until_gone(&server, 3002);
    wait_until_served(&server, 3001);
}

#[test]
fn vassals_go_on_while_their_folder_is_away() {
    let server = emperor(&[("one.ini", 3001, ""), ("two.ini", 3002, "")]).spawn();
    server.log.wait_for_count(0, "is now loyal", 2);
    let pids = || server.processes().into_iter().map(|process| process.pid).collect::<std::collections::BTreeSet<_>>();
    let before = pids();
    let (vassals, away) = (server.dir().join("vassals"), server.dir().join("away"));
    std::fs::rename(&vassals, &away).expect("the folder goes");
    server.log.wait_for("vassals: No such file or directory .*: its vassals go on as they are");
    let seen = server.log.len();
    server.signal(Signal::SIGUSR1);
    server.log.wait_from(seen, "2 vassals run, 2 of them serve");
    std::fs::rename(&away, &vassals).expect("and comes back");
    server.log.wait_for("vassals can be looked at again");
    assert_eq!(pids(), before);
    assert!(!server.log.text().contains("removed vassal"), "{}", server.log.text());
    // Its folder is there, and it is not.
    std::fs::remove_file(vassals.join("two.ini")).expect("the file goes");
    server.log.wait_for(r"vassal \S*two.ini is gone");
}

#[test]
fn a_vassal_that_falls_back_is_as_loyal_as_any() {
    let server = emperor(&[("one.ini", 3001, "uid = nobody-of-that-name\nfallback-config = {dir}/fallback.ini")]);
    let server = server.file("fallback.ini", &vassal(3002, "")).spawn();
    server.log.wait_for(r"vassal \S*one.ini is now loyal");
    wait_until_served(&server, 3002);
    std::fs::remove_file(server.dir().join("vassals/one.ini")).expect("the file goes");
    server.log.wait_for(r"vassal \S*one.ini is gone");
    wait_until_gone(&server, 3002);
}

#[test]
fn a_vassal_that_cannot_start_never_hurts_the_others() {
    let server = emperor(&[("bad.ini", 3001, "chdir = /no/such/folder"), ("good.ini", 3002, "")]).spawn();
    wait_until_served(&server, 3002);
    server.log.wait_for(r"vassal \S*bad.ini ended too early \(exit code 1\), next try in 200 ms");
    server.log.wait_for(r"vassal \S*bad.ini ended too early \(exit code 1\), next try in 800 ms");
    server.get(3002, "/hello").expect(200);
}

#[test]
fn a_killed_vassal_is_back() {
    let server = emperor(&[("one.ini", 3001, "")]).spawn();
    let line = server.log.wait_for(r"vassal \S*one.ini has been spawned \(pid: \d+\)");
    wait_until_served(&server, 3001);
    server.log.wait_for("is now loyal");
    let pid: i32 =
        line.rsplit_once("pid: ").and_then(|(_, pid)| pid.trim_end_matches(')').parse().ok()).expect("a pid");
    let seen = server.log.len();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).expect("the vassal");
    server.log.wait_from(seen, "is now loyal");
    wait_until_served(&server, 3001);
}

#[test]
fn vassals_inherit_what_the_emperor_gives_them() {
    let server = emperor(&[("one.ini", 3001, "env = GIVEN=%(given)")])
        .arg("--vassal-set")
        .arg("given=from-the-emperor")
        .arg("--vassals-inherit")
        .arg("{dir}/common.ini")
        .file("common.ini", "[uwsgi]\nthreads = 2\n")
        .spawn();
    wait_until_served(&server, 3001);
    server.log.wait_for(r"worker 1 ready|worker 1 \(pid \d+, 2 cores\) ready");
    assert!(server.log.text().contains("2 cores"), "{}", server.log.text());
}

#[test]
fn what_the_emperor_includes_wins_as_under_uwsgi() {
    for (option, threads) in [("--vassals-include", 3), ("--vassals-include-before", 2)] {
        for kind in [Kind::Rsgi, Kind::Uwsgi] {
            let server = Server::of(kind, "--emperor {dir}/vassals --emperor-freq 1")
                .arg(option)
                .arg("{dir}/common.ini")
                .file("common.ini", "[uwsgi]\nthreads = 3\n")
                .file("vassals/one.ini", &vassal(3001, "threads = 2\nmaster = true"))
                .spawn();
            server
                .log
                .wait_for(&format!(r"worker 1 \(pid \d+, {threads} cores\) ready|uWSGI worker 1 .*cores: {threads}"));
        }
    }
}

#[test]
fn vassals_leave_when_their_emperor_is_killed() {
    let server = emperor(&[("one.ini", 3001, "")]).spawn();
    wait_until_served(&server, 3001);
    server.signal(Signal::SIGKILL);
    server.log.wait_for("lost the connection with the emperor");
    wait_until_gone(&server, 3001);
    assert!(server.wait().code < 0);
}

#[test]
fn an_emperor_serves_nothing_itself() {
    let ended = Server::new("--emperor {dir} --http-socket {ip}:3001").run();
    assert_eq!(ended.code, 1);
    assert!(ended.log.contains("an emperor serves no application itself"), "{}", ended.log);
}
