//! A worker that is told to leave while its only core is in a websocket.

use super::*;
use crate::control::Bell;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A Close frame with the code 1001: going away.
const GOING_AWAY: &[u8] = &[0x88, 2, 3, 0xe9];

/// The client's answer to it, masked with zeros.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe9];

#[test]
fn it_ends_when_the_worker_leaves_and_who_waits_is_answered() {
    let mut worker = Worker::http();
    let mut socket = worker.connect();
    let offer = format!(
        "GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    socket.write_all(offer.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    // The next client waits for the core.
    let mut next = worker.connect();
    next.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    // Signals of the application that nobody has had time for.
    worker.control.write_all(&Bell(1).message().repeat(50)).unwrap();
    worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    let mut close = [0; 4];
    socket.read_exact(&mut close).unwrap();
    assert_eq!(close, GOING_AWAY);
    socket.write_all(CLOSE).unwrap();
    drop(socket);
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
    // No successor has taken it meanwhile.
    assert!(read_to_end(&mut next).ends_with("hello"));
}

#[test]
fn the_router_is_told_before_it_could_send_the_next_request() {
    let (mut worker, mut links, _rendezvous) = linked(1);
    let mut link = links.remove(0);
    let mut vars = Vars::new();
    for (key, value) in [
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", "/websocket"),
        ("HTTP_UPGRADE", "websocket"),
        ("HTTP_CONNECTION", "Upgrade"),
        ("HTTP_SEC_WEBSOCKET_VERSION", "13"),
        ("HTTP_SEC_WEBSOCKET_KEY", KEY),
    ] {
        vars.push_key(key.as_bytes(), value.as_bytes());
    }
    let mut frame = Vec::new();
    let request = link::Request { upgrade: true, body: Body::Chunked, ..link::Request::default() };
    link::encode_head(&mut frame, &request, vars.iter(b"")).unwrap();
    link.stream.write_all(&frame).unwrap();
    worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    link.body(CLOSE, false);
    link.body(b"", true);
    let heard = link.answer().unwrap();
    assert!(heard.starts_with("101 ") && heard.ends_with("bye"), "{heard:?}");
    assert_eq!(link.answer().as_deref(), Some(""), "the end of the websocket comes behind it");
    drop(link);
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}
