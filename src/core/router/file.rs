//! A body that is part of a file: read in pieces on a thread for blocking calls, no further ahead than the client takes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rsgi_proto::link;
use tokio::task::JoinHandle;

use crate::threads;

/// Bytes read at a time.
pub(super) const PIECE: usize = 128 * 1024;

/// The body.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<File>,
    /// A file that has places to read from; a pipe has not.
    regular: bool,
    offset: u64,
    /// Bytes still to come; `None`: until the file's end.
    left: Option<u64>,
    /// The answer's head promises more than that.
    is_short: bool,
    size: Option<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// `promised`: the size of what is still to come that the answer's head names.
    ///
    /// # Errors
    /// When the descriptor is not one of a file.
    pub(super) fn new(part: link::File, fd: OwnedFd, promised: Option<u64>) -> io::Result<Self> {
        let file = File::from(fd);
        let facts = file.metadata()?;
        let regular = facts.is_file();
        let left = match promised {
            Some(length) => Some(length.min(part.length)),
            None if regular => Some(facts.len().saturating_sub(part.offset).min(part.length)),
            None => (part.length != u64::MAX).then_some(part.length),
        };
        let size = left.filter(|_| promised.is_none());
        let is_short = promised > left;
        Ok(Self { file: Arc::new(file), regular, offset: part.offset, left, is_short, size, reading: None })
    }

    /// A part of a regular file whose size the answer's head names.
    pub(super) fn part(file: Arc<File>, part: &std::ops::Range<u64>) -> Self {
        let left = Some(part.end - part.start);
        Self { file, regular: true, offset: part.start, left, is_short: false, size: None, reading: None }
    }

    /// The whole size, when the answer's head does not name it and it is known.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0) && !self.is_short
    }

    /// The next piece; `None` is the end.
    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.left == Some(0) {
            return Poll::Ready(if std::mem::take(&mut self.is_short) { Err(too_short()) } else { Ok(None) });
        }
        let most = self.left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIECE).min(PIECE);
        let (file, regular, offset) = (&self.file, self.regular, self.offset);
        if self.reading.is_none() {
            let file = Arc::clone(file);
            self.reading = threads::away(move || read(&file, regular, offset, most));
        }
        let piece = match &mut self.reading {
            Some(reading) => {
                let result = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                result.map_err(io::Error::other)??
            }
            None if regular => read(file, regular, offset, most)?,
            // It may take any time until somebody writes there.
            None => return Poll::Ready(Err(io::Error::other("there is no thread to read with"))),
        };
        if piece.is_empty() {
            self.is_short = false;
            let ended_early = self.left.replace(0).is_some();
            return Poll::Ready(if ended_early { Err(too_short()) } else { Ok(None) });
        }
        self.offset += piece.len() as u64;
        self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        Poll::Ready(Ok(Some(piece)))
    }
}

fn too_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file of the answer is too short")
}

/// Reads what the kernel has in memory of it, which may be nothing. `buffer`: its memory is used again when nobody has what was
/// read before any more.
pub(super) fn read_cached(file: &File, offset: u64, most: usize, buffer: &mut BytesMut) -> io::Result<Bytes> {
    buffer.reserve(most);
    rsgi_sys::file::read_cached(file.as_fd(), offset, buffer, most)?;
    Ok(buffer.split().freeze())
}

pub(super) fn read(file: &File, regular: bool, offset: u64, most: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; most];
    loop {
        let result = if regular { file.read_at(&mut buffer, offset) } else { (&mut &*file).read(&mut buffer) };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(len) => {
                buffer.truncate(len);
                return Ok(Bytes::from(buffer));
            }
        }
    }
}
