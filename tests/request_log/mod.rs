//! The start-up lines, and the request line field for field.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use regex::Regex;

use crate::support::{Running, Server, phrases, uwsgi};

fn fields(line: &str) -> BTreeMap<String, String> {
    let pattern = Regex::new(phrases::REQUEST).expect("a pattern");
    let found = pattern.captures(line).unwrap_or_else(|| panic!("not uWSGI's format: {line}"));
    pattern.capture_names().flatten().map(|name| (name.to_owned(), found[name].to_owned())).collect()
}

/// Compares the fields of the line about `uri` with what is known of the request.
#[track_caller]
fn check(server: &Running, uri: &str, expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let fields = fields(&server.request_line(uri));
    for (name, value) in expected {
        assert_eq!(fields[*name], *value, "{name} in {fields:#?}");
    }
    fields
}

#[test]
fn a_packet_with_everything() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
    let pid = server.connect(3031).send(uwsgi::encode(&uwsgi::get("/process"))).response().json()["pid"].to_string();
    let mut vars = uwsgi::request("POST", "/count?a=b", 11);
    vars.push(("REMOTE_USER".to_owned(), "ada".to_owned()));
    let packet = uwsgi::encode(&vars);
    server.connect(3031).send(&packet).send("hello world").response().expect(200);
    check(
        &server,
        "/count?a=b",
        &[
            ("pid", &pid),
            ("app", "0"),
            ("req", "2"),
            ("total", "2"),
            ("addr", "127.0.0.1"),
            ("user", "ada"),
            // Keys and values count apart; bytes are those of the block.
            ("vars", &(vars.len() * 2).to_string()),
            ("size", &(packet.len() - 4).to_string()),
            ("method", "POST"),
            ("uri", "/count?a=b"),
            ("body", "2"),
            ("unit", "msecs"),
            ("via", ""),
            ("protocol", "HTTP/1.1"),
            ("status", "200"),
            ("headers", "2"),
            // HTTP/1.1 200 OK, Content-Type: text/plain, Content-Length: 2, and an empty line.
            ("head", "64"),
            ("switches", "1"),
            ("core", "0"),
        ],
    );
}

#[test]
fn over_http_socket() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py").start();
    server.get(3031, "/a%20b?c").expect(200);
    let fields = check(
        &server,
        "/a%20b?c",
        &[
            ("app", "0"),
            ("req", "1"),
            ("total", "1"),
            ("addr", "127.0.0.1"),
            ("user", ""),
            ("method", "GET"),
            ("body", "11"),
            ("protocol", "HTTP/1.1"),
            ("status", "200"),
            ("headers", "1"),
            ("head", "44"),
            ("switches", "1"),
        ],
    );
    let now = std::process::Command::new("date").args(["-u", "+%Y"]).output().expect("date");
    assert!(fields["time"].ends_with(String::from_utf8_lossy(&now.stdout).trim()), "{fields:#?}");
    assert!(fields["took"].parse::<u32>().expect("a number") < 2000, "{fields:#?}");
}

#[test]
fn through_the_router() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py").start();
    server.get(9090, "/stream").expect(200);
    check(
        &server,
        "/stream",
        &[
            ("addr", "127.0.0.1"),
            ("method", "GET"),
            ("body", "13"),
            ("status", "200"),
            ("headers", "1"),
            ("switches", "3"),
        ],
    );
}

#[test]
fn time_is_the_applications() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --threads 2").start();
    server.get(3031, "/sleep?0.3").expect(200);
    let fields = fields(&server.request_line("/sleep?0.3"));
    let took: u32 = fields["took"].parse().expect("a number");
    assert!((300..1500).contains(&took), "{fields:#?}");
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --log-micros").start();
    server.get(3031, "/sleep?0.1").expect(200);
    let fields = check(&server, "/sleep?0.1", &[("unit", "micros")]);
    assert!((100_000..1_500_000).contains(&fields["took"].parse::<u32>().expect("a number")), "{fields:#?}");
}

#[test]
fn counts_are_per_worker_and_per_instance() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --master --processes 2").start();
    for _ in 0..20 {
        server.get(3031, "/hello").expect(200);
    }
    let lines = server.log.wait_for_count(0, " GET /hello => ", 20);
    let mut by_worker: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut totals = Vec::new();
    for line in &lines {
        let fields = fields(line);
        by_worker.entry(fields["pid"].clone()).or_default().push(fields["req"].parse().expect("a number"));
        totals.push(fields["total"].parse::<u32>().expect("a number"));
    }
    totals.sort_unstable();
    assert_eq!(totals, (1..=20).collect::<Vec<_>>());
    for counts in by_worker.values() {
        assert_eq!(*counts, (1..=u32::try_from(counts.len()).expect("few")).collect::<Vec<_>>());
    }
}

/// What a client sends cannot forge a line or a terminal command.
#[test]
fn values_of_the_client_are_escaped() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
    let mut vars = uwsgi::get("/hello");
    vars.push(("REMOTE_USER".to_owned(), "eve)\n[pid: 1|app: 0] forged \u{1b}[31m".to_owned()));
    server.connect(3031).send(uwsgi::encode(&vars)).response().expect(200);
    let line = server.request_line("/hello");
    assert!(line.contains("eve"), "{line}");
    assert!(!line.contains('\u{1b}'), "{line:?}");
    assert_eq!(server.log.matching(r"^\[pid: 1\|"), [""; 0]);
}

/// As uWSGI does it: when a request began, not when it was over.
#[test]
fn the_time_of_a_request_is_that_of_its_start() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let written = |second: u64| {
        let words = [format!("--date=@{second}"), "+[%a %b %e %H:%M:%S %Y]".to_owned()];
        let output = std::process::Command::new("date").args(words).env("LC_ALL", "C").output();
        String::from_utf8(output.expect("date").stdout).expect("text").trim().to_owned()
    };
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/slow.py").start();
    let before = now();
    server.get(3031, "/stuck?2.5").expect(200);
    // It has begun two seconds ago at least.
    let latest = now() - 2;
    let line = server.request_line("/stuck?2.5");
    let starts: Vec<String> = (before..=latest).map(written).collect();
    assert!(starts.iter().any(|time| line.contains(time)), "{line}: not of {starts:?}");
}

/// Few lines that say what a person wants to know.
#[test]
fn start_up_lines() {
    let server = Server::new(
        "--http {ip}:9090 --socket {ip}:3031 --http-socket {ip}:8000 --wsgi-file {apps}/probe.py --processes 2 --threads 2",
    );
    let server = server.start();
    server.workers(2);
    // A request may be answered before the master has said that the router is ready.
    server.log.wait_for(r"^http 1 \(pid \d+\) ready");
    server.get(9090, "/hello").expect(200);
    let text: Vec<String> =
        server.log.text().lines().take_while(|line| !line.contains("=> generated")).map(str::to_owned).collect();
    let mut workers: Vec<&String> = text.iter().filter(|line| line.starts_with("worker ")).collect();
    workers.sort();
    let rest = text.iter().filter(|line| !line.starts_with("worker "));
    let text = rest.chain(workers).cloned().collect::<Vec<_>>().join("\n");
    // Root is warned; nobody else.
    let text = text.replace("warning: you are running rsgi as root: give it a user of its own with uid and gid\n", "");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&regex::escape(env!("CARGO_MANIFEST_DIR")), "[repository]");
    settings.add_filter(&regex::escape(&server.ip.to_string()), "[ip]");
    settings.add_filter(r"on \w+-\w+, \d+ CPUs?", "on [machine], [n] CPUs");
    settings.add_filter(r"\d+\.\d+\.\d+\S* \(.*\)\s+\[.*\]", "[version] ([build])");
    settings.add_filter(r"\d+\.\d+\.\d+", "[version]");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[time]");
    settings.add_filter(r"pid:? \d+", "pid [pid]");
    settings.add_filter(r"\d+(\.\d+)? ?m?s\b", "[took]");
    settings.bind(|| insta::assert_snapshot!("start_up_lines", text));
}
