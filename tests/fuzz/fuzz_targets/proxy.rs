//! PROXY headers: nothing panics, a cut header is never taken for a whole one, and what follows changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsgi_proto::proxy::{LONGEST, decode};

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, input) = input;
    let Ok(Some(header)) = decode(input) else { return };
    assert!(header.consumed > 0 && header.consumed <= input.len().min(LONGEST));
    assert_eq!(decode(&input[..header.consumed]), Ok(Some(header)));
    let cut = cut % header.consumed;
    assert_eq!(decode(&input[..cut]), Ok(None), "at {cut}");
});
