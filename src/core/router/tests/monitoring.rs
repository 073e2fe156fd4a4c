//! Health checks, traces, and what is counted.

use std::os::fd::AsFd;

use super::stage::{Said, Stage, value};
use crate::control::Order;
use crate::memory::meters::{Count, Door, Gauge, Meters, Reading};
use crate::router::shop::Settings;

fn probes(settings: &mut Settings) {
    let mut config = rsgi_config::Config::default();
    config.monitoring.live = Some("/healthz".into());
    config.monitoring.ready = Some("/readyz".into());
    settings.probes = crate::health::Probes::of(&config);
}

/// A router that counts, and its counters.
fn metered() -> (Stage, Meters) {
    let meters = Meters::map(Meters::create().unwrap().as_fd()).unwrap();
    let stage = Stage::with(|settings| {
        probes(settings);
        settings.meter = meters.router(1);
        settings.seat = meters.sit(1);
    });
    (stage, meters)
}

/// Counting follows the answer.
fn counted(meters: Meters, requests: u64) -> Reading {
    loop {
        let reading = meters.read();
        if reading.requests.iter().map(|(.., count)| count).sum::<u64>() == requests {
            return reading;
        }
    }
}

#[test]
fn health_checks_pass_whoever_waits() {
    let stage = Stage::with(probes);
    let mut client = stage.client();
    client.get("/healthz?x");
    assert!(client.answer("ok\n").starts_with("HTTP/1.1 200 OK\n"));
    client.get("/readyz");
    let nobody = client.answer("no worker\n");
    assert!(nobody.starts_with("HTTP/1.1 503 ") && nobody.contains("Cache-Control: no-store\n"), "{nobody}");
    let (mut core, mut first, mut second) = (stage.core(), stage.client(), stage.client());
    first.get("/first");
    assert_eq!(core.path(), "/first");
    second.get("/second");
    for path in ["/healthz", "/readyz"] {
        client.get(path);
        assert!(client.answer("ok\n").starts_with("HTTP/1.1 200 OK\n"));
    }
    core.reply("x");
    assert_eq!(core.path(), "/second");
    // What is no check goes to the application.
    client.get("/healthz/");
    core.reply("x");
    assert_eq!(core.path(), "/healthz/");
}

#[test]
fn a_paused_router_lives_and_is_not_ready() {
    let mut stage = Stage::with(probes);
    let (_core, mut client) = (stage.core(), stage.client());
    stage.order(Order::Pause);
    let paused = loop {
        client.get("/readyz");
        let answer = client.answer("\n");
        if !answer.ends_with("ok\n") {
            break answer;
        }
    };
    assert!(paused.starts_with("HTTP/1.1 503 ") && paused.ends_with("paused\n"), "{paused}");
    client.get("/healthz");
    client.answer("ok\n");
}

#[test]
fn requests_are_counted_with_those_that_no_worker_sees() {
    let (stage, meters) = metered();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/a");
    assert_eq!(core.path(), "/a");
    core.reply("hello");
    client.status();
    client.get("/healthz");
    client.answer("ok\n");
    client.send("nonsense\r\n\r\n");
    client.status();
    let reading = counted(meters, 2);
    let of = |code: &str| (Door::Http, code.to_owned(), 1);
    assert_eq!(reading.requests, [of("200"), of("400")]);
    assert_eq!((reading.queue.counts[0], reading.count(Count::Connections)), (1, 1));
    assert!(reading.count(Count::Received) > 30 && reading.count(Count::Sent) > 30, "{reading:?}");
    drop((client, stage));
    assert_eq!(meters.gauges(Gauge::Connections).sum::<u64>(), 0);
}

#[test]
fn who_leaves_and_who_is_tried_again() {
    let (stage, meters) = metered();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/left");
    assert_eq!(core.path(), "/left");
    drop(client);
    assert_eq!(core.next(), Said::Abort);
    let reading = counted(meters, 1);
    assert_eq!(reading.requests, [(Door::Http, "499".to_owned(), 1)]);
    core.reply("x");

    let mut client = stage.client();
    client.get("/again");
    assert_eq!(core.path(), "/again");
    drop(core);
    let mut core = stage.core();
    assert_eq!(core.path(), "/again");
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    assert_eq!(counted(meters, 2).count(Count::Retried), 1);
}

#[test]
fn the_queue_is_told_with_its_age() {
    let (stage, meters) = metered();
    let mut clients: Vec<_> = (0..3).map(|_| stage.client()).collect();
    let before = crate::harakiri::now();
    clients.iter_mut().for_each(|client| client.get("/"));
    let queue = || meters.gauges(Gauge::Queue).sum::<u64>();
    while queue() != 3 {}
    let since: Vec<_> = meters.gauges(Gauge::QueueSince).collect();
    assert!(since.len() == 1 && since[0] >= before && since[0] <= crate::harakiri::now(), "{since:?}");
    let mut core = stage.core();
    for _ in 0..3 {
        assert_eq!(core.path(), "/");
        core.reply("x");
    }
    while queue() != 0 {}
    assert_eq!(meters.gauges(Gauge::QueueSince).collect::<Vec<_>>(), [0]);
    assert_eq!(counted(meters, 3).queue.counts.iter().sum::<u64>(), 3);
}

#[test]
fn requests_that_nobody_can_serve_are_shed() {
    let meters = Meters::map(Meters::create().unwrap().as_fd()).unwrap();
    let stage = Stage::with(|settings| {
        settings.connect_timeout = std::time::Duration::ZERO;
        settings.meter = meters.router(1);
    });
    let mut client = stage.client();
    client.get("/");
    assert_eq!(client.status(), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(counted(meters, 1).count(Count::Shed), 1);
}

#[test]
fn a_trace_goes_on_or_begins() {
    let stage = Stage::with(|settings| settings.trace_context = true);
    let (mut core, mut client) = (stage.core(), stage.client());
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut parent = |headers: &str| {
        client.send(&format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n"));
        let (_, vars) = core.request();
        core.reply("x");
        client.status();
        (value(&vars, "HTTP_TRACEPARENT").to_owned(), vars.iter().any(|(key, _)| key == "HTTP_TRACESTATE"))
    };
    assert_eq!(parent(&format!("traceparent: {valid}\r\ntracestate: a=b\r\n")), (valid.to_owned(), true));
    for headers in
        ["", "traceparent: x\r\ntracestate: a=b\r\n", &format!("traceparent: {valid}\r\ntraceparent: {valid}\r\n")]
    {
        let (begun, has_state) = parent(headers);
        assert!(
            crate::trace::Parent::read(begun.as_bytes()).is_some() && begun != valid && !has_state,
            "{headers}: {begun}"
        );
    }
}
