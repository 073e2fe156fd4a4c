//! A server whose application writes down what reaches it, and what it has written.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::{Kind, Running, Server};

/// The worker's own socket, and the router's.
pub(super) const DOORS: [(&str, u16); 2] = [("direct", 3031), ("router", 9090)];

/// What the application saw of a request: its variables.
pub(super) type Record = serde_json::Map<String, Value>;

/// A server with both doors, small limits, and `options`.
#[track_caller]
pub(super) fn start(options: &str) -> Running {
    let arguments = "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {apps}/witness.py --threads 4 \
        --buffer-size 4096 --limit-post 100000 --disable-logging";
    let server = Server::of(Kind::Rsgi, &format!("{arguments} {options}"));
    server.env("WITNESS", "{dir}/records").start()
}

/// Every request that has reached the application, by its number. Lines are whole: each is written at once.
#[track_caller]
pub(super) fn records(server: &Running) -> HashMap<u64, Record> {
    let text = std::fs::read_to_string(server.dir().join("records")).expect("the records");
    text.lines()
        .map(|line| {
            let record: Record = serde_json::from_str(line).expect("a record");
            (record["number"].as_u64().expect("a number"), record)
        })
        .collect()
}

/// A variable of a record; `None` when it is not there.
pub(super) fn value<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.get(name).and_then(Value::as_str)
}
