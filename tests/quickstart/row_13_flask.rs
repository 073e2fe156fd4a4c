//! `--wsgi-file myflaskapp.py --callable app`

use std::fmt::Write as _;

use crate::support::{Kind, Running, Server};

const COMMAND: &str = "--http {ip}:9090 --virtualenv {venv} --wsgi-file {lab}/flask/myflaskapp.py --callable app";

fn start() -> Running {
    Server::new(COMMAND).start()
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("{COMMAND} --processes 4 --threads 2 --stats {{ip}}:9191")).start();
        let response = server.get(9090, "/").expect(200);
        assert_eq!(response.text(), "<span style='color:red'>I am app 1</span>");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn a_form_and_the_url_the_application_sees() {
    let server = start();
    let answer = server.post(9090, "/echo", "application/x-www-form-urlencoded", b"a=1&b=%C3%A4").expect(200).json();
    assert_eq!(answer["form"], serde_json::json!({"a": "1", "b": "\u{e4}"}));
    assert_eq!(answer["address"], "127.0.0.1");
    assert_eq!(answer["url"], "http://localhost/echo");
}

#[test]
fn a_stream() {
    let mut expected = String::new();
    for n in 0..1000 {
        let _ = writeln!(expected, "line {n}");
    }
    assert_eq!(start().get(9090, "/stream").expect(200).text(), expected);
}

#[test]
fn an_error_in_a_view_is_flasks_own_500_and_a_traceback() {
    let server = start();
    let response = server.get(9090, "/error").expect(500);
    assert!(response.text().contains("Internal Server Error"), "{}", response.text());
    server.log.wait_for("RuntimeError: flask view failed");
    server.get(9090, "/").expect(200);
}

#[test]
fn without_callable_the_name_that_was_looked_for_is_told() {
    let server = Server::new("--http {ip}:9090 --virtualenv {venv} --wsgi-file {lab}/flask/myflaskapp.py --need-app");
    let ended = server.run();
    assert_eq!(ended.code, 22, "{}", ended.log);
    assert!(ended.log.contains("application"), "{}", ended.log);
    assert!(ended.log.contains("myflaskapp.py"), "{}", ended.log);
}
