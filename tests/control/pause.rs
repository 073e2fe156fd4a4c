//! SIGTSTP: a pause.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Kind, Server};

#[test]
fn clients_wait_until_it_is_over() {
    let arguments = "--http-socket {ip}:3031 --http {ip}:9090 --wsgi-file {lab}/hello/foobar.py --processes 2 --master-fifo {dir}/fifo";
    let server = Server::of(Kind::Rsgi, arguments).start();
    server.get(9090, "/").expect(200);
    server.signal(Signal::SIGTSTP);
    server.log.wait_for("PAUSE");
    // Those that are born meanwhile pause as well.
    let from = server.log.len();
    let before = server.workers(2);
    before.iter().for_each(|pid| kill(Pid::from_raw(*pid), Signal::SIGKILL).expect("a worker"));
    for worker in [1, 2] {
        server.log.wait_from(from, &format!("worker {worker} .* ready$"));
    }
    let mut clients: Vec<_> = [3031, 9090].map(|port| server.connect(port)).into();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    let from = server.log.len();
    server.signal(Signal::SIGUSR2);
    server.log.wait_from(from, "2 of 2 workers ready");
    assert!(server.log.matching("GET / =>").len() == 1, "only the first request was answered: {}", server.log.text());
    server.signal(Signal::SIGTSTP);
    server.log.wait_for("the pause is over");
    for client in &mut clients {
        client.response().expect(200);
    }
}
