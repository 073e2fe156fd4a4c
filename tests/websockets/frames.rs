//! What clients may send, and what ends the websocket with which code.

use super::socket::{Frame, Socket, frame};
use super::{DOORS, serve};

#[test]
fn fragments_pings_and_pongs() {
    let server = serve("--threads 2");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/");
        socket.send(0x01, "€".as_bytes().get(..1).expect("a byte")).send(0x89, b"ping").send(0x00, b"");
        assert_eq!(socket.frame(), Frame { first: 0x8a, payload: b"ping".to_vec() });
        socket.send(0x8a, b"unasked").send(0x80, "€".as_bytes().get(1..).expect("the rest"));
        assert_eq!(socket.frame(), Frame { first: 0x81, payload: "€".as_bytes().to_vec() });
        // Byte by byte it is the same.
        for byte in frame(0x81, b"slow") {
            socket.0.send([byte]);
        }
        assert_eq!(socket.frame().payload, b"slow");
        // Many at once are all answered.
        socket.0.send((0..50).flat_map(|number| frame(0x81, format!("{number}").as_bytes())).collect::<Vec<_>>());
        for number in 0..50 {
            assert_eq!(socket.frame().payload, format!("{number}").as_bytes());
        }
    }
}

#[test]
fn what_is_wrong_ends_it_with_the_right_code() {
    let server = serve("--threads 2 --websockets-max-size 2");
    let large = frame(0x82, &[7; 2049]);
    let fragments = [frame(0x01, &[b'x'; 2048]), frame(0x80, b"x")].concat();
    let interleaved = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    let cases: [(&str, &[u8], u16); 12] = [
        ("no mask", b"\x81\x01x", 1002),
        ("a reserved bit", &frame(0xc1, b"x"), 1002),
        ("an unknown opcode", &frame(0x83, b"x"), 1002),
        ("a continuation of nothing", &frame(0x80, b"x"), 1002),
        ("two messages at once", &interleaved, 1002),
        ("a fragmented ping", &frame(0x09, b"x"), 1002),
        ("a long ping", &frame(0x89, &[0; 126]), 1002),
        ("half a code", &frame(0x88, b"\x03"), 1002),
        ("a code that nobody may send", &frame(0x88, b"\x03\xee"), 1002),
        ("no UTF-8", &frame(0x81, b"\xff\xfe"), 1007),
        ("too large", &large, 1009),
        ("too large in fragments", &fragments, 1009),
    ];
    for port in DOORS {
        for (what, bytes, code) in cases {
            let mut socket = Socket::open(server.connect(port), "/");
            socket.echo(b"before");
            socket.0.send(bytes);
            assert_eq!(socket.closed(), Some(code), "{what}");
        }
        let mut socket = Socket::open(server.connect(port), "/binary");
        socket.send(0x82, &[7; 2048]);
        assert_eq!(socket.frame().payload.len(), 2048, "the limit itself is allowed");
    }
    server.log.wait_for("client 127.0.0.1: websocket: a message is larger than websockets-max-size \\(1009\\)");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn texts_and_bytes_of_the_application() {
    let server = serve("--threads 2");
    for port in DOORS {
        // What a framework answers after its view is dropped.
        for path in ["/greet", "/framework"] {
            let mut socket = Socket::open(server.connect(port), path);
            assert_eq!(socket.frame(), Frame { first: 0x81, payload: "héllo".as_bytes().to_vec() });
            assert_eq!(socket.frame(), Frame { first: 0x81, payload: b"bytes".to_vec() });
            assert_eq!(socket.frame(), Frame { first: 0x82, payload: b"\x00\xff".to_vec() });
            assert_eq!(socket.closed(), Some(1000));
        }
    }
    let line = server.request_line("/greet");
    assert!(line.contains("=> generated 23 bytes in") && line.contains("(HTTP/1.1 101)"), "{line}");
}

#[test]
fn waiting_on_the_descriptor() {
    let server = serve("--threads 2");
    for port in DOORS {
        let mut socket = Socket::open(server.connect(port), "/poll");
        socket.echo(b"one");
        socket.0.send([frame(0x81, b"two"), frame(0x81, b"three")].concat());
        assert_eq!((socket.frame().payload, socket.frame().payload), (b"two".to_vec(), b"three".to_vec()));
        socket.send(0x88, b"");
        assert_eq!(socket.closed(), None);
    }
}
