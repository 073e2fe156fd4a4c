//! Sessions are taken up again, whichever router process made them, and after a reload.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::openssl::{make_certificate, run};
use crate::support::{Running, Server, eventually};
use crate::upgrade;

const INI: &str =
    "[uwsgi]\nhttps = {ip}:9090,foobar.crt,foobar.key\nwsgi-file = {lab}/hello/foobar.py\nmaster = true\n";

/// Whether the session in `session.pem` was taken up again; a new one is kept there.
fn is_resumed(server: &Running, version: &str, keeps: bool) -> bool {
    let address = server.address(9090);
    let session = if keeps { "-sess_out" } else { "-sess_in" };
    let shown = run(server.dir(), "openssl", &format!("s_client -connect {address} -{version} {session} session.pem"));
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("New, TLSv1.") || text.contains("Reused, TLSv1."), "{text}");
    text.contains("Reused, ")
}

fn routers(server: &Running) -> Vec<Pid> {
    let all = server.processes().into_iter().filter(|process| process.title.starts_with("rsgi http"));
    all.map(|process| Pid::from_raw(process.pid)).collect()
}

#[test]
fn one_router_takes_up_the_sessions_of_another() {
    let server = Server::new("--ini app.ini").file("app.ini", &format!("{INI}http-processes = 2\n"));
    make_certificate(server.dir());
    let server = server.start();
    let both = eventually("two routers", || Some(routers(&server)).filter(|routers| routers.len() == 2));
    // Who is stopped accepts nobody.
    kill(both[1], Signal::SIGSTOP).expect("a router");
    assert!(!is_resumed(&server, "tls1_2", true));
    assert!(is_resumed(&server, "tls1_2", false), "the same router");
    kill(both[0], Signal::SIGSTOP).expect("a router");
    kill(both[1], Signal::SIGCONT).expect("a router");
    assert!(is_resumed(&server, "tls1_2", false), "the other router");
    kill(both[0], Signal::SIGCONT).expect("a router");
}

#[test]
fn sessions_outlive_a_router_and_a_reload_but_not_a_restart() {
    let server = Server::new("--ini app.ini").file("app.ini", INI);
    make_certificate(server.dir());
    let server = server.start();
    assert!(!is_resumed(&server, "tls1_2", true));
    let first = routers(&server);
    kill(first[0], Signal::SIGKILL).expect("a router");
    eventually("another router", || Some(routers(&server)).filter(|now| now.len() == 1 && *now != first));
    assert!(is_resumed(&server, "tls1_2", false), "a router that was born since");

    let file = server.dir().join("app.ini");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, text + "http-timeout = 30\n").expect("written");
    let before = routers(&server);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    eventually("the old router is gone", || Some(routers(&server)).filter(|now| now.len() == 1 && *now != before));
    assert!(is_resumed(&server, "tls1_2", false), "a router of the next generation");

    // Nor does it end with the program of the master, which never wrote its secret anywhere.
    let before = routers(&server);
    upgrade::install(server.dir(), |program| program);
    assert!(upgrade::upgrade(&server).status.success());
    eventually("the old router is gone", || Some(routers(&server)).filter(|now| now.len() == 1 && *now != before));
    assert!(is_resumed(&server, "tls1_2", false), "a router of the next program");

    let (session, dir) = (server.dir().join("session.pem"), tempfile::tempdir().expect("a folder"));
    std::fs::copy(session, dir.path().join("session.pem")).expect("copied");
    assert_eq!(server.stop().code, 0);
    let server = Server::new("--ini app.ini").file("app.ini", INI);
    make_certificate(server.dir());
    let server = server.start();
    std::fs::copy(dir.path().join("session.pem"), server.dir().join("session.pem")).expect("copied");
    assert!(!is_resumed(&server, "tls1_2", false), "the keys of another instance");
}
