//! What has to be as before, whatever has come.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::doors::Door;
use super::{PORT, PROCESSES, THREADS};
use crate::support::processes::{descriptors, resident};
use crate::support::results::{self, Cost};
use crate::support::{Running, eventually};

/// Connections at a time.
const SENDERS: usize = 6;
/// What a process may hold more than before: what its allocator keeps.
const SLACK_KIB: u64 = 16 * 1024;

/// The processes of a server as they were.
pub(super) struct Health {
    processes: Vec<(i32, usize, u64)>,
}

impl Health {
    /// Looks, once every core has been at work.
    #[track_caller]
    pub(super) fn of(server: &Running, door: &Door) -> Self {
        every_core_answers(server, door);
        let look = |pid| (pid, descriptors(pid), resident(pid).0);
        Self { processes: server.processes().into_iter().map(|process| look(process.pid)).collect() }
    }

    /// Memory is as before; what the process that has held most has held.
    #[track_caller]
    pub(super) fn holds_no_more(&self, door: &Door, part: &str) -> Cost {
        let mut cost = Cost { before: 0, most: 0, processor: 0 };
        for (pid, _, held) in &self.processes {
            let (now, most) = resident(*pid);
            assert!(now < held + SLACK_KIB, "{}, {part}: {pid} held {held} KiB, now {now} KiB", door.name);
            if most > cost.most {
                cost = Cost { before: *held, most, processor: 0 };
            }
        }
        cost
    }

    /// Looks again and writes down what it has cost.
    #[track_caller]
    pub(super) fn unharmed(&self, server: &Running, door: &Door, part: &str, cases: usize) {
        every_core_answers(server, door);
        let known: Vec<_> = self.processes.iter().map(|process| process.0).collect();
        let mut now: Vec<_> = server.processes().into_iter().map(|process| process.pid).collect();
        now.sort_unstable();
        let mut before = known.clone();
        before.sort_unstable();
        assert_eq!(now, before, "{}, {part}: the same processes serve", door.name);
        let log = server.log.text();
        assert!(!log.contains("panic"), "{}, {part}: {log}", door.name);
        for (pid, open, _) in &self.processes {
            let what = format!("{}, {part}: the descriptors of {pid} are back", door.name);
            eventually(&what, || (descriptors(*pid) <= *open).then_some(()));
        }
        let cost = self.holds_no_more(door, part);
        results::record_attack(&format!("protocols {}", door.name), part, cases, cost);
    }
}

/// Every core of every worker is at work at the same time. A worker that finds a connection before its bytes keeps it, busy or
/// not; so clients come until all cores have met.
#[track_caller]
fn every_core_answers(server: &Running, door: &Door) {
    static MEETING: AtomicUsize = AtomicUsize::new(0);
    let place = format!("meet/{}", MEETING.fetch_add(1, Ordering::Relaxed));
    let asked = door.sample(&format!("/{place}"));
    let mut clients = Vec::new();
    eventually(&format!("{}: every core is at work", door.name), || {
        let present = std::fs::read_dir(server.dir().join(&place)).map_or(0, Iterator::count);
        if clients.len() < 100 {
            clients.push(door.open(server, &asked));
        }
        (present == PROCESSES * THREADS).then_some(())
    });
    for mut client in clients {
        let answer = door.text(&client.rest());
        assert!(answer.contains("MET 4"), "{}: {answer:?}", door.name);
    }
}

/// Sends each input on a connection of its own and says that nothing more will come; what comes back, in order. `None`: the
/// server does not close.
pub(super) fn send_all(server: &Running, inputs: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    std::thread::scope(|scope| {
        let share = inputs.len().div_ceil(SENDERS).max(1);
        let send = |share: &[Vec<u8>]| share.iter().map(|input| send(server, input)).collect::<Vec<_>>();
        let senders: Vec<_> = inputs.chunks(share).map(|share| scope.spawn(move || send(share))).collect();
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender")).collect()
    })
}

fn send(server: &Running, input: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server.address(PORT)).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // Who is refused may find the connection closed before all is sent.
    let _ = stream.write_all(input).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => None,
        Ok(_) | Err(_) => Some(answer),
    }
}
