//! Websocket frames: nothing panics, no message is larger than allowed, and it does not matter where the input is cut.

use crate::cut;
use rsgi_proto::websocket::{Decoder, Event, Kind, Violation};

const LIMIT: usize = 1000;

fn decode(pieces: [&[u8]; 3]) -> Result<Vec<(Event, Vec<u8>)>, Violation> {
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

pub(crate) fn run(input: &[u8]) {
    let whole = decode([input, b"", b""]);
    assert_eq!(decode(cut::three(input)), whole);
    for (event, payload) in whole.into_iter().flatten() {
        assert!(payload.len() <= LIMIT);
        assert!(event != Event::Message(Kind::Text) || std::str::from_utf8(&payload).is_ok());
    }
}
