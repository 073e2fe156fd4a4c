//! Twenty thousand clients that have asked once and keep their connections: what they cost, and that others do not notice.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

use super::{ROUTER, WORKER, start};
use crate::support::lab::LAB;
use crate::support::processes::{processor, resident};
use crate::support::results::{self, Cost};
use crate::support::{Running, eventually};

const CLIENTS: u64 = 20_000;
/// What all of them may cost.
const MOST_KIB: u64 = 100 * 1024;
/// Processes that hold them, on each side, for the descriptors that one may have.
const HOLDERS: u64 = 2;

struct Holder(Child);

impl Holder {
    fn new(server: &Running, port: u16, count: u64) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slow/idle.py");
        let mut command = Command::new(LAB.venv.join("bin/python"));
        command.args([script, &server.ip.to_string(), &port.to_string(), &count.to_string()]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python");
        Self(child)
    }

    fn wait(&mut self) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "held\n");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn held(server: &Running, role: &str) -> (u64, Duration) {
    let title = format!("rsgi {role} ");
    let of_role = server.processes().into_iter().filter(|process| process.title.starts_with(&title));
    of_role
        .map(|process| (resident(process.pid).0, processor(process.pid)))
        .fold(Default::default(), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

fn endure(port: u16, role: &str, options: &str) {
    let server = start(options);
    for _ in 0..200 {
        server.get(port, "/").expect(200);
    }
    let (before, spent) = held(&server, role);
    assert!(before > 0, "{:?}", server.processes());
    // As many as descriptors allow, where that is less.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let each = (CLIENTS / HOLDERS).min(hard.saturating_sub(500));
    let mut holders: Vec<_> = (0..HOLDERS).map(|_| Holder::new(&server, port, each)).collect();
    holders.iter_mut().for_each(Holder::wait);
    let clients = each * HOLDERS;
    let allowed = MOST_KIB * clients / CLIENTS;
    let what = format!("{clients} idle clients of the {role} in {allowed} KiB");
    // A connection lets go of what it needs for requests a moment after the last one.
    let after = eventually(&what, || {
        let (after, _) = held(&server, role);
        (after < before + allowed).then_some(after)
    });
    for _ in 0..200 {
        server.get(port, "/").expect(200);
    }
    let processor = u64::try_from((held(&server, role).1 - spent).as_millis()).expect("not that long");
    let cost = Cost { before, most: after, processor };
    results::record_attack("client attacks", &format!("{clients} idle connections, {role}"), 1, cost);
}

#[test]
fn twenty_thousand_idle_clients_of_the_routers() {
    endure(ROUTER, "http", "--http-processes 2 --http-keepalive=600");
}

#[test]
fn twenty_thousand_idle_clients_of_the_workers() {
    endure(WORKER, "worker", "--http-socket-keepalive 600");
}
