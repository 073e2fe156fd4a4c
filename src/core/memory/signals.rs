//! The signals of the application: which numbers mean something, who is to handle them, and what raises them by itself.
//!
//! Whoever registers writes here, the master reads. One table a generation; everything is a 64-bit word.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::words;

/// Longest target, bytes; as in uWSGI.
pub const TARGET: usize = 63;
/// Longest path of a file monitor, bytes.
pub const PATH: usize = 255;
/// Timers, crons and file monitors together.
pub const SOURCES: usize = 64;

const NUMBERS: usize = 256;
/// Length plus one (0: not registered), text.
const NUMBER: usize = 1 + TARGET.div_ceil(8);
/// Kind (0: not yet written), how often it was added, number, two arguments, text.
const SOURCE: usize = 5 + PATH.div_ceil(8);
const SOURCES_START: usize = 1 + NUMBERS * NUMBER;
const WORDS: usize = SOURCES_START + SOURCES * SOURCE;

const TIMER: u64 = 1;
const CRON: u64 = 2;
const FILE: u64 = 3;

/// A mapping of the table.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    words: &'static [AtomicU64],
}

/// What raises a signal by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Every so many seconds, so many times (0: for ever).
    Timer {
        /// At least 1.
        seconds: u32,
        /// How often.
        times: u32,
    },
    /// At set times: minute, hour, day, month, day of the week; -1 is any, -N every N.
    Cron([i8; 5]),
    /// When a file changes; an absolute path.
    File(Vec<u8>),
}

/// A source in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The signal that it raises.
    pub number: u8,
    /// What raises it.
    pub source: Source,
    /// How often it was added.
    pub times: u64,
}

impl Signals {
    /// Memory for a table.
    ///
    /// # Errors
    /// When the kernel refuses shared memory.
    pub fn create() -> nix::Result<OwnedFd> {
        rsgi_sys::shm::create(c"rsgi-signals", WORDS)
    }

    /// Maps it into this process.
    ///
    /// # Errors
    /// When the memory is no table.
    pub fn map(fd: BorrowedFd<'_>) -> nix::Result<Self> {
        Ok(Self { words: rsgi_sys::shm::map(fd.as_fd(), WORDS)? })
    }

    /// Makes it as it was at the beginning. Nobody may be using it.
    pub fn wipe(self) {
        self.words.iter().for_each(|word| word.store(0, Relaxed));
    }

    fn number(self, number: u8) -> Option<(&'static AtomicU64, &'static [AtomicU64])> {
        let start = 1 + usize::from(number) * NUMBER;
        self.words.get(start..start + NUMBER)?.split_first()
    }

    /// Gives a number its target. `false`: the target is too long.
    #[must_use]
    pub fn register(self, number: u8, target: &[u8]) -> bool {
        let Some((length, text)) = self.number(number).filter(|_| target.len() <= TARGET) else { return false };
        words::write(text, target);
        length.store(target.len() as u64 + 1, Release);
        true
    }

    /// The target of a number; `None` when it is not registered.
    #[must_use]
    pub fn target(self, number: u8) -> Option<Vec<u8>> {
        let (length, text) = self.number(number)?;
        let length = usize::try_from(length.load(Acquire)).ok()?.checked_sub(1)?;
        Some(words::read(text, length.min(TARGET)))
    }

    /// Adds a source of signal `number`; one that is there already is only counted, for a worker that loads the application
    /// itself adds what others have added. `false`: there are too many, or the path is too long.
    #[must_use]
    pub fn add(self, number: u8, source: &Source) -> bool {
        let (kind, first, second, text) = match source {
            Source::Timer { seconds, times } => (TIMER, u64::from(*seconds), u64::from(*times), &[][..]),
            Source::Cron(times) => {
                let [a, b, c, d, e] = times.map(i8::cast_unsigned);
                (CRON, u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]), 0, &[][..])
            }
            Source::File(path) => (FILE, path.len() as u64, 0, path.as_slice()),
        };
        let known = (0..).zip(self.sources(0)).find(|(_, added)| (added.number, &added.source) == (number, source));
        if let Some([_, times, ..]) = known.and_then(|(index, _)| self.source_words(index)) {
            times.fetch_add(1, AcqRel);
            return true;
        }
        let Some(count) = self.words.first().filter(|_| text.len() <= PATH) else { return false };
        let more = |count: u64| (count < SOURCES as u64).then_some(count + 1);
        let Ok(index) = count.fetch_update(AcqRel, Acquire, more) else { return false };
        let Some([word, times, to, one, two, room @ ..]) = self.source_words(index) else { return false };
        times.store(1, Relaxed);
        to.store(number.into(), Relaxed);
        one.store(first, Relaxed);
        two.store(second, Relaxed);
        words::write(room, text);
        word.store(kind, Release);
        true
    }

    fn source_words(self, index: u64) -> Option<&'static [AtomicU64]> {
        let start = SOURCES_START + usize::try_from(index).ok()? * SOURCE;
        self.words.get(start..start + SOURCE)
    }

    /// The sources from number `first` on, up to one that is still being written.
    pub fn sources(self, first: usize) -> impl Iterator<Item = Added> {
        (first as u64..SOURCES as u64).map_while(move |index| self.source(index))
    }

    fn source(self, index: u64) -> Option<Added> {
        let [kind, times, number, first, second, text @ ..] = self.source_words(index)? else { return None };
        let kind = kind.load(Acquire);
        let (times, number) = (times.load(Acquire), u8::try_from(number.load(Relaxed)).ok()?);
        let (first, second) = (first.load(Relaxed), second.load(Relaxed));
        let source = match kind {
            TIMER => Source::Timer { seconds: u32::try_from(first).ok()?, times: u32::try_from(second).ok()? },
            CRON => {
                let [a, b, c, d, e, ..] = first.to_le_bytes().map(u8::cast_signed);
                Source::Cron([a, b, c, d, e])
            }
            FILE => Source::File(words::read(text, usize::try_from(first).ok()?.min(PATH))),
            _ => return None,
        };
        Some(Added { number, source, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Signals {
        Signals::map(Signals::create().unwrap().as_fd()).unwrap()
    }

    #[test]
    fn what_is_registered_is_found() {
        let table = table();
        assert_eq!(table.target(0), None);
        assert!(table.register(0, b"") && table.register(255, &[b'x'; TARGET]));
        assert!(!table.register(3, &[b'x'; TARGET + 1]));
        assert_eq!((table.target(0), table.target(3)), (Some(Vec::new()), None));
        assert_eq!(table.target(255), Some(vec![b'x'; TARGET]));
        table.wipe();
        assert_eq!(table.target(255), None);
    }

    #[test]
    fn sources_keep_their_order_and_are_so_many_at_most() {
        let table = table();
        let all = [
            (1, Source::Timer { seconds: 5, times: 2 }),
            (255, Source::Cron([-1, -2, 31, 12, 6])),
            (3, Source::File(vec![b'p'; PATH])),
        ];
        assert!(all.iter().all(|(number, source)| table.add(*number, source)));
        assert!(!table.add(4, &Source::File(vec![b'p'; PATH + 1])));
        assert!(table.add(1, &all[0].1), "once more");
        let added = all.map(|(number, source)| Added { number, source, times: if number == 1 { 2 } else { 1 } });
        assert_eq!(table.sources(0).collect::<Vec<_>>(), added);
        assert_eq!(table.sources(2).collect::<Vec<_>>(), added[2..]);
        let more = (0..100).filter(|minute| table.add(9, &Source::Cron([*minute, -1, -1, -1, -1]))).count();
        assert_eq!((more, table.sources(0).count()), (SOURCES - 3, SOURCES));
    }
}
