//! A connection's input buffer: what has come and is not yet used.
//!
//! Memory is initialised once and used again; an idle connection gives its buffer back to the core that served it.

use super::wire::{Got, Wire};

const FIRST: usize = 16 * 1024;
/// A buffer larger than this is not kept for the next connection.
const KEPT: usize = 128 * 1024;

/// Bytes received.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// All of it initialised; `start..end` is data.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// What has come and is not yet used.
    pub(super) fn data(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once, growing to at most `limit` bytes of data. `drained` is set when the kernel has no more for now.
    pub(super) fn fill(&mut self, wire: Wire<'_>, limit: usize, drained: &mut bool) -> Got {
        self.make_room(limit);
        let Some(room) = self.bytes.get_mut(self.end..).filter(|room| !room.is_empty()) else { return Got::Nothing };
        let size = room.len();
        let got = wire.read_now(room);
        match got {
            Got::Bytes(count) => {
                self.end += count.min(size);
                // An encrypted piece says nothing about what the kernel has.
                *drained = count < size && !wire.is_encrypted();
            }
            Got::Nothing | Got::End | Got::Gone => *drained = true,
        }
        got
    }

    /// Drops `count` bytes from the front.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Drops `count` bytes that come after the first `keep`.
    pub(super) fn remove_after(&mut self, keep: usize, count: usize) {
        let from = (self.start + keep).min(self.end);
        let to = (from + count).min(self.end);
        self.bytes.copy_within(to..self.end, from);
        self.end -= to - from;
    }

    /// Puts bytes that were read elsewhere behind the data.
    pub(super) fn append(&mut self, more: &[u8]) {
        if more.is_empty() {
            return;
        }
        self.bytes.truncate(self.end);
        self.bytes.extend_from_slice(more);
        self.end = self.bytes.len();
    }

    /// The memory of an empty buffer, for the next connection.
    pub(super) fn take_memory(&mut self) -> Option<Self> {
        (self.is_empty() && !self.bytes.is_empty() && self.bytes.len() <= KEPT).then(|| std::mem::take(self))
    }

    /// Whether it has memory of its own.
    pub(super) fn has_memory(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn make_room(&mut self, limit: usize) {
        if self.end < self.bytes.len() && self.bytes.len() - self.end >= FIRST / 4 {
            return;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < FIRST / 4 {
            let size = (self.bytes.len() * 2).clamp(FIRST, limit.max(FIRST));
            if size > self.bytes.len() {
                self.bytes.resize(size, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn grows_to_its_limit_and_not_beyond() {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        theirs.write_all(&[7; 100_000]).unwrap();
        let mut input = Input::default();
        let mut drained = false;
        while let Got::Bytes(_) = input.fill(Wire::new(ours.as_fd(), None), 50_000, &mut drained) {}
        assert_eq!(input.len(), 50_000);
        assert!(!drained, "the kernel has more");
        input.consume(45_000);
        assert_eq!(input.fill(Wire::new(ours.as_fd(), None), 50_000, &mut drained), Got::Bytes(45_000));
    }

    #[test]
    fn bytes_in_the_middle_can_go() {
        let mut input = Input::default();
        input.append(b"headBODYnext");
        input.remove_after(4, 4);
        assert_eq!(input.data(), b"headnext");
        input.consume(4);
        input.append(b"!");
        assert_eq!(input.data(), b"next!");
        input.remove_after(1, 100);
        assert_eq!(input.data(), b"n");
    }

    #[test]
    fn an_empty_buffer_is_handed_on() {
        let mut input = Input::default();
        assert!(input.take_memory().is_none());
        input.append(b"x");
        assert!(input.take_memory().is_none());
        input.consume(1);
        assert!(input.take_memory().is_some_and(|memory| memory.has_memory() && memory.is_empty()));
    }
}
