//! Floods of slow, silent and rude clients, while honest ones are served by the same processes.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::SockRef;

use super::{DOORS, narrow, start};
use crate::support::processes::{Process, descriptors, processor, resident};
use crate::support::results::{self, Cost};
use crate::support::{Running, eventually};

const OPTIONS: &str = "--min-rate 1000 --min-rate-grace 2 --socket-timeout 2";

/// Runs an attack while honest clients ask all the time; afterwards the same processes serve, and hold no descriptor more.
fn endure(port: u16, name: &str, cases: usize, attack: impl FnOnce(&Running)) {
    let server = start(OPTIONS);
    (0..50).for_each(|_| drop(server.get(port, "/").expect(200)));
    let before: Vec<_> = server.processes().into_iter().map(|process| state(&process)).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) || served == 0 {
                server.get(port, "/").expect(200);
                served += 1;
            }
        });
        let end = End(&over);
        attack(&server);
        drop(end);
        honest.join().expect("honest clients are served");
    });
    server.get(port, "/").expect(200);
    let mut cost = Cost { before: 0, most: 0, processor: 0 };
    for (pid, open, held, spent) in before {
        eventually(&format!("{name}: descriptors of {pid}"), || (descriptors(pid) <= open).then_some(()));
        let (now, most) = resident(pid);
        assert!(now < held + 64 * 1024, "{name}: {pid} held {held} KiB, now {now}");
        let spent = u64::try_from((processor(pid) - spent).as_millis()).expect("not that long");
        cost.processor += spent;
        // Of all processes the one that has grown the most.
        if cost.most == 0 || most.saturating_sub(held) > cost.most - cost.before {
            (cost.before, cost.most) = (held, most.max(held));
        }
    }
    assert!(!server.log.text().contains("panic"));
    let door = if port == super::ROUTER { "router" } else { "worker" };
    results::record_attack("client attacks", &format!("{name}, {door}"), cases, cost);
}

/// Honest clients stop when the attack is over, however it ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn state(process: &Process) -> (i32, usize, u64, Duration) {
    (process.pid, descriptors(process.pid), resident(process.pid).0, processor(process.pid))
}

/// Slowloris: heads that never end, on as many connections as the client has.
#[test]
fn heads_that_never_end() {
    const CLIENTS: usize = 500;
    for port in DOORS {
        endure(port, "slowloris", CLIENTS, |server| {
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| narrow(server, port)).collect();
            for client in &mut clients {
                client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").expect("sent");
            }
            // Until every one of them has been sent away.
            eventually("the last one is closed", || {
                std::thread::sleep(Duration::from_millis(100));
                clients.retain_mut(|client| client.write_all(b"X-A: b\r\n").is_ok());
                clients.is_empty().then_some(())
            });
        });
    }
}

/// Answers that nobody takes: each holds a core, for no longer than it may.
#[test]
fn answers_that_nobody_takes() {
    const CLIENTS: usize = 12;
    for port in DOORS {
        endure(port, "slow read", CLIENTS, |server| {
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| narrow(server, port)).collect();
            for client in &mut clients {
                client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
            }
            // The whole of the answer never comes, the end does.
            clients.iter().for_each(|client| eventually("the connection is cut", || gone(client)));
        });
    }
}

/// A reset, or an end, behind whatever has been received: seen without taking any of it.
fn gone(client: &TcpStream) -> Option<()> {
    // RDHUP is asked for by epoll alone.
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll set");
    epoll.add(client, EpollEvent::new(EpollFlags::EPOLLRDHUP, 0)).expect("added");
    let mut events = [EpollEvent::empty()];
    (epoll.wait(&mut events, EpollTimeout::ZERO).expect("looked") > 0).then_some(())
}

/// Half of a request, and then nothing at all: no end, no reset, as from a machine that was switched off.
#[test]
fn clients_that_fall_silent() {
    const CLIENTS: usize = 300;
    let halves: [&[u8]; 4] = [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
    ];
    for port in DOORS {
        endure(port, "half-open", CLIENTS, |server| {
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| narrow(server, port)).collect();
            for (number, client) in clients.iter_mut().enumerate().filter(|(number, _)| number % 4 != 0) {
                client.write_all(halves[number % 4]).expect("sent");
            }
            // Who has said nothing at all is let go by the time for heads, which is longer.
            for client in clients.iter().enumerate().filter(|(number, _)| number % 4 != 0).map(|(_, client)| client) {
                eventually("it is let go", || gone(client));
            }
        });
    }
}

/// Connections that are reset at every stage.
#[test]
fn storms_of_resets() {
    const CLIENTS: usize = 3000;
    let stages: [&[u8]; 5] = [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
    ];
    for port in DOORS {
        endure(port, "resets", CLIENTS, |server| {
            std::thread::scope(|scope| {
                for sender in 0..4 {
                    scope.spawn(move || {
                        for number in 0..CLIENTS / 4 {
                            let connect = || TcpStream::connect(server.address(port)).ok();
                            let mut client = eventually("a connection", connect);
                            let _ = client.write_all(stages[(number + sender) % stages.len()]);
                            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("set");
                        }
                    });
                }
            });
        });
    }
}
