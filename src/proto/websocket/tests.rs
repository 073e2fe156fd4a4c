//! The decoder against the vectors of RFC 6455, and against what clients must not do, cut at every byte.

use super::*;

const LIMIT: usize = 70_000;

/// A client's frame. `first`: FIN, reserved bits and opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    super::super::message_prefix(&mut out, Kind::Text, payload.len());
    out[0] = first;
    out[1] |= 0x80;
    out.extend_from_slice(&[0x37, 0xfa, 0x21, 0x3d]);
    out.extend(payload.iter().zip([0x37, 0xfa, 0x21, 0x3d].iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

fn run(stream: &[u8], size: usize) -> Result<Vec<(Event, Vec<u8>)>, Violation> {
    let (mut decoder, mut events) = (Decoder::new(LIMIT), Vec::new());
    for piece in stream.chunks(size.max(1)) {
        let mut rest = piece;
        while !rest.is_empty() {
            let (used, event) = decoder.decode(rest)?;
            assert!(used > 0 && (event.is_some() || used == rest.len()));
            events.extend(event.map(|event| (event, decoder.payload().to_vec())));
            rest = &rest[used..];
        }
    }
    Ok(events)
}

/// In pieces of every size the same comes out.
fn decode(stream: &[u8]) -> Result<Vec<(Event, Vec<u8>)>, Violation> {
    let whole = run(stream, stream.len());
    for size in (1..stream.len().min(200)).chain([1000, 4096]) {
        assert_eq!(run(stream, size), whole, "in pieces of {size}");
    }
    whole
}

fn text(payload: &[u8]) -> (Event, Vec<u8>) {
    (Event::Message(Kind::Text), payload.to_vec())
}

/// RFC 6455 §5.7, those that a client sends (unmasked ones masked).
#[test]
fn the_frames_of_the_rfc() {
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&hello), Ok(vec![text(b"Hello")]));
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(decode(&pong), Ok(vec![(Event::Pong, b"Hello".to_vec())]));
    let fragments = [frame(0x01, b"Hel"), frame(0x80, b"lo")].concat();
    assert_eq!(decode(&fragments), Ok(vec![text(b"Hello")]));
    assert_eq!(decode(&frame(0x89, b"Hello")), Ok(vec![(Event::Ping, b"Hello".to_vec())]));
    for size in [256, 65536] {
        let payload = vec![7; size];
        assert_eq!(decode(&frame(0x82, &payload)), Ok(vec![(Event::Message(Kind::Binary), payload)]));
    }
}

#[test]
fn control_frames_come_between_fragments() {
    let stream = [frame(0x01, b"a"), frame(0x89, b"p"), frame(0x00, b""), frame(0x8a, b""), frame(0x80, b"b")];
    let next = [frame(0x82, b"\xff"), frame(0x81, b""), frame(0x88, b"\x03\xe8bye")];
    let events = vec![
        (Event::Ping, b"p".to_vec()),
        (Event::Pong, vec![]),
        text(b"ab"),
        (Event::Message(Kind::Binary), b"\xff".to_vec()),
        text(b""),
        (Event::Close(Some(Code::NORMAL)), vec![]),
    ];
    assert_eq!(decode(&[stream.concat(), next.concat()].concat()), Ok(events));
}

#[test]
fn text_is_utf8_as_a_whole_not_in_its_fragments() {
    let euro = "€".as_bytes();
    let stream = [frame(0x01, &euro[..1]), frame(0x00, &euro[1..2]), frame(0x80, &euro[2..])].concat();
    assert_eq!(decode(&stream), Ok(vec![text(euro)]));
    for bad in [b"\xff".as_slice(), b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80"] {
        assert_eq!(decode(&frame(0x81, bad)), Err(Violation::Utf8), "{}", bad.escape_ascii());
        assert!(decode(&frame(0x82, bad)).is_ok());
    }
}

#[test]
fn messages_have_a_limit() {
    let most = vec![b'x'; LIMIT];
    assert_eq!(decode(&frame(0x81, &most)), Ok(vec![text(&most)]));
    assert_eq!(decode(&frame(0x81, &[most.as_slice(), b"x"].concat())), Err(Violation::TooLarge));
    assert_eq!(decode(&[frame(0x01, &most), frame(0x80, b"x")].concat()), Err(Violation::TooLarge));
    assert!(decode(&[frame(0x01, &most), frame(0x89, &[0; 125]), frame(0x80, b"")].concat()).is_ok());
    // The length alone is enough, and no memory is taken on its word.
    assert_eq!(decode(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), Err(Violation::TooLarge));
}

#[test]
fn what_the_protocol_forbids() {
    let one_over = frame(0x89, &[0; 126]);
    let cases: [(&[u8], &str); 16] = [
        (b"\x81\x01x", "without a mask"),
        (b"\xc1", "reserved bit"),
        (b"\xa1", "reserved bit"),
        (b"\x91", "reserved bit"),
        (b"\x83", "unknown opcode"),
        (b"\x8b", "unknown opcode"),
        (b"\x80", "continuation of nothing"),
        (b"\x09", "fragmented control"),
        (b"\x08", "fragmented control"),
        (&one_over, "more than 125"),
        (b"\x81\xfe\x00\x7d\0\0\0\0", "shortest form"),
        (b"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", "shortest form"),
        (b"\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0", "63 bits"),
        (b"\x88\x81\0\0\0\0\x03", "half a code"),
        (b"\x88\x82\0\0\0\0\x03\xed", "must not be sent"),
        (b"\x88\x82\0\0\0\0\x13\x88", "must not be sent"),
    ];
    for (stream, what) in cases {
        let violation = decode(stream).expect_err(what);
        assert!(violation.to_string().contains(what), "{what}: {violation}");
        assert_eq!(violation.code(), Code::PROTOCOL);
    }
    let two = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    assert!(decode(&two).expect_err("two").to_string().contains("within the fragments"));
    assert_eq!(decode(&frame(0x88, b"\x03\xe8\xff")), Err(Violation::Utf8));
}

#[test]
fn codes_that_a_client_may_send() {
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999] {
        let close = frame(0x88, &u16::to_be_bytes(code));
        assert_eq!(decode(&close), Ok(vec![(Event::Close(Some(Code(code))), vec![])]));
    }
    assert_eq!(decode(&frame(0x88, b"")), Ok(vec![(Event::Close(None), vec![])]));
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535] {
        assert!(decode(&frame(0x88, &u16::to_be_bytes(code))).is_err(), "{code}");
    }
}

#[test]
fn it_knows_whether_something_is_unfinished() {
    let mut decoder = Decoder::new(LIMIT);
    for (piece, within) in [(frame(0x01, b"a"), true), (frame(0x80, b"b"), false), (vec![0x81], true)] {
        decoder.decode(&piece).expect("legal");
        assert_eq!(decoder.is_within(), within);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = crate::random::Random::new(9);
    let seed = [frame(0x01, b"Hel"), frame(0x89, b"ping"), frame(0x80, b"lo"), frame(0x88, b"\x03\xe8")].concat();
    for _ in 0..2000 {
        let mut input = seed.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(input.len());
            input[at] = u8::try_from(random.below(256)).expect("a byte");
        }
        let whole = run(&input, input.len());
        assert_eq!(run(&input, 1), whole, "{}", input.escape_ascii());
        assert_eq!(run(&input, 3), whole, "{}", input.escape_ascii());
    }
}
