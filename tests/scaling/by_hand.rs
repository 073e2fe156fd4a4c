//! One more, one less: letters in `master-fifo`, SIGTTIN, SIGTTOU; and that no request is lost by it.

use std::io::Write;

use nix::sys::signal::Signal;

use super::{both, hold, let_go, under_load, until_workers_are, workers};
use crate::support::Running;

const MANUAL: &str = "--cheaper 1 --cheaper-algo manual --master-fifo {dir}/fifo";

fn write(server: &Running, letters: &str) {
    let path = server.dir().join("fifo");
    let mut pipe = std::fs::OpenOptions::new().write(true).open(path).expect("a pipe");
    pipe.write_all(letters.as_bytes()).expect("a reader");
}

#[test]
fn letters_and_signals_change_the_number_within_its_limits() {
    let server = both(&format!("--processes 3 {MANUAL}")).start();
    server.workers(1);
    write(&server, "+");
    server.workers(2);
    server.signal(Signal::SIGTTIN);
    server.workers(3);
    write(&server, "+");
    server.log.wait_for("no worker is added: all 3 run .processes.");
    write(&server, "-");
    server.log.wait_for("^rsgi worker 3 cheaped");
    server.signal(Signal::SIGTTOU);
    server.log.wait_for("^rsgi worker 2 cheaped");
    server.signal(Signal::SIGTTOU);
    server.log.wait_for("no worker is stopped: no fewer than 1 are to run .cheaper.");
    assert_eq!(workers(&server), [1]);
}

#[test]
fn no_request_is_lost_while_workers_come_and_go() {
    for threads in [1, 2] {
        let server = both(&format!("--processes 3 --threads {threads} {MANUAL}")).start();
        server.workers(1);
        under_load(&server, || {
            for round in 1..=4 {
                write(&server, "++");
                server.workers(1 + 2 * round);
                server.signal(Signal::SIGTTOU);
                server.log.wait_for_count(0, r"^rsgi worker \d cheaped", 2 * round - 1);
                write(&server, "-");
                server.log.wait_for_count(0, r"^rsgi worker \d cheaped", 2 * round);
            }
        });
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_worker_that_is_stopped_finishes_what_it_has() {
    let server = both(&format!("--processes 2 {MANUAL}")).start();
    server.workers(1);
    write(&server, "+");
    server.workers(2);
    let (mut routed, mut direct) = (hold(&server, 9090), hold(&server, 3031));
    write(&server, "-");
    // The one that stays is busy as well: this one waits.
    let mut next = super::ask_and_wait(&server, 9090);
    let_go(&server);
    for client in [&mut routed, &mut direct, &mut next] {
        client.response().expect(200);
    }
    server.log.wait_for(r"^rsgi worker \d cheaped");
    server.get(9090, "/").expect(200);
}

#[test]
fn one_that_never_finishes_is_killed_when_its_mercy_ends() {
    let server = both(&format!("--processes 2 --worker-reload-mercy 1 {MANUAL}")).start();
    server.workers(1);
    let kept = hold(&server, 9090);
    write(&server, "+");
    server.workers(2);
    let lost = hold(&server, 9090);
    write(&server, "-");
    server.log.wait_for(r"worker 2 .pid: \d+. is taking too much time to die...NO MERCY !!!");
    server.log.wait_for("^rsgi worker 2 cheaped");
    let_go(&server);
    let statuses = [kept, lost].map(|mut client| client.response().status);
    assert_eq!(statuses, [200, 502]);
    until_workers_are(&server, &[1]);
}
