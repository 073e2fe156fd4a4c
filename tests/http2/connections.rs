//! The connection: its preface, frames, settings, pings, windows and end.

use super::case::{Case, Expect::*, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, check};
use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, End, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, Wire, block, frame, get, open_post, request, settings,
};
use super::{router, start};
use crate::support::processes::descriptors;
use crate::support::{eventually, results};

const MOST: u32 = 0x7FFF_FFFF;
const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// RFC 9113, sections 4.1 and 4.2. Where it wants FRAME_SIZE_ERROR for frames whose size is fixed, ours is PROTOCOL_ERROR.
#[test]
fn sizes_and_kinds_of_frames() {
    let cases: Vec<Case> = vec![
        ("an unknown kind of frame", frame(77, 255, 0, b"what is this"), Nothing),
        ("an unknown kind of frame on a stream", frame(200, 1, 3, b""), Nothing),
        ("the largest frame of an unknown kind", frame(77, 0, 0, &[0; 16_384]), Nothing),
        ("a larger frame of an unknown kind", frame(77, 0, 0, &[0; 16_385]), Goaway(FRAME_SIZE_ERROR)),
        ("DATA that is too large", [open_post(1), frame(DATA, 0, 1, &[0; 16_385])].concat(), Goaway(FRAME_SIZE_ERROR)),
        ("HEADERS that are too large", frame(HEADERS, 5, 1, &[0; 16_385]), Goaway(FRAME_SIZE_ERROR)),
        ("SETTINGS that are too large", frame(SETTINGS, 0, 0, &[0; 16_386]), Goaway(FRAME_SIZE_ERROR)),
        ("the largest size there is", vec![0xFF, 0xFF, 0xFF, DATA, 0, 0, 0, 0, 1], Goaway(FRAME_SIZE_ERROR)),
        ("flags without a meaning", frame(PING, 0xFE, 0, &[1; 8]), Nothing),
        (
            "the reserved bit of a stream",
            frame(HEADERS, 5, 1 << 31 | 1, &block(&request("GET", "/"))),
            Answer(1, "hello"),
        ),
        ("PING of 7 bytes", frame(PING, 0, 0, &[0; 7]), Goaway(PROTOCOL_ERROR)),
        ("PING of 9 bytes", frame(PING, 0, 0, &[0; 9]), Goaway(PROTOCOL_ERROR)),
        ("PING of nothing", frame(PING, 0, 0, &[]), Goaway(PROTOCOL_ERROR)),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), Goaway(PROTOCOL_ERROR)),
        ("SETTINGS of 7 bytes", frame(SETTINGS, 0, 0, &[0; 7]), Goaway(PROTOCOL_ERROR)),
        ("WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[1; 3]), Goaway(PROTOCOL_ERROR)),
        ("WINDOW_UPDATE of 5 bytes", frame(WINDOW_UPDATE, 0, 0, &[1; 5]), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM of 3 bytes", [open_post(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat(), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM of 5 bytes", [open_post(1), frame(RST_STREAM, 0, 1, &[0; 5])].concat(), Goaway(PROTOCOL_ERROR)),
        ("PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, &[0; 4]), Goaway(PROTOCOL_ERROR)),
        ("PRIORITY of 6 bytes", frame(PRIORITY, 0, 1, &[0; 6]), Goaway(PROTOCOL_ERROR)),
        ("GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, &[0; 7]), Goaway(PROTOCOL_ERROR)),
        ("a PUSH_PROMISE of the client", push_promise(1, 2), Goaway(PROTOCOL_ERROR)),
        ("a PUSH_PROMISE on stream 0", push_promise(0, 2), Goaway(PROTOCOL_ERROR)),
    ];
    check("frames", &cases);
}

fn push_promise(stream: u32, promised: u32) -> Vec<u8> {
    let payload = [&promised.to_be_bytes()[..], &block(&request("GET", "/"))].concat();
    [get(1, "/"), frame(5, END_HEADERS, stream, &payload)].concat()
}

/// RFC 9113, sections 6.5, 6.7 and 6.8.
#[test]
fn settings_pings_and_goodbyes() {
    let one = |id: u16, value: u32| settings(&[(id, value)]);
    let cases: Vec<Case> = vec![
        ("no settings", settings(&[]), Nothing),
        ("settings that nobody knows", settings(&[(0, 0), (7, 1), (0xFFFF, u32::MAX)]), Nothing),
        (
            "every setting there is",
            settings(&[
                (HEADER_TABLE_SIZE, 0),
                (ENABLE_PUSH, 0),
                (MAX_CONCURRENT_STREAMS, 0),
                (INITIAL_WINDOW_SIZE, 70_000),
                (MAX_FRAME_SIZE, 16_384),
                (MAX_HEADER_LIST_SIZE, 100_000),
            ]),
            Nothing,
        ),
        (
            "the largest frames and windows",
            settings(&[(MAX_FRAME_SIZE, 0xFF_FFFF), (INITIAL_WINDOW_SIZE, MOST)]),
            Nothing,
        ),
        ("a table of any size", one(HEADER_TABLE_SIZE, u32::MAX), Nothing),
        (
            "a window that closes and opens",
            [one(INITIAL_WINDOW_SIZE, 0), get(1, "/"), one(INITIAL_WINDOW_SIZE, 100)].concat(),
            Answer(1, "hello"),
        ),
        (
            "the last of equal settings",
            [settings(&[(INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 100)]), get(1, "/")].concat(),
            Answer(1, "hello"),
        ),
        ("settings twenty times", one(HEADER_TABLE_SIZE, 100).repeat(20), Nothing),
        ("SETTINGS on a stream", [get(1, "/"), frame(SETTINGS, 0, 1, &[])].concat(), Goaway(PROTOCOL_ERROR)),
        ("an acknowledgement with settings", frame(SETTINGS, 1, 0, &[0, 3, 0, 0, 0, 1]), Goaway(PROTOCOL_ERROR)),
        ("an acknowledgement of what was not said", frame(SETTINGS, 1, 0, &[]).repeat(2), Goaway(PROTOCOL_ERROR)),
        ("a push neither on nor off", one(ENABLE_PUSH, 2), Goaway(PROTOCOL_ERROR)),
        ("a push of any size", one(ENABLE_PUSH, u32::MAX), Goaway(PROTOCOL_ERROR)),
        ("frames that are too small", one(MAX_FRAME_SIZE, 16_383), Goaway(PROTOCOL_ERROR)),
        ("frames that are too large", one(MAX_FRAME_SIZE, 1 << 24), Goaway(PROTOCOL_ERROR)),
        ("a window that is too large", one(INITIAL_WINDOW_SIZE, MOST + 1), Goaway(PROTOCOL_ERROR)),
        ("the largest window that is none", one(INITIAL_WINDOW_SIZE, u32::MAX), Goaway(PROTOCOL_ERROR)),
        ("PING on a stream", [get(1, "/"), frame(PING, 0, 1, &[0; 8])].concat(), Goaway(PROTOCOL_ERROR)),
        ("an answer to a ping that was not sent", frame(PING, 1, 0, b"not sent"), Nothing),
        ("GOAWAY on a stream", [get(1, "/"), frame(GOAWAY, 0, 1, &[0; 8])].concat(), Goaway(PROTOCOL_ERROR)),
    ];
    check("settings", &cases);
}

/// RFC 9113, section 6.9.
#[test]
fn windows() {
    let grow = |stream: u32, by: u32| frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    let with_post = |rest: Vec<u8>| [open_post(1), rest].concat();
    let most = settings(&[(INITIAL_WINDOW_SIZE, MOST)]);
    let cases: Vec<Case> = vec![
        ("a window of the connection that grows by 1", grow(0, 1), Nothing),
        ("a window of the connection that grows by 0", grow(0, 0), Goaway(PROTOCOL_ERROR)),
        ("a window of the connection that grows to the most", grow(0, MOST - 65_535), Nothing),
        ("a window of the connection that grows beyond", grow(0, MOST - 65_534), Goaway(FLOW_CONTROL_ERROR)),
        ("a window of the connection that grows twice beyond", grow(0, MOST).repeat(2), Goaway(FLOW_CONTROL_ERROR)),
        ("a window that grows by 0 with the reserved bit", grow(0, 1 << 31), Goaway(PROTOCOL_ERROR)),
        (
            "a window of a stream that grows",
            with_post([grow(1, 1), frame(DATA, END_STREAM, 1, b"x")].concat()),
            Answer(1, "hello"),
        ),
        (
            "a window of a stream that grows to the most",
            with_post([grow(1, MOST - 65_535), frame(DATA, END_STREAM, 1, b"x")].concat()),
            Answer(1, "hello"),
        ),
        ("a window of a stream that grows by 0", with_post(grow(1, 0)), Goaway(PROTOCOL_ERROR)),
        ("a window of a stream that grows beyond", with_post(grow(1, MOST)), Reset(1, FLOW_CONTROL_ERROR)),
        ("a window of a stream that is complete", [get(1, "/"), grow(1, 1)].concat(), Answer(1, "hello")),
        ("a window of a stream that nobody has opened", grow(1, 1), Goaway(PROTOCOL_ERROR)),
        ("a window of a stream of ours", grow(2, 1), Goaway(PROTOCOL_ERROR)),
        ("settings that make a window grow beyond", with_post([grow(1, 1), most].concat()), Goaway(FLOW_CONTROL_ERROR)),
        (
            "settings that make a window negative, and its opening",
            [
                settings(&[(INITIAL_WINDOW_SIZE, 3)]),
                get(1, "/"),
                settings(&[(INITIAL_WINDOW_SIZE, 0)]),
                settings(&[(INITIAL_WINDOW_SIZE, 100)]),
            ]
            .concat(),
            Answer(1, "hello"),
        ),
    ];
    check("windows", &cases);
}

/// RFC 9113, section 3.4: what is no preface is no HTTP/2, and is not worth an answer.
#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    let server = start("");
    let wrong: &[(&str, Vec<u8>)] = &[
        ("HTTP/1.1", b"GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a preface in small letters", PREFACE.to_ascii_lowercase()),
        ("the preface of HTTP/1.1", b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n".to_vec()),
        ("frames without a preface", [settings(&[]), get(1, "/first")].concat()),
        ("another first letter", [&b"X"[..], &PREFACE[1..], &settings(&[])].concat()),
        ("another last letter", [&PREFACE[..23], b"\r", &settings(&[]), &get(1, "/first")].concat()),
        ("no settings", [PREFACE, &get(1, "/first")].concat()),
        ("a ping first", [PREFACE, &frame(PING, 0, 0, &[0; 8]), &settings(&[]), &get(1, "/first")].concat()),
        ("an acknowledgement first", [PREFACE, &frame(SETTINGS, 1, 0, &[]), &get(1, "/first")].concat()),
        ("the preface twice", [PREFACE, PREFACE, &settings(&[]), &get(1, "/first")].concat()),
        ("noise", vec![0xA5; 4096]),
        ("zeros", vec![0; 4096]),
    ];
    for (name, bytes) in wrong {
        let mut wire = Wire::shake(&server);
        wire.write(bytes);
        let words = wire.last_words();
        assert!(matches!(words, None | Some(PROTOCOL_ERROR | FRAME_SIZE_ERROR)), "{name}: {words:?}");
    }
    for cut in 0..PREFACE.len() {
        let mut wire = Wire::shake(&server);
        wire.write(&PREFACE[..cut]);
        drop(wire);
    }
    assert_eq!(super::honest(&server), "hello");
    assert!(server.log.matching("SERVED /first").is_empty());
    // In pieces it is as good as whole.
    let mut wire = Wire::shake(&server);
    for byte in [PREFACE, &settings(&[]), &get(1, "/hello")].concat() {
        assert!(wire.write(&[byte]));
    }
    assert_eq!(wire.end_of(1), End::Answer("hello".into()));
    results::record("http2", "prefaces", wrong.len() + PREFACE.len() + 1, 0);
}

/// RFC 9113, section 6.7: the same bytes come back, before anything else that waits.
#[test]
fn pings_are_answered() {
    let server = start("");
    let mut wire = Wire::open(&server, &[]);
    for payload in [[0; 8], *b"whatever", [0xFF; 8]] {
        assert!(wire.send(PING, 0, 0, &payload));
        let answer = std::iter::from_fn(|| wire.next()).find(|frame| frame.kind == PING).expect("an answer");
        assert_eq!((answer.flags, answer.stream, answer.payload.as_slice()), (1, 0, &payload[..]));
    }
}

/// RFC 9113, section 6.8: who says goodbye still gets the answers to what it has asked.
#[test]
fn a_client_that_says_goodbye_gets_its_answers() {
    let server = start("");
    let mut wire = Wire::open(&server, &[]);
    let goodbye = [0, 0, 0, 0, 0, 0, 0, 0];
    assert!(wire.write(&[open_post(1), frame(GOAWAY, 0, 0, &goodbye)].concat()));
    assert!(wire.send(DATA, END_STREAM, 1, b"x"));
    assert_eq!(wire.end_of(1), End::Answer("hello".into()));
    assert!(matches!(wire.last_words(), None | Some(0)));
}

/// Every beginning of a conversation, and the end of the client: nobody waits for the rest.
#[test]
fn conversations_that_break_off() {
    let server = start("");
    assert_eq!(super::honest(&server), "hello");
    let pid = router(&server);
    let before = descriptors(pid);
    let head = block(&request("POST", "/never"));
    let (one, two) = head.split_at(10);
    let whole = [
        settings(&[(INITIAL_WINDOW_SIZE, 10)]),
        frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 16]),
        frame(HEADERS, 0, 1, one),
        frame(CONTINUATION, END_HEADERS, 1, two),
        frame(DATA, 0, 1, b"abc"),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        frame(PING, 0, 0, &[1; 8]),
        frame(GOAWAY, 0, 0, &[0; 8]),
    ]
    .concat();
    for cut in 0..=whole.len() {
        let mut wire = Wire::shake(&server);
        wire.write(&[PREFACE, &whole[..cut]].concat());
        wire.finish();
        let words = wire.last_words();
        assert!(matches!(words, None | Some(0 | PROTOCOL_ERROR)), "cut at {cut}: {words:?}");
    }
    assert_eq!(super::honest(&server), "hello");
    eventually("nothing is left of them", || (descriptors(pid) <= before).then_some(()));
    results::record("http2", "broken off", whole.len() + 1, 0);
}

/// Whatever the reason: to the application a body that is taken back is not one that has ended.
#[test]
fn bodies_that_are_taken_back_are_not_whole() {
    const NO_ERROR: u32 = 0;
    const CANCEL: u32 = 8;
    let server = start("");
    let mut wire = Wire::open(&server, &[]);
    let mut stream = 1;
    // The larger ones are beyond what is read before the application is asked.
    for (size, rounds) in [(3, 10), (120_000, 3)] {
        for (reason, length) in [(NO_ERROR, None), (NO_ERROR, Some("500000")), (CANCEL, None), (CANCEL, Some("500000"))]
        {
            for _ in 0..rounds {
                let fields =
                    request("POST", "/read").into_iter().chain(length.map(|length| ("content-length", length)));
                let mut bytes = frame(HEADERS, END_HEADERS, stream, &block(&fields.collect::<Vec<_>>()));
                for piece in vec![b'x'; size].chunks(16_000) {
                    bytes.extend(frame(DATA, 0, stream, piece));
                }
                // When this is answered, the rest has been taken in.
                bytes.extend(frame(PING, 0, 0, b"take it "));
                assert!(wire.write(&bytes));
                while wire.next().expect("a frame").kind != PING {}
                let back = frame(RST_STREAM, 0, stream, &reason.to_be_bytes());
                assert!(wire.write(&[back, get(stream + 2, "/hello")].concat()));
                assert_eq!(wire.end_of(stream + 2), End::Answer("hello".into()));
                stream += 4;
            }
        }
    }
    drop(wire);
    let ended = server.stop();
    assert!(!ended.log.contains("READ"), "{}", ended.log);
}
