//! Health checks, traces, and what is counted.

use super::*;
use crate::memory::meters::{Count, Door, Gauge};

fn watched(config: &mut Config) {
    config.monitoring.metrics = Some("127.0.0.1:0".parse().unwrap());
    config.monitoring.live = Some("/healthz".into());
    config.monitoring.ready = Some("/readyz".into());
}

#[test]
fn health_is_no_matter_of_the_application() {
    let worker = Worker::start(Protocol::Http, 1, watched);
    let mut client = worker.connect();
    for path in ["/healthz", "/readyz"] {
        client.write_all(format!("GET {path}?x=1 HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        let (head, body) = read_one(&mut client);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nCache-Control: no-store\r\n"), "{head}");
        assert_eq!(body, "ok\n");
    }
    let head = worker.exchange(b"HEAD /healthz HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    // A POST is the application's own, and so is every other path.
    assert!(worker.exchange(b"POST /healthz HTTP/1.0\r\n\r\n").ends_with("hello"));
    assert!(worker.exchange(b"GET /healthz/ HTTP/1.0\r\n\r\n").ends_with("hello"));
    let reading = worker.meters.unwrap().read();
    assert_eq!(reading.requests, [(Door::HttpSocket, "200".to_owned(), 2)], "checks are no requests");
}

#[test]
fn a_paused_worker_lives_and_is_not_ready() {
    let mut worker = Worker::start(Protocol::Http, 1, watched);
    let mut client = worker.connect();
    let mut get = |path: &str| {
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        read_one(&mut client)
    };
    assert_eq!(get("/readyz").1, "ok\n");
    worker.control.write_all(&[Order::Pause.byte()]).unwrap();
    let paused = loop {
        let (head, body) = get("/readyz");
        if body != "ok\n" {
            break (head, body);
        }
    };
    assert!(paused.0.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && paused.1 == "paused\n", "{paused:?}");
    assert_eq!(get("/healthz").1, "ok\n");
    worker.control.write_all(&[Order::Resume.byte()]).unwrap();
    while get("/readyz").1 != "ok\n" {}
}

#[test]
fn requests_are_counted_by_door_and_status() {
    let worker = Worker::start(Protocol::Uwsgi, 2, watched);
    let vars = [("PATH_INFO", "/"), ("REQUEST_METHOD", "GET")];
    assert!(worker.exchange(&uwsgi(&vars, b"")).ends_with("hello"));
    let vars = [("PATH_INFO", "/echo"), ("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "100000")];
    let body = vec![b'x'; 100_000];
    assert!(worker.exchange(&uwsgi(&vars, &body)).ends_with("xxx"));
    assert!(worker.exchange(&uwsgi(&[("PATH_INFO", "/silent")], b"")).contains(" 500 "));
    let meters = worker.meters.unwrap();
    // Counting follows the answer.
    let reading = loop {
        let reading = meters.read();
        if reading.requests.iter().map(|(.., count)| count).sum::<u64>() == 3 {
            break reading;
        }
    };
    let of = |code: &str, count| (Door::UwsgiSocket, code.to_owned(), count);
    assert_eq!(reading.requests, [of("200", 2), of("500", 1)]);
    assert_eq!(
        (reading.durations[1].counts.iter().sum::<u64>(), reading.durations[4].counts.iter().sum::<u64>()),
        (2, 1)
    );
    assert_eq!((reading.count(Count::Exceptions), reading.count(Count::Connections)), (1, 3));
    // Packets and bodies, whether read ahead or not; heads and bodies of the answers.
    let received = reading.count(Count::Received);
    assert!(received > 100_000 && received < 100_400, "{received}");
    assert!(reading.count(Count::Sent) > 100_000 + 5, "{reading:?}");
    assert_eq!(reading.durations.iter().map(|one| one.sum).sum::<u64>(), reading.count(Count::Busy));
    assert_eq!(reading.lock.counts.iter().sum::<u64>(), 3);
    drop(worker);
    assert_eq!(meters.gauges(Gauge::Connections).sum::<u64>(), 0);
}

#[test]
fn refusals_are_counted() {
    let worker = Worker::start(Protocol::Http, 1, watched);
    assert!(worker.exchange(b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert_eq!(worker.meters.unwrap().read().requests, [(Door::HttpSocket, "400".to_owned(), 1)]);
}

#[test]
fn open_connections_are_told() {
    let worker = Worker::start(Protocol::Http, 1, watched);
    let meters = worker.meters.unwrap();
    let open = || meters.gauges(Gauge::Connections).sum::<u64>();
    let clients: Vec<_> = (0..3).map(|_| worker.connect()).collect();
    while open() != 3 {}
    drop(clients);
    while open() != 0 {}
}

#[test]
fn without_metrics_nothing_is_counted() {
    assert!(Worker::http().meters.is_none());
}

#[test]
fn a_trace_begins_where_there_is_none() {
    let worker = Worker::start(Protocol::Uwsgi, 1, |config| config.monitoring.trace_context = true);
    let ask = |headers: &[(&str, &str)]| {
        let vars = [&[("PATH_INFO", "/vars"), ("REQUEST_METHOD", "GET")], headers].concat();
        let answer = worker.exchange(&uwsgi(&vars, b""));
        let var = |key: &str| {
            let start = format!("{key}=");
            answer.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
        };
        (var("HTTP_TRACEPARENT"), var("HTTP_TRACESTATE"))
    };
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let given = [("HTTP_TRACEPARENT", valid), ("HTTP_TRACESTATE", "a=b")];
    assert_eq!(ask(&given), (Some(valid.into()), Some("a=b".into())));
    let begun = [ask(&[]), ask(&[("HTTP_TRACEPARENT", "x"), ("HTTP_TRACESTATE", "a=b")])];
    assert!(
        begun.iter().all(|(parent, state)| parent.as_ref().is_some_and(|parent| parent.len() == 55) && state.is_none())
    );
    assert_ne!(begun[0], begun[1]);
    let off = Worker::start(Protocol::Uwsgi, 1, |_| {});
    let vars = [("PATH_INFO", "/vars"), ("HTTP_TRACEPARENT", "x")];
    assert!(off.exchange(&uwsgi(&vars, b"")).contains("HTTP_TRACEPARENT=x"), "without the option nothing is touched");
}
