//! Little that stands for much: heads that unpack to many times their size, and answers that nobody takes.

use std::time::{Duration, Instant};

use super::wire::{
    DATA, END_HEADERS, END_STREAM, End, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, Wire, block, frame, get, request,
    text,
};
use super::{endure, endure_within, router, start};
use crate::support::processes::processor;

const INITIAL_WINDOW_SIZE: u16 = 4;

/// CVE-2019-9517: answers that the client never lets through.
#[test]
fn windows_that_never_open_hold_little_and_not_for_long() {
    let server = start("--http-timeout 2");
    let pid = router(&server);
    let busy = endure(&server, "windows that never open", || {
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

/// A few bytes that stand for many (CVE-2016-6581, CVE-2019-9516).
#[test]
fn a_head_that_unpacks_to_much_is_refused() {
    let server = start("");
    endure(&server, "a head that unpacks to 3 MB", || {
        let mut wire = Wire::open(&server, &[]);
        // 1000 bytes for 3 MiB.
        bomb(&mut wire, b"x-bomb", &[b'x'; 3000], 1000);
    });
    assert!(server.log.matching("SERVED /bomb").is_empty());
}

/// Sends heads with a field that is remembered as number 62 and then named again and again, until the connection ends.
fn bomb(wire: &mut Wire, name: &[u8], value: &[u8], times: usize) {
    for stream in (1..200).step_by(2) {
        let mut head = block(&request("GET", "/bomb"));
        head.push(0x40);
        text(&mut head, name);
        text(&mut head, value);
        head.resize(head.len() + times, 0x80 | 62);
        assert!(wire.send(HEADERS, END_HEADERS | END_STREAM, stream, &head));
        match wire.end_of(stream) {
            End::Answer(text) => assert!(text.starts_with("431") || text.is_empty(), "{text}"),
            End::Reset(_) => {}
            End::GoAway(_) | End::Closed => return,
        }
    }
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

/// The same with many fields of hardly a byte: what each costs beside its text counts too (RFC 9113, section 6.5.2).
#[test]
fn a_head_of_many_small_fields_is_refused() {
    let server = start("");
    for name in ["x", "cookie"] {
        endure(&server, &format!("a head of 15000 fields: {name}"), || {
            bomb(&mut Wire::open(&server, &[]), name.as_bytes(), b"", 15_000);
        });
    }
    assert!(server.log.matching("SERVED /bomb").is_empty());
}

/// As many requests as a connection may have, on many connections, and nobody takes an answer. Each answer is complete, so that
/// no worker waits: what is not taken lies in the router.
#[test]
fn answers_that_nobody_takes_are_bounded() {
    const CONNECTIONS: usize = 4;
    let server = start("--http-timeout 10");
    // 32 answers of a connection may be at work before any has been taken, and 256 KiB of each are read ahead.
    endure_within(40, &server, "512 answers that nobody takes", || {
        let asked: Vec<u8> = (0..128).flat_map(|number| get(2 * number + 1, "/large")).collect();
        let mut wires: Vec<_> = (0..CONNECTIONS).map(|_| Wire::open(&server, &[(INITIAL_WINDOW_SIZE, 0)])).collect();
        for wire in &mut wires {
            assert!(wire.write(&asked));
        }
        for mut wire in wires {
            let mut resets = 0;
            while resets < 128 {
                match wire.next() {
                    Some(frame) => resets += u32::from(frame.kind == RST_STREAM),
                    None => break,
                }
            }
        }
    });
}

/// Bodies that begin and never end: no more of them is held than windows allow, and not for long.
#[test]
fn bodies_that_never_end_are_bounded() {
    const CONNECTIONS: usize = 10;
    let server = start("--http-timeout 4");
    // A megabyte of bodies for each connection, and what requests cost beside that.
    endure_within(48, &server, "1280 bodies that never end", || {
        let mut wires: Vec<_> = (0..CONNECTIONS).map(|_| Wire::open(&server, &[])).collect();
        for wire in &mut wires {
            for number in 0..128 {
                let head = frame(HEADERS, END_HEADERS, 2 * number + 1, &block(&request("POST", "/read")));
                if !wire.write(&[head, frame(DATA, 0, 2 * number + 1, &[b'x'; 8000])].concat()) {
                    break;
                }
            }
        }
        for mut wire in wires {
            let mut ended = 0;
            while ended < 128 {
                match wire.next() {
                    Some(frame) => {
                        ended += u32::from(frame.kind == RST_STREAM || frame.flags & END_STREAM != 0 && frame.kind < 2)
                    }
                    None => break,
                }
            }
        }
    });
    assert_eq!(super::honest(&server), "hello");
}
