//! The answer's progress: nothing yet, a head that waits for the first body bytes, a head sent, complete.

use std::os::fd::BorrowedFd;

use rsgi_abi::guest::Request;
use rsgi_abi::head::Head;
use rsgi_abi::host::SendError;

use super::child;

/// How far the answer is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `start_response` was not called (or what it got was refused).
    #[default]
    Nothing,
    /// The head is known, not sent.
    Headed,
    /// The head is with the client.
    Sent,
    /// The last byte has been handed over.
    Complete,
    /// The connection has become a websocket: what the application still answers goes nowhere.
    Switched,
}

/// The answer of one request.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// The head; its memory is used again.
    pub(crate) head: Head,
    /// How far it is.
    pub(crate) phase: Phase,
    /// Body bytes handed over.
    pub(crate) sent: u64,
    /// The error after which nothing more can be sent.
    broken: Option<SendError>,
    /// The application sent more than its Content-Length; said once.
    overflow: bool,
}

impl Response {
    /// Forgets the answer before.
    pub(crate) fn start(&mut self) {
        self.head.clear();
        (self.phase, self.sent, self.broken, self.overflow) = (Phase::Nothing, 0, None, false);
    }

    /// Sends body bytes, and with the first ones the head. `last` completes the answer, as does the last byte of the
    /// announced Content-Length.
    pub(crate) fn send(&mut self, request: Request<'_>, data: &[u8], last: bool) -> Result<(), SendError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if child::is_child() {
            return Err(SendError::Gone);
        }
        let head = match self.phase {
            Phase::Nothing => return Err(SendError::Misuse),
            Phase::Headed => Some(&self.head),
            Phase::Sent => None,
            Phase::Switched => return Ok(()),
            Phase::Complete => {
                self.overflow |= !data.is_empty();
                return Ok(());
            }
        };
        let total = self.sent + data.len() as u64;
        let last = last || (!data.is_empty() && self.head.content_length() == Some(total));
        let sent = request.send(head, data, last);
        self.phase = if last { Phase::Complete } else { Phase::Sent };
        self.sent = total;
        self.settle(sent)
    }

    /// Whether the core can send a file as the rest of this answer by itself: behind a head that is out already it must know
    /// how much is left, since a file goes in one piece and not in chunks; nor are chunks of the application's own in files.
    pub(crate) fn takes_file(&self) -> bool {
        match self.phase {
            Phase::Headed => !self.head.is_chunked(),
            Phase::Sent => !self.head.is_chunked() && self.head.content_length().is_some(),
            Phase::Nothing | Phase::Complete | Phase::Switched => false,
        }
    }

    /// Sends a file, from `offset` on and up to `len` bytes of it, as the rest of an answer that [`Self::takes_file`].
    pub(crate) fn send_file(
        &mut self,
        request: Request<'_>,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
    ) -> Result<(), SendError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if child::is_child() {
            return Err(SendError::Gone);
        }
        let head = (self.phase == Phase::Headed).then_some(&self.head);
        let sent = request.send_file(head, file, offset, len);
        self.phase = Phase::Complete;
        self.settle(sent)
    }

    /// Takes note of how sending went.
    fn settle(&mut self, sent: Result<(), SendError>) -> Result<(), SendError> {
        match sent {
            // The surplus was dropped, what was announced is with the client.
            Err(SendError::Overflow) => {
                self.overflow = true;
                self.phase = Phase::Complete;
                Ok(())
            }
            Err(error) => {
                self.broken = Some(error);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether the application sent more than it announced.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflow
    }
}
