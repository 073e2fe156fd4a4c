//! Applications that end, kill or double their worker: `tests/apps/pep3333/endings.py`. A server for each, four doors.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;

use super::answer::{Ending, read_to_the_end};
use super::behaviours::text_of;
use super::door::{Body, Door, EVERY_DOOR};
use crate::support::{Running, Server, eventually};

/// A row of that table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    /// The worker goes on.
    lives: bool,
    /// The answer is whole before the worker leaves.
    whole: bool,
    answer: Option<String>,
    log: String,
}

#[test]
fn the_worker_is_replaced_or_lives() {
    let table: BTreeMap<String, Row> =
        serde_json::from_slice(&Door::HttpSocket.get(&start(), "/table").expect(200).body).expect("a table");
    let rows = Mutex::new(table.iter());
    let failures = Mutex::new(Vec::new());
    // Most of the time is spent waiting for new workers.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((name, row)) = { rows.lock().expect("no panic").next() } {
                    let proved = std::panic::catch_unwind(|| row.prove(name));
                    if let Err(panic) = proved {
                        let text = text_of(panic.as_ref());
                        failures.lock().expect("no panic").push(format!("{name}: {text}"));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    assert!(failures.is_empty(), "{} endings:\n{}\n", failures.len(), failures.join("\n"));
}

fn start() -> Running {
    Server::new(
        "--http {ip}:9090 --socket {ip}:3031 --http-socket {ip}:8000 --fastcgi-socket {ip}:9000 --threads 2 \
         --pythonpath {apps}/pep3333 --wsgi-file {apps}/pep3333/endings.py --forkbomb-delay 0",
    )
    .start()
}

fn worker(server: &Running) -> Vec<u8> {
    Door::Router.get(server, "/pid").expect(200).body
}

impl Row {
    #[track_caller]
    fn prove(&self, name: &str) {
        let server = start();
        for door in EVERY_DOOR {
            let before = worker(&server);
            let mut client = door.connect(&server);
            // Not GET: the router would try a safe request once more.
            client.send(door.last("POST", &format!("/{name}?{name}"), Body::None));
            let answer = read_to_the_end(door, &mut client, false);
            if self.lives {
                let (response, ending) = answer.unwrap_or_else(|| panic!("{door:?}: no answer"));
                assert_ne!(ending, Ending::Broken, "{door:?}: {response:?}");
                let expected = if self.answer.is_some() { 200 } else { response.status };
                assert_eq!(response.status, expected, "{door:?}: {response:?}");
                if let Some(expected) = &self.answer {
                    assert_eq!(response.text(), expected, "{door:?}");
                }
                assert_eq!(worker(&server), before, "{door:?}: the worker is another one");
                continue;
            }
            match answer {
                None => assert!(!self.whole, "{door:?}: no answer"),
                Some((response, ending)) if response.status == 200 => {
                    let may_be_whole = self.whole || door == Door::Uwsgi;
                    assert!(ending != Ending::Whole || may_be_whole, "{door:?}: it looks whole: {response:?}");
                    assert!(["piece", "whole", ""].contains(&response.text()), "{door:?}: {response:?}");
                }
                Some((response, _)) => {
                    assert!(!self.whole && [500, 502, 503].contains(&response.status), "{door:?}: {response:?}");
                }
            }
            eventually("another worker", || (worker(&server) != before).then_some(()));
        }
        if !self.log.is_empty() {
            server.log.wait_for(&self.log);
        }
    }
}
