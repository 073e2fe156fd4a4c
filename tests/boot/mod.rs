use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::Server;

/// Waits for a message that has all of `lines`.
fn wait_for(manager: &UnixDatagram, lines: &[&str]) -> String {
    let mut buffer = [0; 4096];
    loop {
        let count = manager.recv(&mut buffer).expect("a message to the service manager in time");
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if lines.iter().all(|wanted| text.lines().any(|line| line.starts_with(wanted))) {
            return text;
        }
    }
}

#[test]
fn the_service_manager_hears_of_start_reload_watchdog_and_stop() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py");
    let path = server.dir().join("notify.sock");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let server = server.env("NOTIFY_SOCKET", path.to_str().expect("UTF-8")).env("WATCHDOG_USEC", "400000").start();
    wait_for(&manager, &["READY=1", "STATUS=serving"]);
    wait_for(&manager, &["WATCHDOG=1"]);
    server.signal(Signal::SIGHUP);
    wait_for(&manager, &["RELOADING=1", "MONOTONIC_USEC="]);
    wait_for(&manager, &["READY=1"]);
    server.get(3031, "/").expect(200);
    server.signal(Signal::SIGTERM);
    wait_for(&manager, &["STOPPING=1"]);
    assert_eq!(server.wait().code, 0);
}
