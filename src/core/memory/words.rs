//! Bytes in shared words: written and read one word at a time, so that a torn text is the worst that a race can make.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Writes `bytes`; what does not fit is left out.
pub(super) fn write(words: &[AtomicU64], bytes: &[u8]) {
    for (word, piece) in words.iter().zip(bytes.chunks(8)) {
        let mut whole = [0; 8];
        for (to, from) in whole.iter_mut().zip(piece) {
            *to = *from;
        }
        word.store(u64::from_le_bytes(whole), Relaxed);
    }
}

/// Reads `length` bytes, or all there are.
pub(super) fn read(words: &[AtomicU64], length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.min(words.len() * 8));
    for word in words.iter().take(length.div_ceil(8)) {
        bytes.extend_from_slice(&word.load(Relaxed).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
