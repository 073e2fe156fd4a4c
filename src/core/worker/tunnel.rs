//! A connection that has switched to another protocol: its bytes in both directions, bare or in the frames of a link.

use std::time::Duration;

use rsgi_abi::host::SendError;
use rsgi_proto::link::{self, ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;

use super::wire::{Got, Patience, Wire};

const PIECE: usize = 16 * 1024;
/// What is sent is copied up to this size, so that it leaves in one piece with its header.
const COPIED: usize = 4096;

/// Both directions.
#[derive(Debug)]
pub(super) struct Tunnel<'a> {
    wire: Wire<'a>,
    timeout: Duration,
    /// Takes the frames of the link off; `None`: bytes come as they are.
    frames: Option<WorkerEnd>,
    /// Received, with the frames of the link still on.
    raw: Vec<u8>,
    out: Vec<u8>,
    /// The other side has sent all it will.
    ended: bool,
    /// The router wants this to end.
    pub(super) must_end: bool,
    /// Bytes sent, without frames.
    pub(super) sent: u64,
}

/// What reading found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// More bytes, or the router's wish.
    Something,
    /// None within the time.
    Nothing,
    /// No more will come.
    End,
}

impl<'a> Tunnel<'a> {
    /// `early`: what has come behind the head already.
    pub(super) fn new(wire: Wire<'a>, timeout: Duration, frames: Option<WorkerEnd>, early: &[u8]) -> Self {
        let (raw, out) = (early.to_vec(), Vec::new());
        Self { wire, timeout, frames, raw, out, ended: false, must_end: false, sent: 0 }
    }

    /// Appends what comes to `input`, waiting for it at most so long.
    pub(super) fn read(&mut self, input: &mut Vec<u8>, wait: Duration) -> Came {
        let before = (input.len(), self.must_end);
        let mut patience = Patience::new(wait);
        loop {
            self.unpack(input);
            if before != (input.len(), self.must_end) {
                return Came::Something;
            }
            if self.ended {
                return Came::End;
            }
            let kept = self.raw.len();
            self.raw.resize(kept + PIECE, 0);
            let got = self.wire.read_now(self.raw.get_mut(kept..).unwrap_or_default());
            let count = if let Got::Bytes(count) = got { count } else { 0 };
            self.raw.truncate(kept + count);
            match got {
                Got::Bytes(_) => {}
                Got::End | Got::Gone => self.ended = true,
                Got::Nothing if patience.wait(self.wire.socket()) => {}
                Got::Nothing => return Came::Nothing,
            }
        }
    }

    /// Moves received bytes to `input`, without the frames of the link.
    fn unpack(&mut self, input: &mut Vec<u8>) {
        let Some(frames) = &mut self.frames else {
            input.append(&mut self.raw);
            return;
        };
        let (mut used, mut none) = (0, Vars::new());
        while !self.ended {
            match frames.decode(self.raw.get(used..).unwrap_or_default(), &mut none) {
                Ok(None) => break,
                Ok(Some((count, ToWorker::Body(data)))) => {
                    input.extend_from_slice(data);
                    used += count;
                }
                Ok(Some((count, ToWorker::Leave))) => {
                    self.must_end = true;
                    used += count;
                }
                Ok(Some((count, ToWorker::End | ToWorker::Abort))) => {
                    self.ended = true;
                    used += count;
                }
                // The router does not keep to the protocol; the core finds the same when it looks for the next request.
                Ok(Some((_, ToWorker::Head(_)))) | Err(_) => self.ended = true,
            }
        }
        self.raw.drain(..used.min(self.raw.len()));
    }

    /// Sends both parts.
    ///
    /// # Errors
    /// When the other side cannot take it; nothing can be sent any more.
    pub(super) fn send(&mut self, header: &[u8], payload: &[u8]) -> Result<(), SendError> {
        self.out.clear();
        let total = header.len().saturating_add(payload.len());
        if self.frames.is_some() {
            link::data_prefix(&mut self.out, u32::try_from(total).map_err(|_| SendError::Misuse)?, false);
        }
        self.out.extend_from_slice(header);
        let apart = if payload.len() < COPIED {
            self.out.extend_from_slice(payload);
            &[]
        } else {
            payload
        };
        self.wire.send_all(&self.out, apart, self.timeout)?;
        self.sent += total as u64;
        Ok(())
    }

    /// What is left of a link for its next request: bytes that were read too far, and the decoder.
    pub(super) fn finish(self) -> (Vec<u8>, Option<WorkerEnd>) {
        (self.raw, self.frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const SHORT: Duration = Duration::from_millis(20);

    fn frames() -> Vec<u8> {
        let mut stream = Vec::new();
        link::body_prefix(&mut stream, 3, false);
        stream.extend_from_slice(b"abc");
        link::encode_leave(&mut stream);
        link::body_prefix(&mut stream, 2, false);
        stream.extend_from_slice(b"de");
        link::encode_body_end(&mut stream);
        stream.extend_from_slice(b"next");
        stream
    }

    #[test]
    fn the_frames_of_a_link_are_taken_off_wherever_they_are_cut() {
        let stream = frames();
        for cut in 0..stream.len() {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            let (early, late) = stream.split_at(cut);
            theirs.write_all(late).unwrap();
            let mut tunnel = Tunnel::new(Wire::new(ours.as_fd(), None), SHORT, Some(WorkerEnd::new(100)), early);
            let mut input = Vec::new();
            while tunnel.read(&mut input, SHORT) == Came::Something {}
            assert_eq!((input.as_slice(), tunnel.must_end, tunnel.ended), (b"abcde".as_slice(), true, true), "{cut}");
            assert!(b"next".starts_with(&tunnel.finish().0));
        }
    }

    #[test]
    fn bare_bytes_come_as_they_are() {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        let mut tunnel = Tunnel::new(Wire::new(ours.as_fd(), None), SHORT, None, b"early");
        let mut input = Vec::new();
        assert_eq!(tunnel.read(&mut input, SHORT), Came::Something);
        assert_eq!(tunnel.read(&mut input, SHORT), Came::Nothing);
        assert_eq!(tunnel.read(&mut input, Duration::ZERO), Came::Nothing);
        theirs.write_all(b" late").unwrap();
        assert_eq!(tunnel.read(&mut input, SHORT), Came::Something);
        assert_eq!(input, b"early late");
        drop(theirs);
        assert_eq!(tunnel.read(&mut input, SHORT), Came::End);
        assert_eq!(tunnel.send(b"x", b""), Err(SendError::Gone));
    }

    #[test]
    fn large_payloads_follow_their_header() {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        let mut tunnel = Tunnel::new(Wire::new(ours.as_fd(), None), SHORT, None, b"");
        tunnel.send(b"h", &[1; COPIED]).unwrap();
        tunnel.send(b"h", b"2").unwrap();
        assert_eq!(tunnel.sent, COPIED as u64 + 3);
        drop(ours);
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).unwrap();
        assert_eq!(all, [b"h".as_slice(), &[1; COPIED], b"h2"].concat());
    }
}
