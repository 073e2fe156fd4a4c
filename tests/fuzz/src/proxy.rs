//! PROXY headers: nothing panics, a cut header is never taken for a whole one, and what follows changes nothing.

use crate::cut;
use rsgi_proto::proxy::{LONGEST, decode};

pub(crate) fn run(input: &[u8]) {
    let Ok(Some(header)) = decode(input) else { return };
    assert!(header.consumed > 0 && header.consumed <= input.len().min(LONGEST));
    assert_eq!(decode(&input[..header.consumed]), Ok(Some(header)));
    let cut = cut::place(input, header.consumed);
    assert_eq!(decode(&input[..cut]), Ok(None), "at {cut}");
}
