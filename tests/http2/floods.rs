//! Much that costs the client little: each flood ends, or is held back, while others are served.

use std::time::{Duration, Instant};

use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, End, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    Wire, block, frame, request, text,
};
use super::{endure, memory, processor, router, start};

const INITIAL_WINDOW_SIZE: u16 = 4;
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
    let sent = endure(&server, || {
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
    let sent = endure(&server, || {
        let mut wire = Wire::open(&server, &[]);
        pour(&mut wire, |round| {
            let stream = 2 * round + 1;
            // A window must not grow by nothing.
            let post = frame(HEADERS, END_HEADERS, stream, &asked);
            [post, frame(WINDOW_UPDATE, 0, stream, &[0; 4])].concat()
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
        let sent = endure(&server, || {
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
    let sent = endure(&server, || {
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
    endure(&server, || {
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
        ("unknown", unknown),
    ];
    for (name, flood) in floods {
        let sent = endure(&server, || pour(&mut Wire::open(&server, &[]), |_| flood.clone()));
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

/// CVE-2019-9517: answers that the client never lets through.
#[test]
fn windows_that_never_open_hold_little_and_not_for_long() {
    let server = start("--http-timeout 2");
    let pid = router(&server);
    let busy = endure(&server, || {
        let mut wire = Wire::open(&server, &[(INITIAL_WINDOW_SIZE, 0)]);
        for round in 0..20 {
            wire.get(2 * round + 1, "/big");
        }
        let (began, before) = (Instant::now(), processor(pid));
        for _ in 0..20 {
            let mut frame = wire.next().expect("a frame");
            while frame.kind != RST_STREAM {
                frame = wire.next().expect("a frame");
            }
        }
        assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_secs(20));
        let busy = processor(pid) - before;
        // The connection goes on, and so does whatever has its window.
        let all = 1_u32.to_be_bytes();
        assert!(wire.send(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]) && wire.send(WINDOW_UPDATE, 0, 0, &all));
        wire.get(101, "/hello");
        assert_eq!(wire.end_of(101), End::Answer("hello".into()));
        busy
    });
    assert!(busy < Duration::from_secs(4), "{busy:?} of processor time for waiting");
}

#[test]
fn the_smallest_windows_are_served_byte_by_byte() {
    let server = start("");
    let mut wire = Wire::open(&server, &[(INITIAL_WINDOW_SIZE, 1)]);
    wire.get(1, "/hello");
    let mut body = Vec::new();
    while body.len() < 5 {
        let frame = wire.next().expect("a frame");
        if frame.kind == DATA {
            assert!(frame.payload.len() <= 1);
            body.extend(frame.payload);
            assert!(wire.send(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()));
        }
    }
    assert_eq!(body, b"hello");
}

/// A window must not grow beyond 2^31 - 1 (RFC 9113, section 6.9.1).
#[test]
fn windows_that_overflow_are_errors() {
    let server = start("");
    let most = 0x7FFF_FFFF_u32.to_be_bytes();
    let mut wire = Wire::open(&server, &[]);
    assert!(wire.send(WINDOW_UPDATE, 0, 0, &most));
    wire.send(WINDOW_UPDATE, 0, 0, &most);
    assert_eq!(wire.last_words(), Some(3), "FLOW_CONTROL_ERROR");
    // More data than the window allows.
    let mut wire = Wire::open(&server, &[]);
    assert!(wire.send(HEADERS, END_HEADERS, 1, &block(&request("POST", "/hello"))));
    for _ in 0..200 {
        if !wire.send(DATA, 0, 1, &[0; 16_384]) {
            break;
        }
    }
    assert!(memory(router(&server)) < 200 * 1024);
    super::honest(&server);
}

/// A few bytes that stand for many (CVE-2016-6581, CVE-2019-9516).
#[test]
fn a_head_that_unpacks_to_much_is_refused() {
    let server = start("");
    endure(&server, || {
        let mut wire = Wire::open(&server, &[]);
        for stream in (1..200).step_by(2) {
            // Remembered as number 62, then named again and again: 1000 bytes for 3 MiB.
            let mut head = block(&request("GET", "/bomb"));
            head.push(0x40);
            text(&mut head, b"x-bomb");
            text(&mut head, &[b'x'; 3000]);
            head.extend([0x80 | 62; 1000]);
            assert!(wire.send(HEADERS, END_HEADERS | END_STREAM, stream, &head));
            match wire.end_of(stream) {
                End::Answer(text) => assert!(text.starts_with("431") || text.is_empty(), "{text}"),
                End::Reset(_) => {}
                End::GoAway(_) | End::Closed => return,
            }
        }
    });
    assert!(server.log.matching("SERVED /bomb").is_empty());
}

/// Nothing at all: no request, no settings, half a frame.
#[test]
fn who_says_nothing_is_closed_in_time() {
    let server = start("--http-headers-timeout 1 --http-keepalive=2");
    let mut silent = Wire::open(&server, &[]);
    let mut half = Wire::open(&server, &[]);
    assert!(half.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&request("GET", "/")))[..20]));
    let began = Instant::now();
    assert_eq!((silent.last_words(), half.last_words()), (Some(0), Some(0)));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
