//! Chunked bodies: nothing panics, and it does not matter where the input is cut.

use crate::cut;
use rsgi_proto::http1::Reject;
use rsgi_proto::http1::chunked::Chunked;

fn decode(pieces: [&[u8]; 3]) -> Result<(Vec<u8>, usize, bool), Reject> {
    let (mut decoder, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
    for piece in pieces {
        used += decoder.decode(piece, |data| body.extend_from_slice(data))?;
    }
    Ok((body, used, decoder.is_done()))
}

pub(crate) fn run(input: &[u8]) {
    let whole = decode([input, b"", b""]);
    assert_eq!(decode(cut::three(input)), whole);
    if let Ok((body, used, done)) = whole {
        assert!(body.len() <= used && used <= input.len());
        assert!(done || used == input.len());
        assert!(!done || input[..used].ends_with(b"\r\n\r\n"));
    }
}
