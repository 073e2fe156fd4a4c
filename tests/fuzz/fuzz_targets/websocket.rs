//! Websocket frames: nothing panics, no message is larger than allowed, and it does not matter where the input is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsgi_proto::websocket::{Decoder, Event, Kind, Violation};

const LIMIT: usize = 1000;

fn run(pieces: [&[u8]; 3]) -> Result<Vec<(Event, Vec<u8>)>, Violation> {
    let (mut decoder, mut events) = (Decoder::new(LIMIT), Vec::new());
    for mut piece in pieces {
        while !piece.is_empty() {
            let (used, event) = decoder.decode(piece)?;
            assert!(used > 0 && used <= piece.len() && (event.is_some() || used == piece.len()));
            events.extend(event.map(|event| (event, decoder.payload().to_vec())));
            piece = &piece[used..];
        }
    }
    Ok(events)
}

fuzz_target!(|input: (usize, usize, &[u8])| {
    let (first, second, input) = input;
    let (front, back) = input.split_at(first % (input.len() + 1));
    let (middle, back) = back.split_at(second % (back.len() + 1));
    let whole = run([input, b"", b""]);
    assert_eq!(run([front, middle, back]), whole);
    for (event, payload) in whole.into_iter().flatten() {
        assert!(payload.len() <= LIMIT);
        assert!(event != Event::Message(Kind::Text) || std::str::from_utf8(&payload).is_ok());
    }
});
