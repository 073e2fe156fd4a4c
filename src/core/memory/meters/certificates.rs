//! Until when certificates last, by the names that they are shown for.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::super::words;
use super::{CERTIFICATE, CERTIFICATES_START, Meters, SHARDS_START};

impl Meters {
    /// Says until when (seconds since the epoch) the certificate lasts that is shown for `name`; `now` is the time of the
    /// monotonic clock, microseconds.
    pub fn publish_certificate(self, name: &str, expiry: u64, now: u64) {
        let name = name.as_bytes().get(..(CERTIFICATE - 3) * 8).unwrap_or(name.as_bytes());
        for [state, until, told, text @ ..] in self.certificate_words() {
            if state.load(Acquire) == 0 && state.compare_exchange(0, u64::MAX, AcqRel, Acquire).is_ok() {
                words::write(text, name);
                until.store(expiry, Relaxed);
                told.store(now, Relaxed);
                return state.store(name.len() as u64 + 1, Release);
            }
            if read_name(state, text).is_some_and(|known| known == name) {
                until.store(expiry, Relaxed);
                return told.store(now, Relaxed);
            }
        }
    }

    /// Names, until when the certificates last that are shown for them, and when that was last said. Names of former
    /// configurations are among them.
    #[must_use]
    pub fn certificates(self) -> Vec<(String, u64, u64)> {
        let mut found: Vec<(String, u64, u64)> = Vec::new();
        for [state, until, told, text @ ..] in self.certificate_words() {
            let Some(name) = read_name(state, text) else { continue };
            let name = String::from_utf8_lossy(&name).into_owned();
            // Two processes may have entered a name at the same moment; the first entry is the one that is kept.
            if !found.iter().any(|(known, ..)| *known == name) {
                found.push((name, until.load(Relaxed), told.load(Relaxed)));
            }
        }
        found
    }

    fn certificate_words(self) -> impl Iterator<Item = &'static [AtomicU64; CERTIFICATE]> {
        let all = self.words.get(CERTIFICATES_START..SHARDS_START).unwrap_or_default();
        all.as_chunks::<CERTIFICATE>().0.iter()
    }
}

fn read_name(state: &AtomicU64, text: &[AtomicU64]) -> Option<Vec<u8>> {
    let length = state.load(Acquire).checked_sub(1)?;
    let length = usize::try_from(length).ok().filter(|&length| length <= text.len() * 8)?;
    Some(words::read(text, length))
}
