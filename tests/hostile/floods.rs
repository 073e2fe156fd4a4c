//! Ten thousand connections of garbage at every door, most of them at once gone again.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::doors::{Door, PACKETS, PROXIES, at_each};
use super::health::Health;
use super::{PORT, start};
use crate::http1::random::Random;
use crate::support::{Running, eventually};

const CONNECTIONS: usize = 10_000;
const SENDERS: usize = 8;

at_each! { endured at
    garbage_for_uwsgi: PACKETS[0],
    garbage_for_puwsgi: PACKETS[1],
    garbage_for_fastcgi: PACKETS[2],
    garbage_for_scgi: PACKETS[3],
    garbage_before_http_on_a_worker: PROXIES[1],
    garbage_before_http_on_the_router: PROXIES[3],
}

#[track_caller]
fn endured(door: &Door) {
    let server = start(door, "");
    let sample = door.sample("/");
    // What allocators take once is taken before we look.
    garbage(&server, &sample, 500, 1);
    let health = Health::of(&server, door);
    garbage(&server, &sample, CONNECTIONS, 2);
    health.unharmed(&server, door, "garbage", CONNECTIONS);
}

fn garbage(server: &Running, sample: &[u8], count: usize, seed: u64) {
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || {
                let mut random = Random::new(seed * 100 + sender as u64);
                for _ in 0..count / SENDERS {
                    one(server, sample, &mut random);
                }
            });
        }
    });
}

/// One connection: some bytes, behind the beginning of a good request or not, and one of several ends.
fn one(server: &Running, sample: &[u8], random: &mut Random) {
    let good = if random.below(2) == 0 { random.below(sample.len()) } else { 0 };
    let mut bytes = sample[..good].to_vec();
    bytes.extend((0..random.below(300)).map(|_| u8::try_from(random.below(256)).expect("a byte")));
    // A listener whose queue is full lets clients wait.
    let connect = || TcpStream::connect_timeout(&server.address(PORT).into(), Duration::from_secs(20)).ok();
    let mut stream = eventually("a connection", connect);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // It may have been refused meanwhile.
    let _ = stream.write_all(&bytes);
    match random.below(4) {
        // Gone at once, with a reset where the answer is not read.
        0 | 1 => {}
        2 => drop(stream.shutdown(Shutdown::Both)),
        _ => {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}
