//! `log-json`: whatever is written, and however, a line is an object and a record is a line.

use serde_json::Value;

use crate::support::{Kind, Running, Server};

const APP: &str = "import faulthandler, os, sys, threading, traceback
import uwsgi
class Gone:
    def __del__(self):
        raise ValueError('in del')
def application(environ, start_response):
    uwsgi.set_logvar('order', 'twelve')
    path = environ['PATH_INFO']
    if path == '/fail':
        raise ValueError('a\\nb')
    if path == '/half':
        print('x', end='', flush=True)
        os.write(2, b'progress...')
    if path == '/long':
        print('x', end='', flush=True)
        uwsgi.set_logvar('long', 'y' * 9000)
    if path == '/thread':
        thread = threading.Thread(target=lambda: 1 / 0, name='side')
        thread.start()
        thread.join()
    if path == '/del':
        Gone()
    if path == '/print_exc':
        try:
            try:
                {}['inner']
            finally:
                1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
    if path == '/dump':
        faulthandler.dump_traceback()
    if path == '/exit':
        os._exit(3)
    if path == '/panic':
        uwsgi._panic('of the plugin')
    start_response('201 Created', [('Content-Type', 'text/plain'), ('X-A', '1')])
    return [b'hello', b'world']
";

fn server(door: &str) -> Running {
    let arguments = format!("--{door} {{ip}}:9090 --wsgi-file {{dir}}/app.py --log-json --master");
    Server::of(Kind::Rsgi, &arguments).file("app.py", APP).start()
}

/// All of a log, record by record.
fn records(server: Running) -> Vec<Value> {
    let log = server.stop().log;
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// The one record whose message contains `text`.
fn message<'a>(records: &'a [Value], text: &str) -> &'a Value {
    let has = |record: &&Value| record["message"].as_str().is_some_and(|message| message.contains(text));
    let found: Vec<_> = records.iter().filter(has).collect();
    let [record] = found[..] else { panic!("{text}: {found:#?}") };
    record
}

/// The URIs of all requests.
fn requests(records: &[Value]) -> Vec<&str> {
    let requests = records.iter().filter(|record| record["type"] == "request");
    requests.filter_map(|record| record["uri"].as_str()).collect()
}

#[test]
fn one_object_a_record() {
    let server = server("http");
    server.get(9090, "/shop").expect(201);
    server.get(9090, "/fail").expect(500);
    let records = records(server);
    assert!(records.iter().all(|record| record["time"].is_string()), "{records:#?}");
    let request = records.iter().find(|record| record["uri"] == "/shop").expect("the request");
    assert_eq!((&request["type"], &request["status"]), (&"request".into(), &201.into()), "{request}");
    assert_eq!((&request["app.order"], &request["body_bytes"]), (&"twelve".into(), &10.into()), "{request}");
    let traceback = message(&records, "Traceback");
    let text = traceback["message"].as_str().expect("a text");
    assert!(text.starts_with("Traceback (most recent call last):\n") && text.ends_with("ValueError: a\nb"), "{text}");
    assert_eq!(traceback["level"], "error");
}

/// An application that leaves a line open: the record that follows is its own.
#[test]
fn half_a_line_swallows_no_record() {
    let server = server("http-socket");
    for path in ["/half", "/shop", "/half", "/long"] {
        server.get(9090, path).expect(201);
    }
    let records = records(server);
    assert_eq!(requests(&records), ["/half", "/shop", "/half", "/long"]);
    let long = records.iter().find(|record| record["uri"] == "/long").expect("the request");
    assert_eq!(long["app.long"].as_str().map(str::len), Some(9000));
    assert!(
        records.iter().any(|record| record["message"].as_str().is_some_and(|text| text.starts_with("xprogress...")))
    );
}

#[test]
fn a_traceback_is_one_record_whoever_writes_it() {
    let server = server("http-socket");
    let paths = ["/thread", "/del", "/print_exc", "/dump"];
    for path in paths {
        server.get(9090, path).expect(201);
    }
    let records = records(server);
    assert_eq!(requests(&records), paths);
    let thread = message(&records, "Exception in thread side:\nTraceback (most recent call last):\n");
    assert!(thread["pid"].is_u64(), "{thread}");
    let del = message(&records, "Exception ignored");
    assert!(del["pid"].is_u64() && del["message"].as_str().expect("a text").contains("Gone.__del__ at 0x"), "{del}");
    let chained = message(&records, "KeyError: 'inner'\n\nDuring handling of the above exception");
    for (record, end) in [(thread, "division by zero"), (del, "ValueError: in del"), (chained, "division by zero")] {
        let text = record["message"].as_str().expect("a text");
        assert!(text.ends_with(end), "{text}");
        assert_eq!(record["level"], "error", "{text}");
    }
    let stacks = message(&records, "(most recent call first):\n");
    assert!(stacks["message"].as_str().expect("a text").contains("in application"), "{stacks}");
    assert_eq!(stacks["level"], "info");
}

/// What the router answers itself, and the death of a worker.
#[test]
fn refusals_are_records_of_their_own() {
    let server = server("http");
    server.get(9090, "/%").expect(400);
    // A GET would be tried once more.
    server
        .ask(9090, "POST /exit?a=\"b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect(502);
    server.log.wait_for("DAMN !");
    let records = records(server);
    let refusals: Vec<_> = records.iter().filter(|record| record["type"] == "refusal").collect();
    let [malformed, dead] = refusals[..] else { panic!("{refusals:#?}") };
    let told = |record: &Value, names: [&str; 4]| names.map(|name| record[name].clone());
    let names = ["status", "fault", "level", "addr"];
    assert_eq!(told(malformed, names)[..3], [400.into(), "client".into(), Value::from("info")]);
    assert_eq!(told(dead, names)[..3], [502.into(), "worker".into(), Value::from("warning")]);
    assert_eq!((&dead["method"], &dead["uri"]), (&"POST".into(), &"/exit?a=\"b".into()));
    assert!(dead["addr"].as_str().is_some_and(|addr| addr.starts_with("127.")) && dead["port"].is_u64(), "{dead}");
    assert_eq!(dead["message"], "the worker ended before it had answered");
    assert_eq!(message(&records, "DAMN ! worker 1 ")["level"], "error");
}

/// A defect of the server itself: `uwsgi._panic` is in debug builds only.
#[cfg(debug_assertions)]
#[test]
fn a_panic_has_an_identifier() {
    let arguments = "--http-socket {ip}:9090 --metrics {ip}:9192 --wsgi-file {dir}/app.py --log-json --harakiri 60";
    let server = Server::of(Kind::Rsgi, arguments).file("app.py", APP).start();
    server.get(9090, "/panic").expect(500);
    server.get(9090, "/shop").expect(201);
    let metrics = server.get(9192, "/metrics").expect(200).text().to_owned();
    assert!(metrics.contains("\nrsgi_panics_total 1\n"), "{metrics}");
    let records = records(server);
    let panic = records.iter().find(|record| record["type"] == "panic").expect("the panic");
    assert_eq!((&panic["message"], &panic["level"]), (&"of the plugin".into(), &"error".into()));
    assert_eq!(panic["process"], "worker 1");
    assert!(panic["place"].as_str().is_some_and(|place| place.contains("server.rs:")), "{panic}");
    assert_eq!(panic["request"], "GET /panic");
    let failed = records.iter().find(|record| record["uri"] == "/panic").expect("the request");
    assert_eq!((&failed["status"], &failed["panic"]), (&500.into(), &panic["panic"]), "{failed}");
    assert!(
        panic["panic"].is_string()
            && records.iter().all(|record| record["uri"] != "/shop" || record["panic"].is_null())
    );
}

#[cfg(debug_assertions)]
#[test]
fn a_panic_is_a_line_of_text_too() {
    let server = Server::of(Kind::Rsgi, "--http-socket {ip}:9090 --wsgi-file {dir}/app.py").file("app.py", APP).start();
    server.get(9090, "/panic").expect(500);
    let line =
        server.log.wait_for(r"^error: panic [0-9a-f]{10} in the worker 1: of the plugin \(.*server\.rs:\d+:\d+\)");
    let id = line.split(' ').nth(2).expect("an identifier");
    server.log.wait_for(&format!(r" GET /panic => .* \(HTTP/1\.1 500\) .* on core 0\) panic {id}$"));
}
