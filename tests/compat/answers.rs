//! Answers and request lines.

use regex::Regex;

use super::both;
use crate::support::{Response, Running, Server, uwsgi};

/// Headers that rsgi's own HTTP adds, where uWSGI adds nothing and closes the connection.
const ADDED: [&str; 4] = ["date", "connection", "transfer-encoding", "server"];

/// What of an answer has to agree.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
    body: String,
    line: String,
}

fn seen(server: &Running, response: Response, uri: &str) -> Seen {
    let line = server.request_line(uri);
    // Process, time and duration are each server's own.
    let own =
        Regex::new(r"pid: \d+|\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\]|in \d+ msecs|on core \d+").expect("a pattern");
    Seen {
        status: response.status,
        reason: response.reason,
        headers: response
            .headers
            .into_iter()
            .filter(|(name, _)| !ADDED.contains(&name.to_lowercase().as_str()))
            .collect(),
        body: String::from_utf8_lossy(&response.body).into_owned(),
        line: own.replace_all(&line, "-").into_owned(),
    }
}

const PATHS: [&str; 8] = [
    "/hello",
    "/hello?with=a&query",
    "/echo",
    "/stream",
    "/empty",
    "/big?100000",
    "/status?404%20Not%20Found",
    "/status?503%20Busy",
];

#[test]
fn behind_nginx_everything_agrees() {
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {apps}/probe.py"));
    for path in PATHS {
        let [theirs, ours] = servers.each_ref().map(|server| {
            let response = server.connect(3031).send(uwsgi::encode(&uwsgi::get(path))).response();
            seen(server, response, path)
        });
        assert_eq!(ours, theirs, "{path}");
    }
}

#[test]
fn a_body_behind_nginx() {
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {apps}/probe.py"));
    let [theirs, ours] = servers.each_ref().map(|server| {
        // In one piece: uWSGI counts a wait for the body as a switch.
        let request = [uwsgi::encode(&uwsgi::request("POST", "/echo", 11)).as_slice(), b"hello world"].concat();
        seen(server, server.connect(3031).send(request).response(), "/echo")
    });
    assert_eq!(ours, theirs);
}

#[test]
fn over_http_socket_and_router() {
    // The router's client has another port, of another length, each time, and so the packet another size.
    let sizes = Regex::new(r"\{\d+ vars in \d+ bytes\}").expect("a pattern");
    for (option, port) in [("http-socket", 8000), ("http", 9090)] {
        let servers = both(|kind| Server::of(kind, &format!("--{option} {{ip}}:{port} --wsgi-file {{apps}}/probe.py")));
        for path in PATHS {
            let [theirs, ours] = servers.each_ref().map(|server| {
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: example.org\r\nX-Test: 1\r\nConnection: close\r\n\r\n");
                let mut seen = seen(server, server.ask(port, request), path);
                seen.line = sizes.replace(&seen.line, "-").into_owned();
                seen
            });
            assert_eq!(ours, theirs, "{path} over {option}");
        }
    }
}

#[test]
fn the_size_of_the_request_in_the_log_agrees_over_http_socket() {
    let sizes = Regex::new(r"\{(\d+) vars in (\d+) bytes\}").expect("a pattern");
    let servers = both(|kind| Server::of(kind, "--http-socket {ip}:8000 --wsgi-file {apps}/probe.py"));
    let [theirs, ours] = servers.each_ref().map(|server| {
        server
            .ask(8000, "GET /hello HTTP/1.1\r\nHost: example.org\r\nX-Test: 1\r\nConnection: close\r\n\r\n")
            .expect(200);
        let line = server.request_line("/hello");
        let found = sizes.captures(&line).expect("the field");
        [1, 2].map(|group| found[group].parse::<usize>().expect("a number"))
    });
    // Only rsgi tells the client's port here, which has five digits on Linux.
    assert_eq!(ours, [theirs[0] + 2, theirs[1] + 2 + "REMOTE_PORT".len() + 2 + 5]);
}

#[test]
fn several_headers_of_one_name() {
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {apps}/pep.py"));
    let [theirs, ours] = servers.each_ref().map(|server| {
        let mut vars = uwsgi::get("/headers");
        // nginx sends none; the validator of this application asks for one.
        vars.push(("SCRIPT_NAME".to_owned(), String::new()));
        seen(server, server.connect(3031).send(uwsgi::encode(&vars)).response(), "/headers")
    });
    assert_eq!(ours, theirs);
}

#[test]
fn without_an_application_the_answer_is_the_same_500() {
    let head = Regex::new(r"\d headers in \d+ bytes").expect("a pattern");
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {dir}/missing.py --need-app=false"));
    let [theirs, ours] = servers.each_ref().map(|server| {
        let response = server.connect(3031).send(uwsgi::encode(&uwsgi::get("/x"))).response();
        let mut seen = seen(server, response, "/x");
        // rsgi's page has a length, on every protocol.
        seen.headers.retain(|(name, _)| name != "Content-Length");
        seen.line = head.replace(&seen.line, "-").into_owned();
        seen
    });
    assert_eq!(ours, theirs);
}
