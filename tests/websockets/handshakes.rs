//! Offers that are accepted, refused, and improper ones; and that nothing behind an offer is taken for a request.

use super::socket::{ACCEPT, Socket, frame, offer};
use super::{DOORS, serve};
use crate::support::Server;

#[test]
fn the_protocol_is_chosen() {
    let server = serve("--threads 2");
    for port in DOORS {
        for (path, lines, chosen) in [
            ("/", "", None),
            ("/", "Sec-WebSocket-Protocol: first\r\n", Some("first")),
            ("/", "Sec-WebSocket-Protocol: first, second\r\n", Some("first")),
            ("/chosen", "Sec-WebSocket-Protocol: first, second\r\n", Some("second")),
        ] {
            let (mut socket, head) = Socket::open_with(server.connect(port), path, lines);
            assert_eq!(head.header("Sec-WebSocket-Protocol"), chosen, "{path} {lines}");
            socket.echo(b"x");
        }
    }
}

#[test]
fn improper_offers() {
    let server = serve("--threads 2");
    let proper = offer("/", "");
    for port in DOORS {
        for (from, to, status) in [
            ("Version: 13", "Version: 8", 426),
            ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
            ("Sec-WebSocket-Key", "X-Key", 400),
            ("Upgrade: websocket", "Upgrade: h2c", 500),
            ("keep-alive, Upgrade", "keep-alive", 500),
            ("HTTP/1.1\r\n", "HTTP/1.0\r\n", 500),
            ("GET", "POST", 500),
        ] {
            assert!(proper.contains(from));
            let answer = server.ask(port, proper.replace(from, to)).expect(status);
            let wanted = (status == 426).then_some("13");
            assert_eq!(answer.header("Sec-WebSocket-Version"), wanted, "{to}");
        }
    }
    server.log.wait_for("handshake: unable to complete websocket handshake");
}

/// Bytes behind an offer are the websocket's, when it is accepted, and nobody's when it is not.
#[test]
fn nothing_behind_an_offer_is_a_request() {
    let server = serve("--threads 2");
    let smuggled = "GET /plain?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for port in DOORS {
        let mut client = server.connect(port);
        let refused = client.send(offer("/refuse", "") + smuggled).response().expect(403);
        assert_eq!((refused.header("Connection"), refused.text()), (Some("close"), "no"));
        assert!(client.closed());

        let mut client = server.connect(port);
        client.send([offer("/", "").as_bytes(), &frame(0x81, b"early")].concat());
        assert_eq!(client.head().header("Sec-WebSocket-Accept"), Some(ACCEPT));
        assert_eq!(Socket(client).frame().payload, b"early");

        let mut client = server.connect(port);
        client.send(offer("/", "") + smuggled);
        assert_eq!(client.head().status, 101);
        // "G" is no first byte of a frame.
        assert_eq!(Socket(client).closed(), Some(1002));
    }
    let ended = server.stop();
    assert!(!ended.log.contains("smuggled"), "{}", ended.log);
}

#[test]
fn an_offer_may_follow_requests() {
    let server = serve("--threads 2");
    let plain = "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for port in DOORS {
        let mut client = server.connect(port);
        client.send(format!("{plain}{plain}{}", offer("/", "")));
        assert_eq!(client.response().expect(200).text(), "plain");
        assert_eq!(client.response().expect(200).text(), "plain");
        assert_eq!(client.head().status, 101);
        Socket(client).echo(b"after");
    }
}

/// Without `http-websockets` an offer is what RFC 9110 allows it to be: a request whose Upgrade is not heeded.
#[test]
fn a_router_that_lets_none_pass() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {apps}/websocket.py").start();
    let mut client = server.connect(9090);
    client.send(offer("/plain", ""));
    assert_eq!(client.response().expect(200).text(), "plain");
    client.send(offer("/", "")).response().expect(500);
    server.log.wait_for("handshake: unable to complete websocket handshake");
    assert_eq!(server.get(9090, "/plain").expect(200).text(), "plain");
}
