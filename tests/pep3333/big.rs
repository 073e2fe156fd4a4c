//! Large bodies both ways, in constant memory: `tests/apps/pep3333/big.py`.

use super::door::{Body, Door, EVERY_DOOR};
use crate::support::{Client, Running, Server};

/// MiB through every door.
const LARGE: usize = 64;
/// MiB through one.
const HUGE: usize = 1024;
/// MiB that a process may grow by.
const GROWTH: u64 = 24;

#[test]
fn large_answers_and_bodies_through_every_door() {
    let server = start();
    let before = largest(&server);
    for door in EVERY_DOOR {
        for name in ["streamed", "streamed_without_a_length", "written", "a_sparse_file"] {
            download(&server, door, name, LARGE);
        }
        upload(&server, door, LARGE);
    }
    bounded(&server, before);
}

#[test]
fn a_gigabyte_each_way() {
    let server = start();
    let before = largest(&server);
    download(&server, Door::HttpSocket, "streamed", HUGE);
    upload(&server, Door::HttpSocket, HUGE);
    bounded(&server, before);
}

fn start() -> Running {
    Server::new(
        "--http {ip}:9090 --socket {ip}:3031 --http-socket {ip}:8000 --fastcgi-socket {ip}:9000 --threads 2 \
         --pythonpath {apps}/pep3333 --wsgi-file {apps}/pep3333/big.py",
    )
    .start()
}

/// The answer is counted, framing and all.
fn download(server: &Running, door: Door, name: &str, size: usize) {
    let mut client = door.connect(server);
    client.send(door.last("GET", &format!("/{name}?{size}"), Body::None));
    let (count, first) = client.count_to_the_end();
    let body = size << 20;
    // A head, and at most a chunk's or a record's prefix for each 8 KiB.
    assert!((body..body + body / 256 + 1000).contains(&count), "{name} through {door:?}: {count} bytes, {first:?}");
}

/// A body of zeros, sent from one buffer.
fn upload(server: &Running, door: Door, size: usize) {
    let mut client = door.connect(server);
    let piece = vec![0; 1 << 20];
    client.send(door.opening("POST", &format!("/counted?{size}"), size << 20));
    for _ in 0..size {
        send_piece(&mut client, door, &piece);
    }
    if door == Door::Fastcgi {
        client.send(crate::support::fastcgi::stdin(&[]));
    }
    let raw = client.rest();
    let raw = String::from_utf8_lossy(&raw);
    assert!(raw.contains(&(size << 20).to_string()), "through {door:?}: {raw}");
}

fn send_piece(client: &mut Client, door: Door, piece: &[u8]) {
    match door {
        Door::Fastcgi => {
            for part in piece.chunks(32_768) {
                client.send(crate::support::fastcgi::stdin(part));
            }
        }
        Door::HttpSocket | Door::Router | Door::Uwsgi => {
            client.send(piece);
        }
    }
}

/// The most memory that each process of the server has ever held, MiB.
fn largest(server: &Running) -> Vec<(i32, String, u64)> {
    let held = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|size| size >> 10)
    };
    let processes = server.processes().into_iter();
    processes.filter_map(|process| Some((process.pid, process.title.clone(), held(process.pid)?))).collect()
}

#[track_caller]
fn bounded(server: &Running, before: Vec<(i32, String, u64)>) {
    let after = largest(server);
    for (pid, title, size) in before {
        let now = after.iter().find(|(other, ..)| *other == pid).unwrap_or_else(|| panic!("{title} is gone")).2;
        assert!(now <= size + GROWTH, "{title}: from {size} to {now} MiB");
    }
}
