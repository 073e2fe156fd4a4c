//! The router's own end, and what its clients and workers see of it.

use std::net::TcpStream;

use super::stage::{Said, Stage, frame, head};
use crate::control::{Order, Queue, Report};

#[test]
fn draining_finishes_requests_and_closes_idle_connections() {
    let mut stage = Stage::new();
    let (mut core, mut busy, mut idle) = (stage.core(), stage.client(), stage.client());
    idle.get("/first");
    core.path();
    core.reply("x");
    idle.status();
    busy.get("/");
    core.path();
    stage.order(Order::Drain);
    assert_eq!(idle.rest().unwrap(), b"");
    assert!(stage.runs(), "a request is still being served");
    core.reply("last");
    let answer = busy.answer("last");
    assert!(answer.contains("Connection: close"), "{answer}");
    assert_eq!(busy.rest().unwrap(), b"");
    stage.join();
    assert!(TcpStream::connect(stage.address).is_err());
}

#[test]
fn the_end_is_the_end_of_a_pause() {
    let mut stage = Stage::new();
    let mut client = stage.client();
    client.get("/held");
    stage.order(Order::Pause);
    stage.order(Order::TellQueue);
    // It has heard of the pause when it tells.
    while !matches!(stage.report(), Report::Queue(Queue { waiting: 1, .. })) {}
    let mut core = stage.core();
    stage.order(Order::Drain);
    assert_eq!(core.path(), "/held");
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    stage.join();
}

#[test]
fn a_request_that_is_just_coming_when_draining_begins_is_served() {
    let mut stage = Stage::new();
    let (mut core, mut client, mut idle) = (stage.core(), stage.client(), stage.client());
    // Its answer proves that what was sent before it has been read.
    client.send("GET /half HTTP/1.1\r\nHo");
    idle.get("/");
    core.path();
    core.reply("x");
    idle.status();
    stage.order(Order::Drain);
    assert_eq!(idle.rest().unwrap(), b"");
    client.send("st: h\r\n\r\n");
    assert_eq!(core.path(), "/half");
    core.reply("whole");
    let answer = client.answer("whole");
    assert!(answer.contains("Connection: close"), "{answer}");
    stage.join();
}

/// Its head said that the connection stays, so the client may ask again, and POST is not sent twice.
#[test]
fn after_an_answer_that_was_under_way_when_successors_took_over_one_more_is_given() {
    let mut stage = Stage::new();
    let (mut core, mut client, mut idle) = (stage.core(), stage.client(), stage.client());
    idle.get("/first");
    core.path();
    core.reply("x");
    idle.status();
    client.get("/");
    core.path();
    core.send(&head("200 OK", "Content-Length: 8\r\n", |_| {}));
    core.data(b"half");
    client.until("half");
    stage.order(Order::Retire);
    // The time that idle clients have is over for this one, which was idle before.
    assert_eq!(idle.rest().unwrap(), b"");
    core.send(&frame(b"done", true));
    client.until("done");
    client.get("/again");
    assert_eq!(core.path(), "/again");
    core.reply("last");
    let answer = client.answer("last");
    assert!(answer.contains("Connection: close"), "{answer}");
    stage.join();
}

/// The order may come at the very moment of the answer: either that says that it is the last, or one more is given.
#[test]
fn after_an_answer_given_when_successors_took_over_one_more_is_given() {
    for _ in 0..40 {
        let mut stage = Stage::new();
        let (mut core, mut client) = (stage.core(), stage.client());
        client.get("/");
        core.path();
        stage.order(Order::Retire);
        core.reply("x");
        let answer = client.answer("x");
        if answer.contains("Connection: close") {
            continue;
        }
        client.get("/again");
        assert_eq!(core.path(), "/again");
        core.reply("last");
        let answer = client.answer("last");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
}

#[test]
fn the_end_of_the_master_is_an_order_to_drain() {
    let mut stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.path();
    stage.abandon();
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    stage.join();
}

#[test]
fn quitting_waits_for_nobody() {
    let mut stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.path();
    stage.order(Order::Drain);
    stage.order(Order::Quit);
    stage.join();
    assert_eq!(client.rest().unwrap_or_default(), b"");
    assert_eq!(core.next(), Said::Closed);
}
