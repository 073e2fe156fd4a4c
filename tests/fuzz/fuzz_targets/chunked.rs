//! Chunked bodies: nothing panics, and it does not matter where the input is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsgi_proto::http1::Reject;
use rsgi_proto::http1::chunked::Chunked;

fn run(pieces: [&[u8]; 3]) -> Result<(Vec<u8>, usize, bool), Reject> {
    let (mut decoder, mut body, mut used) = (Chunked::new(), Vec::new(), 0);
    for piece in pieces {
        used += decoder.decode(piece, |data| body.extend_from_slice(data))?;
    }
    Ok((body, used, decoder.is_done()))
}

fuzz_target!(|input: (usize, usize, &[u8])| {
    let (first, second, input) = input;
    let (front, back) = input.split_at(first % (input.len() + 1));
    let (middle, back) = back.split_at(second % (back.len() + 1));
    let whole = run([input, b"", b""]);
    assert_eq!(run([front, middle, back]), whole);
    if let Ok((body, used, done)) = whole {
        assert!(body.len() <= used && used <= input.len());
        assert!(done || used == input.len());
        assert!(!done || input[..used].ends_with(b"\r\n\r\n"));
    }
});
