//! Traces from the client to the application and into the log.

use serde_json::Value;

use crate::support::{Kind, Server};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
}

#[test]
fn a_trace_reaches_the_application_and_the_log() {
    let arguments = "--http {ip}:9090 --http-socket {ip}:8080 --wsgi-file {apps}/probe.py --trace-context";
    let format = "traced %(uri) %(traceid) %(spanid)";
    let server = Server::of(Kind::Rsgi, arguments).arg("--log-format").arg(format).start();
    for port in [9090, 8080] {
        let given = format!("traceparent: {PARENT}\r\ntracestate: rojo=1\r\n");
        let environ = server.ask(port, get(&format!("/environ/{port}"), &given)).json();
        assert_eq!((&environ["HTTP_TRACEPARENT"], &environ["HTTP_TRACESTATE"]), (&PARENT.into(), &"rojo=1".into()));
        server.log.wait_for(&format!("traced /environ/{port} 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331"));
        let environ = server.ask(port, get(&format!("/environ/new{port}"), "tracestate: rojo=1\r\n")).json();
        let parent = environ["HTTP_TRACEPARENT"].as_str().expect("a trace").to_owned();
        assert!(
            parent.starts_with("00-") && parent.ends_with("-03") && environ.get("HTTP_TRACESTATE").is_none(),
            "{environ}"
        );
        let ids = parent[3..52].replace('-', " ");
        server.log.wait_for(&format!("traced /environ/new{port} {ids}"));
    }
}

#[test]
fn json_lines_have_ids_and_nothing_begins_unasked() {
    let arguments = "--http {ip}:9090 --wsgi-file {apps}/probe.py --log-json";
    let server = Server::of(Kind::Rsgi, arguments).start();
    let environ = server.ask(9090, get("/environ/a", &format!("traceparent: {PARENT}\r\n"))).json();
    assert_eq!(environ["HTTP_TRACEPARENT"], PARENT);
    let line = server.log.wait_for("\"uri\":\"/environ/a\"");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&PARENT[3..35].into(), &PARENT[36..52].into()));
    let environ = server.ask(9090, get("/environ/b", "")).json();
    assert!(environ.get("HTTP_TRACEPARENT").is_none(), "{environ}");
    let line = server.log.wait_for("\"uri\":\"/environ/b\"");
    assert!(!line.contains("trace_id"), "{line}");
}
