//! Bytes in and out of a connection: at once where possible, else waiting for at most the socket timeout.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{MsgFlags, recv, send, sendmsg};
use nix::sys::uio::pread;
use rsgi_abi::host::{ReadError, SendError};

use super::deadline;
use super::session::Session;
use crate::memory::core_slot::Phase;

/// What a read without waiting found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The peer has sent all it will.
    End,
    /// The connection is broken.
    Gone,
}

/// What the bytes of a connection go through: its socket, perhaps encrypted.
///
/// The session is behind a lock for the sake of applications that read and send from threads of their own; the core's
/// side of a request is theirs one at a time, so nobody ever waits for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire<'a> {
    socket: BorrowedFd<'a>,
    session: Option<&'a Mutex<Session>>,
}

impl<'a> Wire<'a> {
    pub(super) const fn new(socket: BorrowedFd<'a>, session: Option<&'a Mutex<Session>>) -> Self {
        Self { socket, session }
    }

    /// What is sent has to be encrypted first, so the kernel cannot do it alone.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.session.is_some()
    }

    /// The socket itself, below any encryption.
    pub(super) const fn socket(&self) -> BorrowedFd<'a> {
        self.socket
    }

    fn session(&self) -> Option<MutexGuard<'a, Session>> {
        self.session.map(|session| session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what is there.
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> Got {
        match self.session() {
            Some(mut session) => session.read_now(self.socket, buffer),
            None => receive(self.socket, buffer),
        }
    }

    /// Reads something, waiting for it. 0 never: an early end is [`ReadError::Gone`].
    pub(super) fn read_wait(&self, buffer: &mut [u8], timeout: Duration) -> Result<usize, ReadError> {
        // A piece of an encrypted record is nothing to read, and no reason to wait any longer.
        let mut patience = Patience::new(timeout);
        loop {
            match self.read_now(buffer) {
                Got::Bytes(count) => return Ok(count),
                Got::End | Got::Gone => return Err(ReadError::Gone),
                Got::Nothing if patience.wait(self.socket) => {}
                Got::Nothing => return Err(ReadError::Timeout),
            }
        }
    }

    /// Sends both parts completely, as one packet where they fit. The timeout starts anew whenever bytes went out.
    pub(super) fn send_all(&self, mut first: &[u8], mut second: &[u8], timeout: Duration) -> Result<(), SendError> {
        if let Some(mut session) = self.session() {
            return session.send_all(self.socket, first, second, timeout);
        }
        let socket = self.socket;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        while !first.is_empty() || !second.is_empty() {
            let sent = match (first.is_empty(), second.is_empty()) {
                (false, true) => send(socket.as_raw_fd(), first, flags),
                (true, _) => send(socket.as_raw_fd(), second, flags),
                (false, false) => {
                    let parts = [IoSlice::new(first), IoSlice::new(second)];
                    sendmsg::<()>(socket.as_raw_fd(), &parts, &[], flags, None)
                }
            };
            match sent {
                Ok(count) => {
                    let from_first = count.min(first.len());
                    first = first.get(from_first..).unwrap_or_default();
                    second = second.get(count - from_first..).unwrap_or_default();
                }
                Err(Errno::EAGAIN) if wait_writable(socket, timeout) => {}
                Err(Errno::EAGAIN) => return Err(SendError::Timeout),
                Err(Errno::EINTR) => {}
                Err(_) => return Err(SendError::Gone),
            }
        }
        Ok(())
    }

    /// Sends `data` if the kernel takes it at once: last words, which nobody waits for.
    pub(super) fn send_now(&self, data: &[u8]) {
        match self.session() {
            Some(mut session) => session.send_now(self.socket, data),
            None => drop(send(self.socket.as_raw_fd(), data, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)),
        }
    }

    /// Tells an encrypted client that nothing more will come.
    pub(super) fn say_goodbye(&self) {
        if let Some(mut session) = self.session() {
            session.say_goodbye(self.socket);
        }
    }

    /// Sends `len` bytes of `file` from `offset` (`None`: to its end), without copying them through this process unless they
    /// have to be encrypted. Returns how many there were.
    pub(super) fn send_file(
        &self,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
        timeout: Duration,
    ) -> Result<u64, SendError> {
        const PIECE: u64 = 1 << 30;
        if self.is_encrypted() {
            return self.send_read(file, offset, len, timeout);
        }
        let mut position = i64::try_from(offset).map_err(|_| SendError::Misuse)?;
        let mut left = len.unwrap_or(u64::MAX);
        let mut total = 0;
        while left > 0 {
            let piece = usize::try_from(left.min(PIECE)).unwrap_or(usize::MAX);
            match sendfile(self.socket, file, Some(&mut position), piece) {
                Ok(0) => break,
                Ok(count) => {
                    total += count as u64;
                    left -= count as u64;
                }
                Err(Errno::EAGAIN) if wait_writable(self.socket, timeout) => {}
                Err(Errno::EAGAIN) => return Err(SendError::Timeout),
                Err(Errno::EINTR) => {}
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EBADF) => return Err(SendError::Misuse),
                Err(_) => return Err(SendError::Gone),
            }
        }
        Ok(total)
    }

    /// [`Self::send_file`] through memory.
    fn send_read(
        &self,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
        timeout: Duration,
    ) -> Result<u64, SendError> {
        const PIECE: u64 = 64 * 1024;
        let mut left = len.unwrap_or(u64::MAX);
        let mut total = 0;
        let mut buffer = vec![0; usize::try_from(left.min(PIECE)).unwrap_or(0)];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let position = i64::try_from(offset + total).map_err(|_| SendError::Misuse)?;
            let count = match pread(file, buffer.get_mut(..most).unwrap_or_default(), position) {
                Ok(0) => break,
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(_) => return Err(SendError::Misuse),
            };
            self.send_all(buffer.get(..count).unwrap_or_default(), &[], timeout)?;
            total += count as u64;
            left -= count as u64;
        }
        Ok(total)
    }
}

/// Receives what the kernel has.
pub(super) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Got {
    loop {
        return match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Got::End,
            Ok(count) => Got::Bytes(count),
            Err(Errno::EAGAIN) => Got::Nothing,
            Err(Errno::EINTR) => continue,
            Err(_) => Got::Gone,
        };
    }
}

/// Waits until something can be written, or the connection is broken; `false` when the time is over.
pub(super) fn wait_writable(socket: BorrowedFd<'_>, timeout: Duration) -> bool {
    wait(socket, PollFlags::POLLOUT, timeout)
}

/// A span of time for something to read, however often there is nothing in what comes.
#[derive(Debug)]
pub(super) struct Patience {
    span: Duration,
    /// When it is over; unknown until somebody has had to wait.
    end: Option<Instant>,
}

impl Patience {
    pub(super) const fn new(span: Duration) -> Self {
        Self { span, end: None }
    }

    /// Waits until something comes, or the connection is broken; `false` when the time is over.
    pub(super) fn wait(&mut self, socket: BorrowedFd<'_>) -> bool {
        if self.span.is_zero() {
            return false;
        }
        let now = Instant::now();
        let end = *self.end.get_or_insert(now + self.span);
        end > now && wait(socket, PollFlags::POLLIN, end - now)
    }
}

/// Waits until the socket is ready or broken; `false` when the time is over. The scoreboard says so meanwhile: only here
/// does a core ever wait for a client.
fn wait(socket: BorrowedFd<'_>, events: PollFlags, timeout: Duration) -> bool {
    let slot = deadline::mine();
    let phase = if events == PollFlags::POLLOUT { Phase::Sending } else { Phase::Reading };
    slot.inspect(|slot| slot.set_phase(phase));
    let is_ready = wait_for(socket, events, timeout);
    slot.inspect(|slot| slot.set_phase(Phase::Application));
    is_ready
}

fn wait_for(socket: BorrowedFd<'_>, events: PollFlags, timeout: Duration) -> bool {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), events)], left) {
            Ok(0) => return false,
            Err(Errno::EINTR) if Instant::now() < end => {}
            Err(Errno::EINTR) => return false,
            Ok(_) | Err(_) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixStream;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn sends_more_than_the_kernel_takes_at_once() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (head, body) = (vec![1_u8; 100], vec![2_u8; 3_000_000]);
        let total = head.len() + body.len();
        let reader = std::thread::spawn(move || {
            let mut all = vec![0; total];
            theirs.read_exact(&mut all).unwrap();
            all
        });
        Wire::new(ours.as_fd(), None).send_all(&head, &body, Duration::from_secs(10)).unwrap();
        assert_eq!(reader.join().unwrap(), [head, body].concat());
    }

    #[test]
    fn a_peer_that_takes_nothing_times_out() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert_eq!(Wire::new(ours.as_fd(), None).send_all(&vec![0; 10_000_000], b"", SHORT), Err(SendError::Timeout));
    }

    #[test]
    fn a_peer_that_left_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(Wire::new(ours.as_fd(), None).send_all(b"x", b"y", SHORT), Err(SendError::Gone));
        assert_eq!(Wire::new(ours.as_fd(), None).read_wait(&mut [0], SHORT), Err(ReadError::Gone));
    }

    #[test]
    fn a_silent_peer_times_out() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert_eq!(Wire::new(ours.as_fd(), None).read_now(&mut [0]), Got::Nothing);
        assert_eq!(Wire::new(ours.as_fd(), None).read_wait(&mut [0], SHORT), Err(ReadError::Timeout));
    }

    #[test]
    fn files_are_sent_from_an_offset() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        assert_eq!(Wire::new(ours.as_fd(), None).send_file(file.as_fd(), 3, Some(4), SHORT), Ok(4));
        assert_eq!(Wire::new(ours.as_fd(), None).send_file(file.as_fd(), 8, None, SHORT), Ok(2));
        drop(ours);
        let mut all = String::new();
        theirs.read_to_string(&mut all).unwrap();
        assert_eq!(all, "345689");
    }
}
