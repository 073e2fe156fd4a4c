//! The table of behaviours of applications in `tests/apps/pep3333`, each through four doors. `behaviours.py` there says what
//! the words of the table mean.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::answer::{Ending, read_to_the_end};
use super::door::{Asked, Body, Door, EVERY_DOOR};
use crate::support::{Response, Running, Server, eventually, results};

/// Notes are awaited this long.
const SOON: Duration = Duration::from_secs(20);

/// A row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Behaviour {
    method: Option<String>,
    body: Option<String>,
    sends: BTreeMap<String, String>,
    announces: Option<usize>,
    leaves_after: Option<usize>,
    leaves_at: Option<String>,
    doors: Vec<String>,
    status: u16,
    answer: String,
    headers: BTreeMap<String, Option<String>>,
    broken: Option<String>,
    notes: Vec<String>,
    log: String,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            method: None,
            body: None,
            sends: BTreeMap::new(),
            announces: None,
            leaves_after: None,
            leaves_at: None,
            doors: EVERY_DOOR.iter().map(|door| door.name().to_owned()).collect(),
            status: 200,
            answer: String::new(),
            headers: BTreeMap::new(),
            broken: None,
            notes: Vec::new(),
            log: String::new(),
        }
    }
}

#[test]
fn afterlife() {
    through_every_door("afterlife");
}

#[test]
fn closes() {
    through_every_door("closes");
}

#[test]
fn environs() {
    through_every_door("environs");
}

#[test]
fn errors() {
    through_every_door("errors");
}

#[test]
fn headers() {
    through_every_door("headers");
}

#[test]
fn inputs() {
    through_every_door("inputs");
}

#[test]
fn iterables() {
    through_every_door("iterables");
}

#[test]
fn lengths() {
    through_every_door("lengths");
}

#[test]
fn starts() {
    through_every_door("starts");
}

/// Asks for every behaviour of a theme, and tells of all that are not as the table says.
#[track_caller]
fn through_every_door(theme: &str) {
    let server = Server::new(&format!(
        "--http {{ip}}:9090 --socket {{ip}}:3031 --http-socket {{ip}}:8000 --fastcgi-socket {{ip}}:9000 \
         --pythonpath {{apps}}/pep3333 --wsgi-file {{apps}}/pep3333/{theme}.py --threads 4"
    ))
    .start();
    let ask = |path: &str| Door::HttpSocket.get(&server, path).expect(200);
    let table: BTreeMap<String, Behaviour> = serde_json::from_slice(&ask("/table").body).expect("a table");
    let worker = ask("/pid").body;
    let mut failures = Vec::new();
    let mut noted: BTreeMap<String, &[String]> = BTreeMap::new();
    for (name, behaviour) in &table {
        for door in EVERY_DOOR.into_iter().filter(|door| behaviour.doors.iter().any(|name| name == door.name())) {
            let body = behaviour.body.as_ref().map(|body| latin_1(body));
            let bodies = match &body {
                None => vec![Body::None],
                Some(body) if door.has_chunks() && behaviour.announces.is_none() => {
                    vec![Body::Length(body), Body::Chunked(body)]
                }
                Some(body) => vec![Body::Length(body)],
            };
            for body in bodies {
                let run =
                    format!("{name}-{}{}", door.name(), if let Body::Chunked(_) = body { "-chunked" } else { "" });
                noted.insert(run.clone(), &behaviour.notes);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| behaviour.prove(&server, door, name, &run, body)))
                {
                    failures.push(format!("{run}: {}", text_of(panic.as_ref())));
                }
            }
        }
        if !behaviour.log.is_empty() && catch_unwind(|| server.log.wait_for(&behaviour.log)).is_err() {
            failures.push(format!("{name}: no line in the log that matches {}", behaviour.log));
        }
    }
    // Those that are about to be noted, and then those that are noted once too often.
    let since = Instant::now();
    while !wrong_notes(&server, &noted).is_empty() && since.elapsed() < SOON {
        std::thread::sleep(Duration::from_millis(20));
    }
    failures.extend(wrong_notes(&server, &noted));
    if ask("/pid").body != worker {
        failures.push("the worker is another one than at the beginning".to_owned());
    }
    results::record("PEP 3333", theme, noted.len(), failures.len());
    assert!(failures.is_empty(), "{} of {theme}:\n{}\n", failures.len(), failures.join("\n"));
}

/// Runs whose notes are not as expected.
fn wrong_notes(server: &Running, expected: &BTreeMap<String, &[String]>) -> Vec<String> {
    let notes = Door::HttpSocket.get(server, "/notes").expect(200);
    let notes: BTreeMap<String, Vec<String>> = serde_json::from_slice(&notes.body).expect("notes");
    let of = |run: &String| notes.get(run).map_or(&[][..], Vec::as_slice);
    let wrong = expected.iter().filter(|(run, expected)| of(run) != **expected);
    wrong.map(|(run, expected)| format!("{run} has noted {:?}, not {expected:?}", of(run))).collect()
}

impl Behaviour {
    /// Asks once and compares.
    #[track_caller]
    fn prove(&self, server: &Running, door: Door, name: &str, run: &str, body: Body) {
        let method = self.method.as_deref().unwrap_or(if self.body.is_some() { "POST" } else { "GET" });
        let target = format!("/{name}?{run}");
        let mut headers = self.sends.clone();
        if self.broken.is_some() && door.has_chunks() {
            headers.insert("Connection".to_owned(), "close".to_owned());
        }
        let request =
            door.bytes(&Asked { method, target: &target, body, announced: self.announces, headers: &headers });
        let mut client = door.connect(server);
        client.send(request);
        if let Some(note) = &self.leaves_at {
            eventually(note, || {
                let notes = Door::HttpSocket.get(server, "/notes").expect(200).json();
                notes[run].as_array()?.iter().any(|noted| noted == note).then_some(())
            });
            return;
        }
        if let Some(count) = self.leaves_after {
            client.peek(count);
            return;
        }
        let is_head = method == "HEAD";
        let (response, ending) = if self.broken.is_some() || !door.has_chunks() {
            read_to_the_end(door, &mut client, is_head).expect("an answer")
        } else if is_head {
            (client.response_to_head(), Ending::Whole)
        } else {
            (client.response(), Ending::Whole)
        };
        if door == Door::Router && self.broken.as_deref() == Some("") && response.status == 502 {
            // The router has the head alone in its hands, and says what became of the rest.
            return;
        }
        match &self.broken {
            Some(_) => assert_ne!(ending, Ending::Whole, "it must not look whole: {response:?}"),
            None => assert_ne!(ending, Ending::Broken, "it is cut off: {response:?}"),
        }
        self.compare(&response);
        if door.has_chunks() && self.broken.is_none() {
            // The connection is closed now, or in step.
            if client.try_send(door.request("GET", "/after", Body::None)).is_ok() && !client.is_closed() {
                assert_eq!(client.response().expect(200).text(), "in step");
            }
        }
    }

    #[track_caller]
    fn compare(&self, response: &Response) {
        assert_eq!(response.status, self.status, "{response:?}");
        let expected = self.broken.as_ref().unwrap_or(&self.answer);
        let body: String = response.body.iter().map(|&byte| char::from(byte)).collect();
        // An answer of the server's own has a text of its own.
        if self.status != 500 || !expected.is_empty() {
            assert!(body == *expected, "answered {}, not {}", shortened(&body), shortened(expected));
        }
        for (name, value) in &self.headers {
            let given = match (name.as_str(), name.strip_suffix('*')) {
                (":reason", _) => Some(response.reason.clone()),
                (_, Some(name)) => {
                    let of = response.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
                    Some(of.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("|"))
                }
                _ => response.header(name).map(str::to_owned),
            };
            assert_eq!(given, *value, "{name}");
        }
    }
}

fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).expect("Latin-1")).collect()
}

fn shortened(text: &str) -> String {
    if text.len() < 1000 { format!("{text:?}") } else { format!("{} bytes", text.len()) }
}

pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
