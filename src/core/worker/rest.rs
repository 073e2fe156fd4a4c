//! What the application still reads of a body after its first bytes were handed over.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use rsgi_abi::host::ReadError;
use rsgi_proto::Body;

use super::ahead::{Ahead, Decoder};
use super::wire::{Got, Wire};
use crate::rate::{Least, Rate};

const PIECE: usize = 16 * 1024;

/// The rest of one request's body.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    wire: Wire<'a>,
    timeout: Duration,
    /// How fast the client sends, and how fast it has to.
    rate: Rate,
    least: Option<Least>,
    /// The first bytes, for a body that is wholly in memory.
    prefix: &'a [u8],
    left: Left,
    /// Bytes received, against `limit-post`.
    received: u64,
    largest: Option<u64>,
    /// Why nothing more will come.
    broken: Option<ReadError>,
    /// More than the body had come before the application ran.
    is_followed: bool,
}

#[derive(Debug)]
enum Left {
    /// The body was handed over as a whole; a seek makes it readable again from there.
    Nothing { replay: Option<usize> },
    /// So many bytes are still to come, as they are.
    Plain(u64),
    /// The framing has to be taken off. `decoded[at..]` is ready, `raw` not yet decoded.
    Framed { decoder: Decoder, decoded: Vec<u8>, at: usize, raw: Vec<u8>, done: bool },
    /// All of it is in a file.
    Stored { file: File, position: u64 },
}

/// How a body stands when its request has been answered.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Bytes that were read beyond the end of the body: the next request.
    pub(super) leftover: Vec<u8>,
    /// The body is not over yet; so many bytes are known to be missing (`None`: nobody knows).
    pub(super) missing: Option<Option<u64>>,
    /// Bytes of the body that have come.
    pub(super) received: u64,
    /// The link's decoder, to skip what the router still sends of this body.
    pub(super) decoder: Option<Decoder>,
    /// All that had come behind the request was taken by what the connection has switched to.
    pub(super) took_all: bool,
}

impl<'a> Rest<'a> {
    /// The rest after `ahead`, whose first bytes (`prefix`) go to the application with the request.
    pub(super) fn new(
        wire: Wire<'a>,
        timeout: Duration,
        least: Option<Least>,
        largest: Option<u64>,
        body: Body,
        ahead: &mut Ahead,
        prefix: &'a [u8],
    ) -> Self {
        let received = ahead.received;
        let left = match (ahead.file.take(), ahead.complete, ahead.decoder.take(), body) {
            (Some(file), ..) => Left::Stored { file, position: 0 },
            (None, true, ..) => Left::Nothing { replay: None },
            (None, false, Some(decoder), _) => {
                let raw = std::mem::take(&mut ahead.undecoded);
                Left::Framed { decoder, decoded: Vec::new(), at: 0, raw, done: false }
            }
            (None, false, None, Body::Length(length)) => Left::Plain(length.saturating_sub(received)),
            (None, false, None, _) => Left::Nothing { replay: None },
        };
        let mut rate = Rate::default();
        rate.moved(received);
        Self {
            wire,
            timeout,
            rate,
            least,
            prefix,
            left,
            received,
            largest,
            broken: None,
            is_followed: ahead.is_followed,
        }
    }

    /// Whether more has to come from the client.
    pub(super) fn is_missing(&self) -> bool {
        match &self.left {
            Left::Nothing { .. } | Left::Stored { .. } | Left::Plain(0) => false,
            Left::Plain(_) => true,
            Left::Framed { done, .. } => !done,
        }
    }

    /// Reads on; `wait` bounds the wait in place of the timeout.
    pub(super) fn read(&mut self, buffer: &mut [u8], wait: Option<Duration>) -> Result<usize, ReadError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.broken {
            return Err(error);
        }
        let read = self.read_on(buffer, wait.unwrap_or(self.timeout));
        // Who asks again would wait for somebody who has left.
        self.broken = read.err().filter(|error| *error != ReadError::Timeout);
        read
    }

    fn read_on(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, ReadError> {
        match &mut self.left {
            Left::Nothing { replay: None } | Left::Plain(0) => Ok(0),
            Left::Nothing { replay: Some(position) } => {
                let rest = self.prefix.get(*position..).unwrap_or_default();
                let count = copy(rest, buffer);
                *position += count;
                Ok(count)
            }
            Left::Plain(left) => {
                let most = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let room = buffer.get_mut(..most).unwrap_or_default();
                let count = read(self.wire, &mut self.rate, self.least, room, wait)?;
                *left -= count as u64;
                self.received += count as u64;
                Ok(count)
            }
            Left::Stored { file, position } => {
                let count = file.read_at(buffer, *position).map_err(|_| ReadError::Gone)?;
                *position += count as u64;
                Ok(count)
            }
            Left::Framed { decoder, decoded, at, raw, done } => loop {
                let ready = decoded.get(*at..).unwrap_or_default();
                if !ready.is_empty() {
                    let count = copy(ready, buffer);
                    *at += count;
                    return Ok(count);
                }
                if *done {
                    return Ok(0);
                }
                decoded.clear();
                *at = 0;
                let kept = raw.len();
                raw.resize(kept + PIECE, 0);
                let room = raw.get_mut(kept..).unwrap_or_default();
                let count = read(self.wire, &mut self.rate, self.least, room, wait);
                raw.truncate(kept + count.unwrap_or(0));
                count?;
                let (used, step) = decoder.decode(raw, decoded);
                // Whatever came of them: the decoder stands behind these bytes, and on a link the next request does.
                raw.drain(..used.min(raw.len()));
                *done = step.map_err(|trouble| trouble.told())?;
                self.received += decoded.len() as u64;
                let size = self.received.max(decoder.announced());
                if self.largest.is_some_and(|largest| size > largest) {
                    return Err(ReadError::TooLarge);
                }
            },
        }
    }

    /// Goes to `offset`, when the body is here as a whole.
    pub(super) fn seek(&mut self, offset: u64) -> bool {
        match &mut self.left {
            Left::Stored { position, .. } => *position = offset,
            Left::Nothing { replay } => *replay = Some(usize::try_from(offset).unwrap_or(usize::MAX)),
            Left::Plain(_) | Left::Framed { .. } => return false,
        }
        true
    }

    /// A look, without waiting, at whether the other side of a link has called the request off.
    pub(super) fn is_called_off(&self) -> bool {
        if self.broken == Some(ReadError::Gone) {
            return true;
        }
        let is_complete = match &self.left {
            Left::Nothing { .. } | Left::Plain(0) | Left::Stored { .. } => true,
            // What is behind the end of the body is here already.
            Left::Framed { done: true, raw, .. } if !raw.is_empty() => return true,
            Left::Framed { done, .. } => *done,
            Left::Plain(_) => false,
        };
        // Between the end of the body and our answer the router has nothing to say but ABORT.
        is_complete && (self.is_followed || !matches!(self.wire.read_now(&mut [0]), Got::Nothing))
    }

    /// Nobody knows what the next bytes of the connection mean.
    pub(super) fn is_lost(&self) -> bool {
        self.broken == Some(ReadError::Malformed)
    }

    /// How the body stands at the end.
    pub(super) fn finish(self) -> Remains {
        let remains = Remains { received: self.received, ..Remains::default() };
        match self.left {
            Left::Nothing { .. } | Left::Stored { .. } | Left::Plain(0) => remains,
            Left::Plain(left) => Remains { missing: Some(Some(left)), ..remains },
            Left::Framed { decoder, raw, done, .. } => {
                Remains { leftover: raw, missing: (!done).then_some(None), decoder: Some(decoder), ..remains }
            }
        }
    }
}

/// Reads something, for which it waits no longer than `wait`, nor for a client that is too slow.
fn read(
    wire: Wire<'_>,
    rate: &mut Rate,
    least: Option<Least>,
    room: &mut [u8],
    wait: Duration,
) -> Result<usize, ReadError> {
    if least.is_none() {
        return wire.read_wait(room, wait);
    }
    let now = Instant::now();
    rate.wait(now);
    let patience = rate.due(least).map_or(wait, |due| due.saturating_duration_since(now).min(wait));
    let count = wire.read_wait(room, patience);
    rate.rest(Instant::now());
    rate.moved(count.unwrap_or(0) as u64);
    count
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}
