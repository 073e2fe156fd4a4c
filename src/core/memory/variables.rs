//! The variables of the request that a core is working on, as `KEY=value` texts that other processes can read meanwhile.
//!
//! A seqlock: the one writer makes the first word odd, writes, and makes it even again; a reader that saw it odd or changed
//! looks again. Neither ever waits for the other.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::fence;

use super::words;

/// Words of the area.
pub(super) const WORDS: usize = 1024;
const HEADER: usize = 2;
const ROOM: usize = (WORDS - HEADER) * 8;

/// Longest text of one variable; more of it is cut off, so that one does not displace the others.
const LONGEST: usize = 1024;

/// Looks at an area that is being written before giving up.
const LOOKS: usize = 100;

/// Variables whose values open doors.
const SECRETS: [&[u8]; 3] = [b"HTTP_COOKIE", b"HTTP_AUTHORIZATION", b"HTTP_PROXY_AUTHORIZATION"];

/// What stands for a value that is not shown.
const HIDDEN: &[u8] = b"***";

/// The area of one core.
#[derive(Debug, Clone, Copy)]
pub struct Variables {
    words: &'static [AtomicU64],
}

impl Variables {
    pub(super) const fn new(words: &'static [AtomicU64]) -> Self {
        Self { words }
    }

    /// Replaces what is there. Only the core itself writes. `memory` is for making the text.
    pub fn write<'a>(self, vars: impl Iterator<Item = (&'a [u8], &'a [u8])>, secrets: bool, memory: &mut Vec<u8>) {
        memory.clear();
        for (key, value) in vars {
            let value = if !secrets && is_secret(key) { HIDDEN } else { value };
            let value = value.get(..LONGEST.saturating_sub(key.len() + 1)).unwrap_or(value);
            let length = (key.len() + 1 + value.len()).min(LONGEST);
            if memory.len() + 2 + length > ROOM {
                break;
            }
            // LONGEST fits into 16 bits.
            memory.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
            memory.extend(key.iter().chain(b"=").chain(value).take(length));
        }
        let [version, length, text @ ..] = self.words else { return };
        let before = version.load(Relaxed) | 1;
        version.store(before, Relaxed);
        fence(Release);
        length.store(memory.len() as u64, Relaxed);
        words::write(text, memory);
        version.store(before.wrapping_add(1), Release);
    }

    /// A consistent copy, each variable as `KEY=value`; empty when it changes faster than one can look.
    #[must_use]
    pub fn read(self) -> Vec<Vec<u8>> {
        let [version, length, text @ ..] = self.words else { return Vec::new() };
        for _ in 0..LOOKS {
            let before = version.load(Acquire);
            let length = usize::try_from(length.load(Relaxed)).unwrap_or(0).min(ROOM);
            let bytes = words::read(text, length);
            fence(Acquire);
            if before & 1 == 0 && version.load(Relaxed) == before {
                return split(&bytes);
            }
            std::hint::spin_loop();
        }
        Vec::new()
    }
}

/// Whether the value of `key` is not for everybody's eyes.
#[must_use]
pub fn is_secret(key: &[u8]) -> bool {
    SECRETS.contains(&key)
}

/// A copy for the log, where secrets are never shown.
#[must_use]
pub fn redacted(variables: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let hide = |variable: Vec<u8>| {
        let key = variable.split(|&byte| byte == b'=').next().unwrap_or_default();
        if is_secret(key) { [key, b"=", HIDDEN].concat() } else { variable }
    };
    variables.into_iter().map(hide).collect()
}

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let Some((one, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))) else { break };
        found.push(one.to_vec());
        bytes = rest;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area() -> Variables {
        Variables::new(Vec::leak((0..WORDS).map(|_| AtomicU64::new(0)).collect()))
    }

    fn write(area: Variables, vars: &[(&[u8], &[u8])], secrets: bool) -> Vec<String> {
        area.write(vars.iter().copied(), secrets, &mut Vec::new());
        area.read().into_iter().map(|one| String::from_utf8(one).unwrap()).collect()
    }

    #[test]
    fn secrets_are_hidden_unless_asked_for() {
        let vars: [(&[u8], &[u8]); 3] =
            [(b"HTTP_COOKIE", b"id=7"), (b"HTTP_AUTHORIZATION", b"Basic eA=="), (b"PATH_INFO", b"/a")];
        let area = area();
        assert!(area.read().is_empty());
        assert_eq!(write(area, &vars, false), ["HTTP_COOKIE=***", "HTTP_AUTHORIZATION=***", "PATH_INFO=/a"]);
        let shown = write(area, &vars, true);
        assert_eq!(shown, ["HTTP_COOKIE=id=7", "HTTP_AUTHORIZATION=Basic eA==", "PATH_INFO=/a"]);
        let hidden = redacted(area.read());
        assert_eq!(hidden, [&b"HTTP_COOKIE=***"[..], b"HTTP_AUTHORIZATION=***", b"PATH_INFO=/a"]);
    }

    #[test]
    fn long_values_are_cut_and_too_many_are_left_out() {
        let long = [b'x'; 5000];
        let vars: Vec<(&[u8], &[u8])> = (0..20).map(|_| (&b"K"[..], &long[..])).collect();
        let seen = write(area(), &vars, false);
        assert_eq!((seen.len(), seen[0].len()), (7, LONGEST));
        let key = [b'k'; 3000];
        assert_eq!(write(area(), &[(&key, b"v"), (b"A", b"b")], false)[1], "A=b");
    }

    #[test]
    fn a_reader_never_sees_a_mixture() {
        let area = area();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut memory = Vec::new();
                for round in 0..20_000_u32 {
                    let value = [b'a' + (round % 26) as u8; 200];
                    area.write([(&b"K"[..], &value[..])].into_iter(), false, &mut memory);
                }
                stop.store(true, Relaxed);
            });
            while !stop.load(Relaxed) {
                for one in area.read() {
                    assert!(one[2..].iter().all(|byte| *byte == one[2]), "{}", String::from_utf8_lossy(&one));
                }
            }
        });
        assert_eq!(area.read().len(), 1);
    }
}
