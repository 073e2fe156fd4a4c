//! Much that costs the client little: each flood ends, or is held back, while others are served.

use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, End, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    Wire, block, frame, request, text,
};
use super::{endure, start};

/// Frames that no flood gets through with.
const MANY: u32 = 200_000;

/// Sends frames in groups until the connection ends; how many it took.
fn pour(wire: &mut Wire, mut make: impl FnMut(u32) -> Vec<u8>) -> Option<u32> {
    const GROUP: u32 = 100;
    for round in 0..MANY / GROUP {
        let frames: Vec<u8> = (round * GROUP..(round + 1) * GROUP).flat_map(&mut make).collect();
        if !wire.write(&frames) {
            return Some((round + 1) * GROUP);
        }
    }
    None
}

/// CVE-2023-44487.
#[test]
fn rapid_resets_end_the_connection() {
    let server = start("");
    let asked = block(&request("GET", "/flood"));
    let sent = endure(&server, "rapid reset", || {
        let mut wire = Wire::open(&server, &[]);
        pour(&mut wire, |round| {
            let stream = 2 * round + 1;
            let get = frame(HEADERS, END_HEADERS | END_STREAM, stream, &asked);
            [get, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
    });
    sent.expect("the connection ends");
    let served = server.log.matching("SERVED /flood").len();
    assert!(served < 300, "{served} requests reached the application");
}

/// CVE-2025-8671: the server is made to reset streams itself.
#[test]
fn resets_that_the_client_provokes_end_the_connection_too() {
    let server = start("");
    let asked = block(&request("POST", "/flood"));
    let sent = endure(&server, "provoked resets", || {
        let mut wire = Wire::open(&server, &[]);
        pour(&mut wire, |round| {
            let stream = 2 * round + 1;
            // A window must not grow beyond 2^31 - 1.
            let post = frame(HEADERS, END_HEADERS, stream, &asked);
            [post, frame(WINDOW_UPDATE, 0, stream, &[0x7F, 0xFF, 0xFF, 0xFF])].concat()
        })
    });
    sent.expect("the connection ends");
}

/// CVE-2024-27316, CVE-2024-24549 and others: a head that never ends.
#[test]
fn a_head_without_an_end_ends_the_connection() {
    let server = start("");
    let mut filler = Vec::new();
    text(&mut filler, &[b'x'; 100]);
    let field = [&[0, 1, b'x'][..], &filler].concat().repeat(100);
    for payload in [&field[..], &field[..103], &[]] {
        let name = format!("CONTINUATION of {} bytes", payload.len());
        let sent = endure(&server, &name, || {
            let mut wire = Wire::open(&server, &[]);
            assert!(wire.send(HEADERS, END_STREAM, 1, &block(&request("GET", "/never"))));
            pour(&mut wire, |_| frame(CONTINUATION, 0, 1, payload))
        });
        sent.unwrap_or_else(|| panic!("frames of {} bytes go on for ever", payload.len()));
    }
    assert!(server.log.matching("SERVED /never").is_empty());
}

/// CVE-2019-9518.
#[test]
fn empty_data_ends_the_connection() {
    let server = start("");
    let sent = endure(&server, "empty DATA", || {
        let mut wire = Wire::open(&server, &[]);
        assert!(wire.send(HEADERS, END_HEADERS, 1, &block(&request("POST", "/read"))));
        pour(&mut wire, |_| frame(DATA, 0, 1, &[]))
    });
    sent.expect("the connection ends");
}

/// Bodies of one byte a frame are legal. They cost no more memory than the window allows.
#[test]
fn data_in_crumbs_is_bounded() {
    let server = start("");
    endure(&server, "DATA of one byte", || {
        let mut wire = Wire::open(&server, &[]);
        assert!(wire.send(HEADERS, END_HEADERS, 1, &block(&request("POST", "/read"))));
        for _ in 0..200 {
            wire.write(&frame(DATA, 0, 1, b"x").repeat(100));
        }
        wire.send(DATA, END_STREAM, 1, &[]);
        let end = wire.end_of(1);
        assert!(matches!(&end, End::Answer(count) if count == "20000") || matches!(end, End::GoAway(11)), "{end:?}");
    });
}

/// CVE-2019-9512, CVE-2019-9515, CVE-2019-9513 and their kind; whether the client reads what it provokes or not.
#[test]
fn frames_that_move_nothing_end_the_connection() {
    let server = start("");
    let unknown = frame(77, 0, 1, b"what is this");
    let floods = [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("SETTINGS of the table", frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 16])),
        ("unknown frames", unknown),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("SETTINGS of windows", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])),
    ];
    for (name, flood) in floods {
        let sent = endure(&server, name, || pour(&mut Wire::open(&server, &[]), |_| flood.clone()));
        sent.unwrap_or_else(|| panic!("{name} goes on for ever"));
    }
}

#[test]
fn a_few_such_frames_are_answered() {
    let server = start("");
    let mut wire = Wire::open(&server, &[]);
    for _ in 0..200 {
        assert!(wire.send(PING, 0, 0, &[7; 8]) && wire.send(SETTINGS, 0, 0, &[]));
    }
    let mut pongs = 0;
    while pongs < 200 {
        pongs += u32::from(wire.next().expect("a frame").kind == PING);
    }
    wire.get(1, "/hello");
    assert_eq!(wire.end_of(1), End::Answer("hello".into()));
}

/// Every kind of frame that resets its stream by the client's fault counts.
#[test]
fn data_behind_the_end_ends_the_connection() {
    let server = start("");
    let asked = block(&request("GET", "/flood"));
    let sent = endure(&server, "DATA behind the end", || {
        let mut wire = Wire::open(&server, &[]);
        pour(&mut wire, |round| {
            let stream = 2 * round + 1;
            let get = frame(HEADERS, END_HEADERS | END_STREAM, stream, &asked);
            [get, frame(DATA, 0, stream, b"x")].concat()
        })
    });
    sent.expect("the connection ends");
    let served = server.log.matching("SERVED /flood").len();
    assert!(served < 300, "{served} requests reached the application");
}
