//! Lines that belong together, though Python writes them one by one: a traceback, the stacks of `faulthandler`.
//!
//! Source: CPython 3.14, `Lib/traceback.py`, `Python/traceback.c` and `Modules/faulthandler.c`: a header, then indented lines, then
//! (in a traceback) the exception.

/// Ends the first line of a traceback.
pub(super) const TRACEBACK: &[u8] = b"Traceback (most recent call last):\n";

/// Begin lines that a traceback may follow.
const ANNOUNCED: &[&[u8]] = &[b"Exception in thread ", b"Exception ignored "];

/// Begin the lines between an exception and the one that it led to.
const CHAINED: &[&[u8]] =
    &[b"\nDuring handling of the above exception,", b"\nThe above exception was the direct cause"];

/// Begins what `faulthandler` says of a dying process.
pub(super) const FATAL: &[u8] = b"Fatal Python error: ";

/// Begin lines among stacks.
const STACKS: &[&[u8]] =
    &[b"Thread 0x", b"Current thread 0x", b"Stack (most recent call first):", b"Extension modules:"];

/// What has been written of a block, and so what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// A line that announces a traceback.
    Announced,
    /// A traceback without its last line.
    Frames,
    /// All of a traceback; another one may follow from it.
    Ended,
    /// A group of tracebacks, indented as a whole.
    Group,
    /// Stacks of threads.
    Stacks,
}

impl Block {
    /// The block that complete lines begin, when they are not all of it.
    pub(super) fn begun_by(lines: &[u8]) -> Option<Self> {
        if let Some(start) = memchr::memmem::find(lines, TRACEBACK) {
            let (before, from) = lines.split_at(start);
            if before.last().is_some_and(|&byte| byte != b'\n') {
                // "  + Exception Group Traceback (most recent call last):"
                return lines.starts_with(b"  + ").then_some(Self::Group);
            }
            let frames = from.get(TRACEBACK.len()..).unwrap_or_default();
            return is_indented(frames).then_some(Self::Frames);
        }
        match lines {
            _ if begins(lines, ANNOUNCED) => Some(Self::Announced),
            _ if begins(lines, STACKS) || lines.starts_with(FATAL) => Some(Self::Stacks),
            _ => None,
        }
    }

    /// What the block is with further lines; `None`: they do not belong to it.
    pub(super) fn followed_by(self, lines: &[u8]) -> Option<Self> {
        match self {
            Self::Announced => Self::begun_by(lines).filter(|block| *block == Self::Frames),
            Self::Frames if is_indented(lines) => Some(Self::Frames),
            // Whatever is not indented is the exception itself.
            Self::Frames => Some(Self::Ended),
            Self::Ended => begins(lines, CHAINED).then_some(Self::Announced),
            Self::Group => lines.starts_with(b" ").then_some(Self::Group),
            Self::Stacks => {
                let belongs = lines.starts_with(b" ") || lines == b"\n" || begins(lines, STACKS);
                belongs.then_some(Self::Stacks)
            }
        }
    }
}

/// Whether a record tells of something that has failed.
pub(super) fn is_failure(record: &[u8]) -> bool {
    let header = TRACEBACK.trim_ascii_end();
    record.starts_with(FATAL) || memchr::memmem::find(record, header).is_some()
}

fn begins(lines: &[u8], with: &[&[u8]]) -> bool {
    with.iter().any(|start| lines.starts_with(start))
}

fn is_indented(lines: &[u8]) -> bool {
    lines.split(|&byte| byte == b'\n').all(|line| line.is_empty() || line.starts_with(b" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How lines after lines belong together: `+` for those that do.
    fn form(pieces: &[&str]) -> String {
        let mut block = None;
        let mut step = |lines: &str| {
            let further = block.and_then(|block: Block| block.followed_by(lines.as_bytes()));
            block = further.or_else(|| Block::begun_by(lines.as_bytes()));
            if further.is_some() { '+' } else { '.' }
        };
        pieces.iter().map(|lines| step(lines)).collect()
    }

    #[test]
    fn tracebacks_chained_announced_and_whole() {
        let header = "Traceback (most recent call last):\n";
        let frame = "  File \"a.py\", line 1, in f\n    g()\n    ~^^\n";
        assert_eq!(form(&[header, frame, frame, "ValueError: a\nb\n", "next\n"]), ".+++.");
        let chain = "\nDuring handling of the above exception, another exception occurred:\n\n";
        assert_eq!(form(&[header, frame, "A\n", chain, header, frame, "B\n", "next\n"]), ".++++++.");
        assert_eq!(form(&["Exception in thread Thread-1:\n", header, frame, "A\n", header]), ".+++.");
        assert_eq!(form(&["Exception in thread Thread-1:\n", "next\n"]), "..");
        assert_eq!(form(&[&format!("{header}{frame}A\n"), "next\n", " next\n"]), "...");
        let group = ["  + Exception Group Traceback (most recent call last):\n", "  | ExceptionGroup: x (1)\n"];
        assert_eq!(form(&[group[0], group[1], "    +-----\n", "next\n"]), ".++.");
    }

    #[test]
    fn stacks_of_threads() {
        let thread = "Current thread 0x7f (most recent call first):\n";
        let frame = "  File \"a.py\", line 1 in f\n";
        let pieces =
            ["Fatal Python error: Aborted\n\n", "Thread 0x1 [a] (most recent call first):\n", frame, "\n", thread];
        assert_eq!(form(&pieces), ".++++");
        assert_eq!(form(&[thread, frame, "\n", "Extension modules: a\n", "next\n"]), ".+++.");
    }

    #[test]
    fn failures() {
        assert!(is_failure(b"Exception in thread a:\nTraceback (most recent call last):\n  File"));
        assert!(is_failure(b"Fatal Python error: Aborted") && !is_failure(b"Thread 0x1 (most recent call first):"));
    }
}
