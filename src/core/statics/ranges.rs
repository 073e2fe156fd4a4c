//! The Range header.
//!
//! Source: RFC 9110 §14.1.2 (byte ranges), §14.2 (what a server may make of them), §17.15 (abuse of many ranges).

use std::ops::Range;

/// Ranges answered one by one; who asks for more gets the whole file.
const MOST: usize = 16;

/// What a client wants of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no header, one that means nothing, or one that asks too much.
    Whole,
    /// Nothing that is there.
    Nothing,
    /// One part.
    One(Range<u64>),
    /// Several, in the client's order.
    Parts(Vec<Range<u64>>),
}

/// Reads `header` for a file of `size` bytes.
pub(super) fn wanted(header: &[u8], size: u64) -> Wanted {
    let Some(set) = header.split_at_checked(6).filter(|(unit, _)| unit.eq_ignore_ascii_case(b"bytes=")) else {
        return Wanted::Whole;
    };
    let mut ranges = Vec::new();
    let mut seen = 0;
    for spec in set.1.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|spec| !spec.is_empty()) {
        seen += 1;
        match part(spec, size) {
            Some(range) if range.is_empty() => {}
            Some(range) => ranges.push(range),
            None => return Wanted::Whole,
        }
        if seen > MOST {
            return Wanted::Whole;
        }
    }
    let total = ranges.iter().fold(0_u64, |total, range| total.saturating_add(range.end - range.start));
    match ranges.as_slice() {
        [] if seen == 0 => Wanted::Whole,
        [] => Wanted::Nothing,
        [one] => Wanted::One(one.clone()),
        // More than the file itself: the ranges overlap, and the whole is cheaper for both.
        _ if total > size => Wanted::Whole,
        _ => Wanted::Parts(ranges),
    }
}

/// One range; empty when it lies outside. `None`: malformed.
fn part(spec: &[u8], size: u64) -> Option<Range<u64>> {
    let dash = spec.iter().position(|&byte| byte == b'-')?;
    let (first, last) = spec.split_at(dash);
    let last = last.get(1..)?;
    if first.is_empty() {
        let length = number(last)?;
        return Some(size.saturating_sub(length)..size);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(first.min(size)..last.saturating_add(1).min(size))
}

/// Digits only; what no file reaches counts as the largest number.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_ranges() {
        for (header, size, expected) in [
            ("bytes=0-0", 10, Wanted::One(0..1)),
            ("bytes=2-4", 10, Wanted::One(2..5)),
            ("BYTES=2-", 10, Wanted::One(2..10)),
            ("bytes=-3", 10, Wanted::One(7..10)),
            ("bytes=-30", 10, Wanted::One(0..10)),
            ("bytes=5-99999999999999999999999", 10, Wanted::One(5..10)),
            ("bytes=0-1, 4-5", 10, Wanted::Parts(vec![0..2, 4..6])),
            ("bytes=,4-5 ,, 0-1,", 10, Wanted::Parts(vec![4..6, 0..2])),
            ("bytes=0-1,20-", 10, Wanted::One(0..2)),
            ("bytes=10-", 10, Wanted::Nothing),
            ("bytes=10-12,99-", 10, Wanted::Nothing),
            ("bytes=-0", 10, Wanted::Nothing),
            ("bytes=0-", 0, Wanted::Nothing),
            ("bytes=-5", 0, Wanted::Nothing),
            ("bytes=0-,0-", 10, Wanted::Whole),
            ("bytes=4-2", 10, Wanted::Whole),
            ("bytes=0-1,4-2", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=,", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=1", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes 0-1", 10, Wanted::Whole),
            ("lines=0-1", 10, Wanted::Whole),
            ("", 10, Wanted::Whole),
        ] {
            assert_eq!(wanted(header.as_bytes(), size), expected, "{header:?} of {size}");
        }
    }

    #[test]
    fn many_ranges_are_answered_with_the_whole() {
        let header = |count: u64| format!("bytes={}", (0..count).map(|n| format!("{n}-{n},")).collect::<String>());
        assert!(matches!(wanted(header(16).as_bytes(), 1000), Wanted::Parts(parts) if parts.len() == 16));
        assert_eq!(wanted(header(17).as_bytes(), 1000), Wanted::Whole);
    }
}
