//! Compressed neighbours of a file: which the client takes best, and for which files they are looked for.
//!
//! Source: RFC 9110 §12.5.3 (Accept-Encoding).

use std::fs::{File, Metadata};
use std::os::unix::ffi::OsStrExt;

use regex::bytes::Regex;
use rsgi_config::Statics;

use super::lookup::Found;
use super::{StaticsError, pattern};

/// Codings and the endings of such files, the best first.
const CODINGS: [(&str, &str); 3] = [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")];

/// For which files there may be neighbours (`static-gzip`, `static-gzip-all`).
#[derive(Debug)]
pub(super) struct Neighbours {
    all: bool,
    patterns: Vec<Regex>,
}

impl Neighbours {
    pub(super) fn new(statics: &Statics) -> Result<Self, StaticsError> {
        let patterns = statics.gzip.iter().map(|text| pattern("static-gzip", text)).collect::<Result<_, _>>()?;
        Ok(Self { all: statics.gzip_all, patterns })
    }

    /// Whether a file may be sent in another coding; caches have to know.
    pub(super) fn may_be(&self, found: &Found<'_>) -> bool {
        let name = found.name.as_os_str().as_bytes();
        self.all || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

/// The neighbour that serves a client best, and its coding.
pub(super) fn choose(found: &Found<'_>, accept: &[u8]) -> Option<(&'static str, File, Metadata)> {
    preferred(accept).into_iter().find_map(|(coding, ending)| {
        let (file, facts) = found.neighbour(ending)?;
        Some((coding, file, facts))
    })
}

/// The codings that a client prefers to the file as it is, best first.
fn preferred(accept: &[u8]) -> Vec<(&'static str, &'static str)> {
    // Without a word about it, the plain file is the last choice.
    let plain = weight(accept, "identity", false).unwrap_or(0);
    let mut taken: Vec<_> = CODINGS
        .into_iter()
        .filter_map(|row| Some((weight(accept, row.0, true)?, row)))
        .filter(|&(weight, _)| weight > 0 && weight >= plain)
        .collect();
    taken.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
    taken.into_iter().map(|(_, row)| row).collect()
}

/// Whether a client that sends this Accept-Encoding takes gzip, and no less than the plain content.
pub(crate) fn accepts_gzip(accept: &[u8]) -> bool {
    preferred(accept).iter().any(|(coding, _)| *coding == "gzip")
}

/// The weight of a coding in thousandths, `None` when nothing is said of it. `any`: `*` speaks for it too.
fn weight(accept: &[u8], coding: &str, any: bool) -> Option<u32> {
    let mut star = None;
    for item in accept.split(|&byte| byte == b',') {
        let mut words = item.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = words.next().unwrap_or_default();
        let quality = words.next().map_or(1000, quality);
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is(coding) || (coding == "gzip" && is("x-gzip")) {
            return Some(quality);
        }
        if any && name == b"*" {
            star = Some(quality);
        }
    }
    star
}

/// `q=0.5` in thousandths; what is no weight takes the coding out.
fn quality(parameter: &[u8]) -> u32 {
    let value = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    let value = value.and_then(|value| std::str::from_utf8(value).ok()).and_then(|value| value.parse::<f32>().ok());
    value.filter(|value| (0.0..=1.0).contains(value)).map_or(0, |value| (value * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_decides_and_then_the_size() {
        for (accept, expected) in [
            ("", ""),
            ("gzip", "gzip"),
            ("GZip, deflate, br, zstd", "br zstd gzip"),
            ("x-gzip", "gzip"),
            ("gzip;q=1.0, br;q=0.5", "gzip br"),
            ("gzip;q=0, br", "br"),
            ("*", "br zstd gzip"),
            ("*;q=0.1, br;q=0", "zstd gzip"),
            ("identity, gzip;q=0.5", ""),
            ("identity;q=0.5, gzip;q=0.5", "gzip"),
            ("gzip;q=2, br;q=x, zstd;level=3", ""),
            ("deflate", ""),
        ] {
            let names: Vec<_> = preferred(accept.as_bytes()).into_iter().map(|(coding, _)| coding).collect();
            assert_eq!(names.join(" "), expected, "{accept:?}");
        }
    }
}
