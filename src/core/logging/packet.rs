//! The server's own records on their way through the collector's pipe, told apart from what an application writes there.
//!
//! An application may write half a line, or a traceback in twenty pieces; what is joined of that must not swallow a record of
//! ours that comes in between. So each packet of ours says that it is one: whole, or a part of a record that is longer than a
//! packet. Parts name their writer, since others may write in between.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::uio::writev;

/// Longest packet of a pipe (pipe(7), `PIPE_BUF` on Linux).
pub(super) const PACKET: usize = 4096;

/// Begins a packet of ours, and no line of anybody else: a separator of records and one of units around a name (ASCII).
const MARK: &[u8] = b"\x1ersgi\x1f";

const WHOLE: u8 = b'w';
const PART: u8 = b'p';
const LAST: u8 = b'l';

/// Mark, kind and writer.
const HEAD: usize = MARK.len() + 1 + size_of::<u64>();

/// What a packet of ours holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own<'a> {
    /// A record.
    Whole(&'a [u8]),
    /// A piece of a writer's record, which goes on.
    Part(u64, &'a [u8]),
    /// The end of it.
    Last(u64, &'a [u8]),
}

/// Writes a record in as many packets as it takes; what cannot be written is lost.
pub(super) fn write(fd: BorrowedFd<'_>, record: &[u8]) {
    if record.len() < PACKET - MARK.len() {
        return send(fd, [MARK, &[WHOLE], record]);
    }
    // The kernel's number of a thread is its own on the whole machine.
    let (_, writer) = rsgi_sys::thread::this();
    let writer = writer.to_le_bytes();
    let mut pieces = record.chunks(PACKET - HEAD).peekable();
    while let Some(piece) = pieces.next() {
        let kind = if pieces.peek().is_some() { PART } else { LAST };
        send(fd, [MARK, &[kind], &writer, piece]);
    }
}

/// All of it in one packet: writes up to `PIPE_BUF` are taken at once or not at all.
fn send<const PARTS: usize>(fd: BorrowedFd<'_>, parts: [&[u8]; PARTS]) {
    let parts = parts.map(IoSlice::new);
    while writev(fd, &parts) == Err(Errno::EINTR) {}
}

/// Whether a packet of ours is all that was read, whatever it says.
pub(super) fn is_alone(read: &[u8]) -> bool {
    marks(read).next() == Some(0)
}

/// What others wrote in front of a packet of ours, that packet, and what was read behind it: the next packet of ours. A reader
/// gets all of that at once when the others' pipe was opened anew, without packets; a packet that [`is_alone`] is one.
pub(super) fn split(read: &[u8], is_alone: bool) -> Option<(&[u8], Own<'_>, &[u8])> {
    let until_mark = |rest| if is_alone { (rest, &[][..]) } else { until_mark(rest) };
    let start = marks(read).next()?;
    let (before, packet) = read.split_at_checked(start)?;
    let (kind, rest) = packet.get(MARK.len()..)?.split_first()?;
    if *kind == WHOLE {
        let (record, behind) = until_mark(rest);
        return Some((before, Own::Whole(record), behind));
    }
    let (writer, rest) = rest.split_first_chunk()?;
    let (writer, (text, behind)) = (u64::from_le_bytes(*writer), until_mark(rest));
    let own = if *kind == PART { Own::Part(writer, text) } else { Own::Last(writer, text) };
    Some((before, own, behind))
}

fn until_mark(rest: &[u8]) -> (&[u8], &[u8]) {
    rest.split_at_checked(marks(rest).next().unwrap_or(rest.len())).unwrap_or((rest, &[]))
}

/// Where packets of ours begin: at a mark with a kind behind it, and with a writer where one belongs.
fn marks(read: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(read, MARK).filter(|start| {
        let behind = read.get(start + MARK.len()..).unwrap_or_default();
        match behind.split_first() {
            Some((&WHOLE, _)) => true,
            Some((&(PART | LAST), rest)) => rest.len() >= size_of::<u64>(),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    use nix::fcntl::OFlag;

    #[test]
    fn records_of_any_length_arrive() {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_DIRECT).unwrap();
        for length in [0, 1, 4089, 4090, 10_000] {
            let record = vec![b'x'; length];
            write(writer.as_fd(), &record);
            let (mut arrived, mut buffer) = (Vec::new(), [0; PACKET]);
            loop {
                let count = nix::unistd::read(&reader, &mut buffer).unwrap();
                assert!(is_alone(&buffer[..count]));
                let (before, own, behind) = split(&buffer[..count], true).unwrap();
                assert!(before.is_empty() && behind.is_empty());
                let (Own::Whole(text) | Own::Part(_, text) | Own::Last(_, text)) = own;
                arrived.extend_from_slice(text);
                if !matches!(own, Own::Part(..)) {
                    break;
                }
            }
            assert_eq!(arrived.len(), length);
        }
    }

    #[test]
    fn what_is_not_ours_is_nobodys_packet() {
        let split = |read| split(read, false);
        assert_eq!(split(b"a line\n"), None);
        assert_eq!(split(b"\x1e{}\n"), None, "a JSON text sequence (RFC 7464)");
        assert_eq!(split(b"\x1ersgi\x1f"), None);
        assert_eq!(split(b"\x1ersgi\x1fp1234567"), None);
        assert_eq!(split(b"half\x1ersgi\x1fwa\n"), Some((b"half".as_slice(), Own::Whole(b"a\n"), b"".as_slice())));
        let behind = b"\x1ersgi\x1fwb".as_slice();
        let read = [b"\x1ersgi\x1fx\x1ersgi\x1fl01234567a", behind].concat();
        let number = u64::from_le_bytes(*b"01234567");
        assert_eq!(split(&read), Some((&read[..7], Own::Last(number, b"a"), behind)));
    }
}
