//! Where an input is cut: the place follows from its content, so that the input is nothing but what a stranger sends, and any
//! change of it tries another place.

/// A number that any change of `input` changes (FNV-1a, 64 bits).
pub(crate) fn hash(input: &[u8]) -> u64 {
    input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A place in `0..length`, or 0 when there is none.
pub(crate) fn place(input: &[u8], length: usize) -> usize {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    usize::try_from((hash(input) >> 16).checked_rem(length).unwrap_or(0)).unwrap_or(0)
}

/// Two pieces.
pub(crate) fn two(input: &[u8]) -> [&[u8]; 2] {
    let (front, back) = input.split_at(place(input, input.len() + 1));
    [front, back]
}

/// Three pieces.
pub(crate) fn three(input: &[u8]) -> [&[u8]; 3] {
    let [front, rest] = two(input);
    let (middle, back) = rest.split_at(place(rest, rest.len() + 1));
    [front, middle, back]
}
