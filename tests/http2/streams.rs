//! Streams: their numbers, their states, their frames and how those follow each other.

use super::case::{Case, ENHANCE_YOUR_CALM, Expect::*, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED, check};
use super::start;
use super::wire::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, End, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE, Wire, block, frame,
    get, open_post, request,
};

const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 32;
const WHOLE: u8 = END_HEADERS | END_STREAM;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

fn head() -> Vec<u8> {
    block(&request("GET", "/hello"))
}

fn rst(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &CANCEL)
}

fn data(stream: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, bytes)
}

/// RFC 9113, sections 5.1 and 5.1.1. Where it wants STREAM_CLOSED on a stream that is closed, ours is PROTOCOL_ERROR.
#[test]
fn states_and_numbers() {
    let cases: Vec<Case> = vec![
        ("a request", get(1, "/"), Answer(1, "hello")),
        ("a first stream with a larger number", get(77, "/"), Answer(77, "hello")),
        ("a request with a body", [open_post(1), data(1, END_STREAM, b"x")].concat(), Answer(1, "hello")),
        (
            "a body whose end comes alone",
            [open_post(1), data(1, 0, b"x"), data(1, END_STREAM, b"")].concat(),
            Answer(1, "hello"),
        ),
        ("an empty body", [open_post(1), data(1, END_STREAM, b"")].concat(), Answer(1, "hello")),
        ("a number of ours", get(2, "/"), Goaway(PROTOCOL_ERROR)),
        ("a number of ours later", [get(1, "/"), get(4, "/")].concat(), Goaway(PROTOCOL_ERROR)),
        ("a number that was passed over", [get(5, "/"), get(3, "/")].concat(), Goaway(PROTOCOL_ERROR)),
        ("a request on stream 0", get(0, "/"), Goaway(PROTOCOL_ERROR)),
        ("DATA on stream 0", data(0, 0, b"x"), Goaway(PROTOCOL_ERROR)),
        ("DATA before its request", data(1, 0, b"x"), Goaway(PROTOCOL_ERROR)),
        ("DATA on a stream of ours", data(2, 0, b"x"), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM on stream 0", rst(0), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM before its request", rst(1), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM on a stream of ours", rst(2), Goaway(PROTOCOL_ERROR)),
        ("WINDOW_UPDATE before its request", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), Goaway(PROTOCOL_ERROR)),
        ("a request taken back", [get(1, "/"), rst(1)].concat(), Nothing),
        ("a request taken back twice", [get(1, "/"), rst(1), rst(1)].concat(), Nothing),
        ("a request taken back in the middle", [open_post(1), data(1, 0, b"x"), rst(1)].concat(), Nothing),
        ("an unknown reason", [open_post(1), frame(RST_STREAM, 0, 1, &[0xFF; 4])].concat(), Nothing),
        ("DATA behind the end", [get(1, "/"), data(1, 0, b"x")].concat(), Goaway(PROTOCOL_ERROR)),
        ("a second end", [get(1, "/"), data(1, END_STREAM, b"")].concat(), Goaway(PROTOCOL_ERROR)),
        ("a second request behind the end", [get(1, "/"), get(1, "/")].concat(), Goaway(PROTOCOL_ERROR)),
        ("DATA behind a reset", [open_post(1), rst(1), data(1, 0, b"x")].concat(), Reset(1, STREAM_CLOSED)),
        ("a request behind a reset", [get(1, "/"), rst(1), get(1, "/")].concat(), Goaway(PROTOCOL_ERROR)),
        (
            "a window behind a reset",
            [open_post(1), rst(1), frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])].concat(),
            Nothing,
        ),
    ];
    check("states", &cases);
}

/// RFC 9113, section 5.1.2: what is refused may be asked again.
#[test]
fn more_streams_than_allowed_are_refused() {
    let server = start("");
    let mut wire = Wire::open(&server, &[]);
    let many: Vec<u8> = (0..129).flat_map(|number| open_post(2 * number + 1)).collect();
    assert!(wire.write(&many));
    assert_eq!(wire.end_of(257), End::Reset(REFUSED_STREAM));
    assert!(wire.write(&data(1, END_STREAM, b"x")));
    assert_eq!(wire.end_of(1), End::Answer("hello".into()));
    assert!(wire.write(&[open_post(259), data(259, END_STREAM, b"x")].concat()));
    assert_eq!(wire.end_of(259), End::Answer("hello".into()));
}

/// RFC 9113, sections 5.3 and 6.3: read, and never heeded.
#[test]
fn priorities() {
    let priority = |stream: u32, on: u32| frame(PRIORITY, 0, stream, &[&on.to_be_bytes()[..], &[15]].concat());
    let with = |on: u32| frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &[&on.to_be_bytes()[..], &[255], &head()].concat());
    let cases: Vec<Case> = vec![
        ("a priority before the request", [priority(1, 0), get(1, "/")].concat(), Answer(1, "hello")),
        ("a priority behind the request", [get(1, "/"), priority(1, 0)].concat(), Answer(1, "hello")),
        ("a priority of a stream that never comes", priority(9, 7), Nothing),
        ("a priority of a stream of ours", priority(2, 1), Nothing),
        ("an exclusive priority", priority(1, 1 << 31 | 3), Nothing),
        ("a priority on stream 0", priority(0, 1), Goaway(PROTOCOL_ERROR)),
        ("a stream that depends on itself", [open_post(1), priority(1, 1)].concat(), Reset(1, PROTOCOL_ERROR)),
        ("HEADERS with a priority", with(0), Answer(1, "hello")),
        ("HEADERS with a priority on a stream that never comes", with(1 << 31 | 99), Answer(1, "hello")),
        ("HEADERS that depend on themselves", with(1), Reset(1, PROTOCOL_ERROR)),
        ("HEADERS whose priority is cut", frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &[0, 0, 0]), Goaway(PROTOCOL_ERROR)),
    ];
    check("priorities", &cases);
}

/// RFC 9113, sections 6.1 and 6.2.
#[test]
fn padding() {
    let padded =
        |length: u8, padding: &[u8]| frame(HEADERS, WHOLE | PADDED, 1, &[&[length], &head()[..], padding].concat());
    let data = |payload: &[u8]| [open_post(1), frame(DATA, END_STREAM | PADDED, 1, payload)].concat();
    let cases: Vec<Case> = vec![
        ("padded HEADERS", padded(5, &[0; 5]), Answer(1, "hello")),
        ("HEADERS with padding of nothing", padded(0, &[]), Answer(1, "hello")),
        ("padding that is not zero", padded(3, &[0xFF; 3]), Answer(1, "hello")),
        (
            "HEADERS that are padding alone and a byte",
            frame(HEADERS, WHOLE | PADDED, 1, &[2, 0]),
            Goaway(PROTOCOL_ERROR),
        ),
        (
            "HEADERS with more padding than there is",
            frame(HEADERS, WHOLE | PADDED, 1, &[&[255], &head()[..]].concat()),
            Goaway(PROTOCOL_ERROR),
        ),
        ("padded HEADERS without a length", frame(HEADERS, WHOLE | PADDED, 1, &[]), Goaway(PROTOCOL_ERROR)),
        ("padded DATA", data(&[2, b'x', 0, 0]), Answer(1, "hello")),
        ("DATA that is padding alone", data(&[3, 0, 0, 0]), Answer(1, "hello")),
        ("DATA with padding of nothing", data(&[0]), Answer(1, "hello")),
        ("DATA with padding of its own length", data(&[4, 0, 0, 0]), Goaway(PROTOCOL_ERROR)),
        ("DATA with more padding than there is", data(&[255, b'x']), Goaway(PROTOCOL_ERROR)),
        ("padded DATA without a length", data(&[]), Goaway(PROTOCOL_ERROR)),
    ];
    check("padding", &cases);
}

/// RFC 9113, sections 6.2 and 6.10: a head is in one piece, or in pieces that nothing comes between.
#[test]
fn heads_in_pieces() {
    let whole = head();
    let (one, two) = whole.split_at(whole.len() / 2);
    let first = frame(HEADERS, END_STREAM, 1, one);
    let last = frame(CONTINUATION, END_HEADERS, 1, two);
    let between = |frame: Vec<u8>| [first.clone(), frame, last.clone()].concat();
    let pieces = |count: usize| -> Vec<u8> {
        let mut frames = frame(HEADERS, END_STREAM, 1, &[]);
        let share = whole.len().div_ceil(count);
        for (number, piece) in whole.chunks(share).enumerate() {
            let is_last = (number + 1) * share >= whole.len();
            frames.extend(frame(CONTINUATION, if is_last { END_HEADERS } else { 0 }, 1, piece));
        }
        frames
    };
    let cases: Vec<Case> = vec![
        ("two pieces", between(Vec::new()), Answer(1, "hello")),
        ("three pieces", between(frame(CONTINUATION, 0, 1, b"")), Answer(1, "hello")),
        ("five pieces", pieces(5), Answer(1, "hello")),
        ("a piece for each byte", pieces(whole.len()), Goaway(ENHANCE_YOUR_CALM)),
        (
            "the end comes alone",
            [frame(HEADERS, END_STREAM, 1, &whole), frame(CONTINUATION, END_HEADERS, 1, b"")].concat(),
            Answer(1, "hello"),
        ),
        (
            "all comes behind",
            [frame(HEADERS, END_STREAM, 1, b""), frame(CONTINUATION, END_HEADERS, 1, &whole)].concat(),
            Answer(1, "hello"),
        ),
        (
            "an end of the stream that a piece claims",
            [frame(HEADERS, END_STREAM, 1, one), frame(CONTINUATION, WHOLE, 1, two)].concat(),
            Answer(1, "hello"),
        ),
        ("DATA between", between(data(1, 0, b"x")), Goaway(PROTOCOL_ERROR)),
        (
            "DATA of another stream between",
            [
                open_post(1),
                frame(HEADERS, END_STREAM, 3, one),
                data(1, 0, b"x"),
                frame(CONTINUATION, END_HEADERS, 3, two),
            ]
            .concat(),
            Goaway(PROTOCOL_ERROR),
        ),
        ("another request between", between(get(3, "/")), Goaway(PROTOCOL_ERROR)),
        ("PING between", between(frame(6, 0, 0, &[0; 8])), Goaway(PROTOCOL_ERROR)),
        ("SETTINGS between", between(frame(4, 0, 0, &[])), Goaway(PROTOCOL_ERROR)),
        ("PRIORITY between", between(frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])), Goaway(PROTOCOL_ERROR)),
        ("WINDOW_UPDATE between", between(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])), Goaway(PROTOCOL_ERROR)),
        ("RST_STREAM between", between(rst(1)), Goaway(PROTOCOL_ERROR)),
        ("an unknown frame between", between(frame(99, 0, 1, b"x")), Goaway(PROTOCOL_ERROR)),
        (
            "a piece of another stream",
            [first.clone(), frame(CONTINUATION, END_HEADERS, 3, two)].concat(),
            Goaway(PROTOCOL_ERROR),
        ),
        (
            "a piece on stream 0",
            [first.clone(), frame(CONTINUATION, END_HEADERS, 0, two)].concat(),
            Goaway(PROTOCOL_ERROR),
        ),
        ("a piece without a beginning", last.clone(), Goaway(PROTOCOL_ERROR)),
        (
            "a piece on stream 0 without a beginning",
            frame(CONTINUATION, END_HEADERS, 0, &whole),
            Goaway(PROTOCOL_ERROR),
        ),
        ("a piece behind the last", [get(1, "/"), last.clone()].concat(), Goaway(PROTOCOL_ERROR)),
        ("a piece behind DATA", [open_post(1), data(1, 0, b"x"), last].concat(), Goaway(PROTOCOL_ERROR)),
        ("a request that begins within another's", [first.clone(), first].concat(), Goaway(PROTOCOL_ERROR)),
    ];
    check("continuations", &cases);
}
