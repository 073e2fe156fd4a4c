//! What is still to be sent of an answer that is made of files, as far as a socket takes it at once.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{MsgFlags, send};
use rsgi_abi::host::SendError;
use rsgi_proto::fastcgi::{self, EndStatus, STDOUT_MOST};

use crate::statics::Piece;

/// The rest of an answer.
#[derive(Debug)]
pub(in crate::worker) struct Transfer {
    /// Bytes of ours that go first: heads, and what stands between parts.
    out: Vec<u8>,
    sent: usize,
    file: OwnedFd,
    /// The part of the file that follows them.
    part: Range<u64>,
    pieces: VecDeque<Piece>,
    /// FastCGI: everything but `out` as it was given goes in records of this request.
    record: Option<u16>,
    /// FastCGI: the answer's end follows.
    ends: bool,
    /// Bytes that have gone out.
    moved: u64,
}

/// How far a transfer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum Step {
    /// All of it is with the kernel.
    Done,
    /// The socket takes no more for now, or it is another's turn.
    Blocked,
    /// It cannot be completed.
    Broken(SendError),
}

impl Transfer {
    /// `out` goes as it is, then the pieces of `file`; with `record`, the pieces go in records of FastCGI, and if `ends`
    /// so does the end of the answer.
    pub(in crate::worker) fn new(
        out: Vec<u8>,
        file: OwnedFd,
        pieces: VecDeque<Piece>,
        record: Option<u16>,
        ends: bool,
    ) -> Self {
        Self { out, sent: 0, file, part: 0..0, pieces, record, ends, moved: 0 }
    }

    /// Sends what the socket, which must not block, takes at once, but not much more than `budget` bytes.
    pub(in crate::worker) fn step(&mut self, socket: BorrowedFd<'_>, budget: u64) -> Step {
        let most = self.moved.saturating_add(budget);
        loop {
            let is_out = self.sent >= self.out.len();
            if is_out && self.part.is_empty() {
                if !self.advance() {
                    return Step::Done;
                }
                continue;
            }
            if self.moved >= most {
                return Step::Blocked;
            }
            let sent = if is_out { self.send_part(socket, most - self.moved) } else { self.send_text(socket) };
            match sent {
                // The file has become shorter: what was announced cannot be kept.
                Ok(0) => return Step::Broken(SendError::Misuse),
                Ok(count) => self.moved += count as u64,
                Err(Errno::EAGAIN) => return Step::Blocked,
                Err(Errno::EINTR) => {}
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EBADF | Errno::EIO) => {
                    return Step::Broken(SendError::Misuse);
                }
                Err(_) => return Step::Broken(SendError::Gone),
            }
        }
    }

    /// Bytes that have gone out so far.
    pub(in crate::worker) fn moved(&self) -> u64 {
        self.moved
    }

    /// The memory of the bytes sent, for the next answer.
    pub(in crate::worker) fn into_memory(mut self) -> Vec<u8> {
        self.out.clear();
        self.out
    }

    /// Makes the next piece the present one; `false` when there is none.
    fn advance(&mut self) -> bool {
        self.out.clear();
        self.sent = 0;
        match (self.pieces.pop_front(), self.record) {
            (Some(Piece::Text(text)), None) => self.out = text,
            (Some(Piece::Part(part)), None) => self.part = part,
            (Some(Piece::Text(text)), Some(record)) => {
                for piece in text.chunks(usize::from(STDOUT_MOST)) {
                    let length = u16::try_from(piece.len()).unwrap_or(STDOUT_MOST);
                    fastcgi::stdout_prefix(&mut self.out, record, length);
                    self.out.extend_from_slice(piece);
                }
            }
            (Some(Piece::Part(part)), Some(record)) => {
                let length = u16::try_from(part.end - part.start).unwrap_or(STDOUT_MOST).min(STDOUT_MOST);
                let middle = part.start + u64::from(length);
                // A record of no bytes would end the answer.
                if length > 0 {
                    fastcgi::stdout_prefix(&mut self.out, record, length);
                }
                self.part = part.start..middle;
                if middle < part.end {
                    self.pieces.push_front(Piece::Part(middle..part.end));
                }
            }
            (None, Some(record)) if std::mem::take(&mut self.ends) => {
                fastcgi::encode_end(&mut self.out, record, EndStatus::Complete);
            }
            (None, _) => return false,
        }
        true
    }

    fn send_text(&mut self, socket: BorrowedFd<'_>) -> nix::Result<usize> {
        let mut flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        if !self.part.is_empty() || !self.pieces.is_empty() {
            // One packet with what follows.
            flags |= MsgFlags::from_bits_retain(nix::libc::MSG_MORE);
        }
        let count = send(socket.as_raw_fd(), self.out.get(self.sent..).unwrap_or_default(), flags)?;
        self.sent += count;
        Ok(count)
    }

    fn send_part(&mut self, socket: BorrowedFd<'_>, most: u64) -> nix::Result<usize> {
        let mut position = i64::try_from(self.part.start).map_err(|_| Errno::EINVAL)?;
        let length = usize::try_from((self.part.end - self.part.start).min(most)).unwrap_or(usize::MAX);
        let count = sendfile(socket, self.file.as_fd(), Some(&mut position), length)?;
        self.part.start += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn transfer(out: &[u8], file: &File, pieces: Vec<Piece>, record: Option<u16>) -> Transfer {
        Transfer::new(out.to_vec(), file.try_clone().unwrap().into(), pieces.into(), record, record.is_some())
    }

    fn received(mut transfer: Transfer) -> (Step, Vec<u8>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let step = transfer.step(ours.as_fd(), u64::MAX);
        drop(ours);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        (step, all)
    }

    #[test]
    fn heads_texts_and_parts_go_in_their_order() {
        let pieces = vec![Piece::Text(b"<".to_vec()), Piece::Part(2..4), Piece::Part(9..9), Piece::Text(b">".to_vec())];
        let (step, all) = received(transfer(b"head,", &file(b"0123456789"), pieces, None));
        assert_eq!((step, all.as_slice()), (Step::Done, b"head,<23>".as_slice()));
    }

    #[test]
    fn what_the_socket_does_not_take_waits() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
        let mut transfer = transfer(b"head", &file(&bytes), vec![Piece::Part(0..3_000_000)], None);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        assert_eq!(transfer.step(ours.as_fd(), u64::MAX), Step::Blocked);
        assert!(transfer.moved() > 0 && transfer.moved() < 3_000_000, "{}", transfer.moved());
        let reader = std::thread::spawn(move || {
            let mut all = vec![0; 3_000_004];
            theirs.read_exact(&mut all).unwrap();
            all
        });
        while transfer.step(ours.as_fd(), 10_000) == Step::Blocked {}
        assert_eq!(transfer.moved(), 3_000_004);
        assert!(reader.join().unwrap() == [b"head", bytes.as_slice()].concat());
    }

    #[test]
    fn nobody_takes_more_than_their_turn() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut transfer = transfer(b"", &file(&[0; 1000]), vec![Piece::Part(0..1000)], None);
        assert_eq!((transfer.step(ours.as_fd(), 300), transfer.moved()), (Step::Blocked, 300));
    }

    #[test]
    fn a_file_that_shrinks_and_a_client_that_leaves_break_it() {
        let pieces = || vec![Piece::Part(0..11)];
        assert_eq!(received(transfer(b"", &file(b"0123456789"), pieces(), None)).0, Step::Broken(SendError::Misuse));
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut transfer = transfer(b"x", &file(b"0123456789"), pieces(), None);
        assert_eq!(transfer.step(ours.as_fd(), 100), Step::Broken(SendError::Gone));
    }

    #[test]
    fn fastcgi_gets_records_and_the_end() {
        let size = u64::from(STDOUT_MOST) + 10;
        let bytes = vec![b'x'; usize::try_from(size).unwrap()];
        let pieces = vec![Piece::Text(b"<".to_vec()), Piece::Part(0..size), Piece::Part(0..0)];
        let (step, all) = received(transfer(b"", &file(&bytes), pieces, Some(7)));
        let mut expected = Vec::new();
        for piece in [b"<".as_slice(), &bytes[..usize::from(STDOUT_MOST)], &bytes[..10]] {
            fastcgi::stdout_prefix(&mut expected, 7, u16::try_from(piece.len()).unwrap());
            expected.extend_from_slice(piece);
        }
        fastcgi::encode_end(&mut expected, 7, EndStatus::Complete);
        assert_eq!(step, Step::Done);
        assert!(all == expected);
    }
}
