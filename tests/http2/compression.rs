//! Compressed heads (RFC 7541), right and wrong. Where RFC 9113 wants COMPRESSION_ERROR, ours is PROTOCOL_ERROR: the connection
//! ends in either case, as it must, for nobody knows any more what the table holds.

use super::case::{Case, Expect::*, PROTOCOL_ERROR, check};
use super::wire::{HEADERS, block, frame, request, settings, text};

/// A request made of these bytes.
fn asked(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, 5, stream, block)
}

/// A plain request with these bytes behind it.
fn with(bytes: &[u8]) -> Vec<u8> {
    asked(1, &[&block(&request("GET", "/hello")), bytes].concat())
}

/// A field that is remembered.
fn remembered(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0x40];
    text(&mut out, name);
    text(&mut out, value);
    out
}

#[test]
fn numbers_and_tables() {
    // :method GET, :path /, :scheme https, and an authority that is remembered as number 62.
    let first = [0x82, 0x84, 0x87, 0x41, 9, b'l', b'o', b'c', b'a', b'l', b'h', b'o', b's', b't'];
    let first = asked(1, &first);
    let again = asked(3, &[0x82, 0x84, 0x87, 0xBE]);
    let huge = vec![b'v'; 5000];
    let cases: Vec<Case> = vec![
        ("numbers of the static table", first.clone(), Answer(1, "hello")),
        ("a number of the dynamic table", [first.clone(), again.clone()].concat(), Answer(3, "hello")),
        ("number 0", with(&[0x80]), Goaway(PROTOCOL_ERROR)),
        ("the first number that is not there", with(&[0xBE]), Goaway(PROTOCOL_ERROR)),
        ("a large number", with(&[0xFF, 0xFF, 0x7F]), Goaway(PROTOCOL_ERROR)),
        ("a name by a number that is not there", with(&[0x7F, 0x20, 1, b'x']), Goaway(PROTOCOL_ERROR)),
        ("a number without an end", with(&[0xFF, 0x80, 0x80]), Goaway(PROTOCOL_ERROR)),
        ("a number of many bytes", with(&[&[0xFF][..], &[0x80; 20], &[1]].concat()), Goaway(PROTOCOL_ERROR)),
        ("a number beyond all bounds", with(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), Goaway(PROTOCOL_ERROR)),
        ("a field that is never to be remembered", with(&[0x10, 1, b'x', 1, b'y']), Answer(1, "hello")),
        (
            "a field larger than the table empties it",
            [
                asked(1, &[&block(&request("GET", "/")), remembered(b"x-a", b"1").as_slice()].concat()),
                asked(3, &[&block(&request("GET", "/")), remembered(b"x-b", &huge).as_slice()].concat()),
                asked(5, &[&block(&request("GET", "/")), &[0xBE][..]].concat()),
            ]
            .concat(),
            Goaway(PROTOCOL_ERROR),
        ),
        (
            "a table made empty",
            [first.clone(), asked(3, &[0x20, 0x82, 0x84, 0x87, 0xBE])].concat(),
            Goaway(PROTOCOL_ERROR),
        ),
        (
            "a table made small",
            asked(1, &[&[0x3F, 0x45][..], &block(&request("GET", "/"))].concat()),
            Answer(1, "hello"),
        ),
        (
            "a table of the largest size",
            asked(1, &[&[0x3F, 0xE1, 0x1F][..], &block(&request("GET", "/"))].concat()),
            Answer(1, "hello"),
        ),
        (
            "a table that is too large",
            asked(1, &[&[0x3F, 0xE2, 0x1F][..], &block(&request("GET", "/"))].concat()),
            Goaway(PROTOCOL_ERROR),
        ),
        ("a table of another size in the middle", with(&[0x20]), Goaway(PROTOCOL_ERROR)),
        (
            "a table of another size behind a field",
            asked(1, &[&[0x82, 0x20, 0x84, 0x87][..], &block(&[(":authority", "localhost")])].concat()),
            Goaway(PROTOCOL_ERROR),
        ),
        ("settings about our table", [settings(&[(1, 0)]), first, again].concat(), Answer(3, "hello")),
    ];
    check("compression tables", &cases);
}

#[test]
fn texts_and_their_code() {
    // "/" in the code of RFC 7541, appendix B: 011000, filled up with ones.
    let coded = |bytes: &[u8]| {
        [&[0x82, 0x87, 0x04, 0x80 | u8::try_from(bytes.len()).expect("short")][..], bytes, &[0x01, 1, b'h']].concat()
    };
    let cases: Vec<Case> = vec![
        ("a coded path", asked(1, &coded(&[0b0110_0011])), Answer(1, "hello")),
        ("filled up with zeros", asked(1, &coded(&[0b0110_0000])), Goaway(PROTOCOL_ERROR)),
        ("filled up with a byte too many", asked(1, &coded(&[0b0110_0011, 0xFF])), Goaway(PROTOCOL_ERROR)),
        ("the sign of the end", asked(1, &coded(&[0xFF, 0xFF, 0xFF, 0xFF])), Goaway(PROTOCOL_ERROR)),
        (
            "the sign of the end in the middle",
            asked(1, &coded(&[0b0110_0011, 0xFF, 0xFF, 0xFF, 0xFF])),
            Goaway(PROTOCOL_ERROR),
        ),
        ("a text longer than the head", with(&[0, 1, b'x', 100, b'y']), Goaway(PROTOCOL_ERROR)),
        ("a text of any length", with(&[0, 1, b'x', 0x7F, 0xFF, 0xFF, 0xFF, 0x7F]), Goaway(PROTOCOL_ERROR)),
        ("a name without a value", with(&[0, 1, b'x']), Goaway(PROTOCOL_ERROR)),
        ("half a field", with(&[0]), Goaway(PROTOCOL_ERROR)),
        ("half a number", with(&[0x7F]), Goaway(PROTOCOL_ERROR)),
        ("nothing", asked(1, &[]), Reset(1, PROTOCOL_ERROR)),
        ("noise", asked(1, &[0xFF; 200]), Goaway(PROTOCOL_ERROR)),
    ];
    check("compression texts", &cases);
}
