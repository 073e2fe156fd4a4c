//! Websockets through the router: offers, the switch, bytes both ways, and every end.

use std::net::Shutdown;
use std::time::Duration;

use super::stage::{Client, Core, Said, Stage, head, value};
use crate::control::Order;

const OFFER: &str = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn stage() -> Stage {
    Stage::with(|settings| settings.websockets = true)
}

/// The answer that accepts an offer.
fn accepted() -> Vec<u8> {
    head("101 Switching Protocols", "Sec-WebSocket-Accept: x\r\n", |response| response.switched = true)
}

/// A connection that has switched, and the core that it has switched to.
fn switched(stage: &Stage) -> (Client, Core) {
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(OFFER);
    let (request, vars) = core.request();
    assert!(request.upgrade);
    assert_eq!(value(&vars, "HTTP_UPGRADE"), "websocket");
    core.send(&accepted());
    let head = client.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    let mut lines: Vec<_> = head.lines().filter(|line| !line.starts_with("Date: ")).skip(1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["", "Connection: Upgrade", "Sec-Websocket-Accept: x", "Upgrade: websocket"]);
    (client, core)
}

fn body(text: &[u8]) -> Said {
    Said::Body(text.to_vec())
}

/// Bytes of the client up to a count, however they are framed.
fn bytes(core: &mut Core, count: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < count {
        match core.next() {
            Said::Body(data) => all.extend(data),
            other => panic!("{other:?} after {} bytes", all.len()),
        }
    }
    all
}

#[test]
fn bytes_flow_both_ways_until_the_worker_ends() {
    let stage = stage();
    let (mut client, mut core) = switched(&stage);
    client.send("GET /no/request HTTP/1.1\r\n\r\n");
    assert_eq!(core.next(), body(b"GET /no/request HTTP/1.1\r\n\r\n"));
    core.data(b"one");
    core.data(b"two");
    assert_eq!(client.bytes(6), b"onetwo");
    let large = vec![b'x'; 1 << 20];
    std::thread::scope(|scope| {
        scope.spawn(|| client.send_bytes(&large));
        assert!(bytes(&mut core, large.len()) == large);
    });
    core.data(&large);
    assert!(client.bytes(large.len()) == large);
    core.finish();
    assert_eq!(client.rest().unwrap(), b"");
    // The core is idle again.
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    assert_eq!(next.status(), "HTTP/1.1 200 OK");
}

#[test]
fn what_comes_with_the_offer_waits_for_the_switch() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(&format!("{OFFER}early"));
    core.request();
    assert!(!core.has_more());
    core.send(&accepted());
    assert_eq!(core.next(), body(b"early"));
}

#[test]
fn nothing_behind_a_refused_offer_is_a_request() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(&format!("{OFFER}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"));
    core.request();
    core.reply("no");
    let answer = client.answer("no");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Connection: close"), "{answer}");
    assert_eq!(client.rest().unwrap(), b"");
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next", "the smuggled one was never seen");
}

#[test]
fn no_offer_no_switch() {
    for (allowed, request) in [
        (false, OFFER.to_owned()),
        (true, OFFER.replace("websocket", "h2c")),
        (true, OFFER.replace("GET", "POST")),
        (true, OFFER.replace("Host", "Content-Length: 1\r\nHost") + "x"),
    ] {
        let stage = Stage::with(|settings| settings.websockets = allowed);
        let (mut core, mut client) = (stage.core(), stage.client());
        client.send(&request);
        assert!(!core.request().0.upgrade, "{request}");
        // A worker that switches all the same is not followed.
        core.send(&accepted());
        assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
    }
    // Nor an application that says 101 by itself.
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(OFFER);
    core.request();
    core.send(&head("101 Switching Protocols", "", |_| {}));
    assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
}

#[test]
fn the_client_ends_its_side_or_is_gone() {
    let stage = stage();
    let (client, mut core) = switched(&stage);
    client.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(core.next(), Said::End);
    core.data(b"farewell");
    core.finish();
    let mut client = client;
    assert_eq!(client.rest().unwrap(), b"farewell");

    let stage = self::stage();
    let (client, mut core) = switched(&stage);
    socket2::SockRef::from(&client.socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(core.next(), Said::Abort);
}

#[test]
fn a_client_that_leaves_before_the_answer() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(OFFER);
    core.request();
    drop(client);
    assert_eq!(core.next(), Said::Abort);
    core.send(&accepted());
    core.finish();
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next");
}

#[test]
fn the_worker_is_gone() {
    let stage = stage();
    let (mut client, core) = switched(&stage);
    drop(core);
    assert_eq!(client.rest().unwrap_or_default(), b"");
}

#[test]
fn a_router_that_leaves_asks_the_worker_to_end() {
    let mut stage = stage();
    let (mut client, mut core) = switched(&stage);
    stage.order(Order::Drain);
    assert_eq!(core.next(), Said::Leave);
    assert!(stage.runs(), "until the websocket has ended");
    core.data(b"close");
    core.finish();
    assert_eq!(client.rest().unwrap(), b"close");
    drop(client);
    stage.join();
}

#[test]
fn silence_cuts_and_whatever_moves_prevents_that() {
    let stage = Stage::with(|settings| {
        settings.websockets = true;
        settings.timeout = Duration::from_millis(400);
    });
    let (mut client, mut core) = switched(&stage);
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(150));
        core.data(b"x");
        std::thread::sleep(Duration::from_millis(150));
        client.send("y");
        assert_eq!(core.next(), body(b"y"));
    }
    assert_eq!(client.bytes(4), b"xxxx");
    assert_eq!(client.rest().unwrap_or_default(), b"");
    assert_eq!(core.next(), Said::Abort);
}

/// Neither side is read faster than the other takes it.
#[test]
fn slow_readers_stop_their_writers() {
    let stage = stage();
    let (mut client, mut core) = switched(&stage);
    let most = 64 << 20;
    client.socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let piece = vec![0; 1 << 20];
    let mut sent = 0;
    while sent < most {
        match std::io::Write::write(&mut client.socket, &piece) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(sent < most, "the router has swallowed {sent} bytes that nobody reads");
    assert_eq!(bytes(&mut core, sent).len(), sent);
}
