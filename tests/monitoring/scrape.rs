//! One look at the metrics, read by Prometheus' own parser.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::lab::{LAB, root};
use crate::support::{Client, Response, Running};

/// Every sample.
#[derive(Debug)]
pub(super) struct Scrape(Vec<Value>);

/// The answer to a scrape that asks for this format.
#[track_caller]
pub(super) fn ask(mut client: Client, accept: &str) -> Response {
    client.send(format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n")).response().expect(200)
}

/// Reads an exposition as `text` or `openmetrics`.
#[track_caller]
pub(super) fn parse(format: &str, text: &[u8]) -> Scrape {
    let mut parser = Command::new(LAB.venv.join("bin/python"))
        .arg(root().join("tests/monitoring/parse.py"))
        .arg(format)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    parser.stdin.take().expect("a pipe").write_all(text).expect("it reads");
    let output = parser.wait_with_output().expect("its end");
    assert!(output.status.success(), "the parser refuses:\n{}", String::from_utf8_lossy(text));
    Scrape(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// Looks at port 9192 in the common format.
#[track_caller]
pub(super) fn scrape(server: &Running) -> Scrape {
    parse("text", &ask(server.connect(9192), "text/plain;version=0.0.4").body)
}

impl Scrape {
    /// The sum of the samples with this name and with these labels among theirs; `None` without any.
    pub(super) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let is_it = |sample: &&Value| {
            sample["name"] == name && labels.iter().all(|(label, value)| sample["labels"][label] == *value)
        };
        self.0.iter().filter(is_it).map(|sample| sample["value"].as_f64()).sum()
    }

    /// As [`Self::get`]; there must be one.
    #[track_caller]
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        assert!(self.0.iter().any(|sample| sample["name"] == name), "there is no {name}");
        self.get(name, labels).expect("a number")
    }

    /// Names and types of all families.
    pub(super) fn families(&self) -> Vec<(String, String)> {
        let text = |sample: &Value, key: &str| sample[key].as_str().expect("text").to_owned();
        let mut families: Vec<_> = self.0.iter().map(|sample| (text(sample, "family"), text(sample, "type"))).collect();
        families.dedup();
        families
    }

    /// Every counter is at least what it was in `before`.
    #[track_caller]
    pub(super) fn never_falls_since(&self, before: &Self) {
        for sample in before.0.iter().filter(|sample| sample["type"] == "counter" || sample["type"] == "histogram") {
            let is_same = |other: &&Value| other["name"] == sample["name"] && other["labels"] == sample["labels"];
            let now = self.0.iter().find(is_same).unwrap_or_else(|| panic!("{sample} is gone"));
            assert!(now["value"].as_f64() >= sample["value"].as_f64(), "{sample} has become {now}");
        }
    }
}
