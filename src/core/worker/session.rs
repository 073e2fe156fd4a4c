//! The encrypted side of a connection: TLS between what the kernel has and what the worker reads and writes.
//!
//! Between two events nothing is left in here that would need one: reading goes on until the kernel has no more, and what is
//! to be sent is sent before the sender goes on. Only a handshake may have to wait until the client takes something.

use std::collections::VecDeque;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, sendmsg};
use rsgi_abi::host::SendError;
use rustls::ServerConnection;

use super::wire::{self, Got};
use crate::tls::Site;

/// A record with its overhead (RFC 8446 §5.2), so that one read takes a whole one.
const RECORD: usize = 16 * 1024 + 256 + 5;
/// Decrypted bytes with which reading on is left to the next call.
const ENOUGH: usize = 16 * 1024;

/// One encrypted connection.
#[derive(Debug)]
pub(super) struct Session {
    tls: ServerConnection,
    /// What the client had to prove.
    site: Arc<Site>,
    /// Received, but not yet decrypted.
    early: VecDeque<u8>,
    /// The client has to take something before this goes on.
    is_stuck: bool,
    /// Something has come since the last byte that could be read.
    is_amid: bool,
}

impl Session {
    /// `early` was received behind the client's first message.
    pub(super) fn new(tls: ServerConnection, site: Arc<Site>, early: &[u8]) -> Self {
        Self { tls, site, early: early.iter().copied().collect(), is_stuck: false, is_amid: false }
    }

    /// A record has begun to come, whose content cannot be read yet.
    pub(super) const fn is_amid(&self) -> bool {
        self.is_amid
    }

    pub(super) const fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// What was agreed on.
    pub(super) const fn tls(&self) -> &ServerConnection {
        &self.tls
    }

    /// What the client had to prove to come in.
    pub(super) const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Goes on with the handshake as far as possible at once. `Got::Bytes`: it is done.
    pub(super) fn shake(&mut self, socket: BorrowedFd<'_>) -> Result<Got, rustls::Error> {
        loop {
            if !self.put_out(socket) {
                return Ok(if self.is_stuck { Got::Nothing } else { Got::Gone });
            }
            if !self.tls.is_handshaking() {
                return Ok(Got::Bytes(0));
            }
            match self.take_in(socket)? {
                Got::Bytes(_) => {}
                other => return Ok(other),
            }
        }
    }

    /// Reads what is there.
    pub(super) fn read_now(&mut self, socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Got {
        loop {
            match self.tls.reader().read(buffer) {
                Ok(0) => return Got::End,
                Ok(count) => {
                    self.is_amid = false;
                    return Got::Bytes(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Got::Gone,
            }
            match self.take_in(socket) {
                // An answer to the client's new keys, if there is one. What cannot go now goes with what is sent next.
                Ok(Got::Bytes(_)) => {
                    self.is_amid = true;
                    self.put_out(socket);
                }
                Ok(other) => return other,
                Err(error) => {
                    tracing::debug!("a TLS connection is broken: {error}");
                    self.put_out(socket);
                    return Got::Gone;
                }
            }
        }
    }

    /// Sends both parts completely. The timeout starts anew whenever bytes went out.
    pub(super) fn send_all(
        &mut self,
        socket: BorrowedFd<'_>,
        mut first: &[u8],
        mut second: &[u8],
        timeout: Duration,
    ) -> Result<(), SendError> {
        while !first.is_empty() || !second.is_empty() {
            let parts = [IoSlice::new(first), IoSlice::new(second)];
            let count = self.tls.writer().write_vectored(&parts).map_err(|_| SendError::Gone)?;
            if count == 0 {
                return Err(SendError::Gone);
            }
            let from_first = count.min(first.len());
            first = first.get(from_first..).unwrap_or_default();
            second = second.get(count - from_first..).unwrap_or_default();
            while !self.put_out(socket) {
                if !self.is_stuck {
                    return Err(SendError::Gone);
                }
                if !wire::wait_writable(socket, timeout) {
                    return Err(SendError::Timeout);
                }
            }
        }
        Ok(())
    }

    /// Sends `data` if the kernel takes it at once: last words, which nobody waits for.
    pub(super) fn send_now(&mut self, socket: BorrowedFd<'_>, data: &[u8]) {
        if self.tls.writer().write_all(data).is_ok() {
            self.put_out(socket);
        }
    }

    /// Tells the client that nothing more will come (RFC 8446 §6.1), so that it can tell an end from a cut.
    pub(super) fn say_goodbye(&mut self, socket: BorrowedFd<'_>) {
        self.tls.send_close_notify();
        self.put_out(socket);
    }

    /// Sends what is encrypted. `false`: the client does not take it now, or ([`Self::is_stuck`] is not set) not any more.
    fn put_out(&mut self, socket: BorrowedFd<'_>) -> bool {
        self.is_stuck = false;
        while self.tls.wants_write() {
            if let Err(error) = self.tls.write_tls(&mut Out(socket)) {
                self.is_stuck = error.kind() == io::ErrorKind::WouldBlock;
                return false;
            }
        }
        true
    }

    /// Receives once, and decrypts.
    fn take_in(&mut self, socket: BorrowedFd<'_>) -> Result<Got, rustls::Error> {
        if self.early.is_empty() {
            let mut raw = [0; RECORD];
            let count = match wire::receive(socket, &mut raw) {
                Got::Bytes(count) => count,
                other => return Ok(other),
            };
            let mut raw = raw.get(..count).unwrap_or_default();
            self.decrypt(&mut raw)?;
            self.early.extend(raw);
        } else {
            let mut early = std::mem::take(&mut self.early);
            self.decrypt(&mut early)?;
            self.early = early;
        }
        Ok(Got::Bytes(0))
    }

    /// Takes from `raw` until it is empty or enough is decrypted.
    fn decrypt(&mut self, raw: &mut dyn BufRead) -> Result<(), rustls::Error> {
        let odd = |error: io::Error| rustls::Error::General(error.to_string());
        while !raw.fill_buf().map_err(odd)?.is_empty() {
            let count = self.tls.read_tls(raw).map_err(odd)?;
            let state = self.tls.process_new_packets()?;
            if count == 0 {
                // The client has said its goodbye: what follows means nothing.
                let rest = raw.fill_buf().map_err(odd)?.len();
                raw.consume(rest);
            }
            if state.plaintext_bytes_to_read() >= ENOUGH {
                break;
            }
        }
        Ok(())
    }
}

/// The way to the socket, without waiting and without SIGPIPE.
pub(super) struct Out<'a>(pub(super) BorrowedFd<'a>);

impl Write for Out<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        loop {
            match sendmsg::<()>(self.0.as_raw_fd(), parts, &[], flags, None) {
                Err(Errno::EINTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
