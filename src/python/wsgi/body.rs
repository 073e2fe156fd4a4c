//! Reads a request's body: first the bytes that came with the request, then what the core still receives. Never past
//! Content-Length. Knows nothing of Python.

use rsgi_abi::guest::Request;
use rsgi_abi::host::ReadError;

/// Bytes asked of the core at once.
const CHUNK: usize = 64 * 1024;

/// The position in a body.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// Bytes consumed of those that came with the request.
    given: usize,
    /// Bytes received and not consumed yet: `ahead[at..]`.
    ahead: Vec<u8>,
    at: usize,
    /// Bytes the application has consumed.
    position: u64,
    /// Bytes still to consume; `None` for a chunked body.
    remaining: Option<u64>,
    /// The core has no more.
    ended: bool,
}

impl Body {
    /// Begins at the start of a request's body.
    pub(crate) fn start(&mut self, request: &Request<'_>) {
        // A long upload must not leave its buffer behind for every core.
        if self.ahead.capacity() > CHUNK {
            self.ahead = Vec::new();
        }
        self.ahead.clear();
        (self.given, self.at, self.position, self.remaining, self.ended) = (0, 0, 0, request.body_length(), false);
    }

    /// Bytes consumed so far.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Bytes left, when that is known.
    pub(crate) const fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// What [`Self::read`] would give, when that is here already; to be followed by [`Self::consume`].
    pub(crate) fn peek<'a>(&'a self, request: &Request<'a>, want: u64) -> Option<&'a [u8]> {
        let here = self.here(request);
        match usize::try_from(want) {
            Ok(want) if want <= here.len() => here.get(..want),
            _ => self.is_rest(here).then_some(here),
        }
    }

    /// What [`Self::read_line`] would give, when that is here already; to be followed by [`Self::consume`].
    pub(crate) fn peek_line<'a>(&'a self, request: &Request<'a>, limit: u64) -> Option<&'a [u8]> {
        let here = self.here(request);
        let limited = usize::try_from(limit).ok().and_then(|limit| here.get(..limit));
        match limited.unwrap_or(here).iter().position(|&byte| byte == b'\n') {
            Some(at) => here.get(..=at),
            None => limited.or_else(|| self.is_rest(here).then_some(here)),
        }
    }

    /// Reads up to `want` bytes into `out`, waiting for them; fewer only at the end of the body.
    pub(crate) fn read(&mut self, request: &Request<'_>, want: u64, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut left = want;
        while left > 0 {
            let here = self.fill(request)?;
            if here.is_empty() {
                break;
            }
            let count = here.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            out.extend_from_slice(here.get(..count).unwrap_or_default());
            self.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Reads what comes next, waiting for it only when nothing is here, and at most so many milliseconds when that is
    /// bounded; empty at the end of the body.
    pub(crate) fn read_piece(&mut self, request: &Request<'_>, wait: Option<u32>) -> Result<Vec<u8>, ReadError> {
        if self.here(request).is_empty() && self.remaining != Some(0) {
            self.receive(request, wait)?;
        }
        let piece = self.here(request).to_vec();
        self.consume(piece.len());
        Ok(piece)
    }

    /// Reads one line with its newline into `out`, at most `limit` bytes of it.
    pub(crate) fn read_line(&mut self, request: &Request<'_>, limit: u64, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        while left > 0 {
            let here = self.fill(request)?;
            let here = here.get(..left).unwrap_or(here);
            let end = here.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            let count = end.unwrap_or(here.len());
            out.extend_from_slice(here.get(..count).unwrap_or_default());
            self.consume(count);
            left -= count;
            if end.is_some() || count == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Goes to `offset`: anywhere when the whole body is here, else when the core has buffered it.
    pub(crate) fn seek(&mut self, request: &Request<'_>, offset: u64) -> bool {
        let total = self.remaining.map(|remaining| self.position + remaining);
        let offset = total.map_or(offset, |total| offset.min(total));
        let here = request.body().len() as u64;
        if total.is_some_and(|total| total <= here) {
            self.given = usize::try_from(offset).unwrap_or(usize::MAX);
        } else if request.seek_body(offset) {
            self.given = request.body().len();
        } else {
            return false;
        }
        self.ahead.clear();
        (self.at, self.ended, self.position) = (0, false, offset);
        self.remaining = total.map(|total| total - offset);
        true
    }

    /// Bytes that can be consumed without receiving any.
    fn here<'a>(&'a self, request: &Request<'a>) -> &'a [u8] {
        let limit = self.remaining.map_or(usize::MAX, |remaining| usize::try_from(remaining).unwrap_or(usize::MAX));
        let ahead = self.ahead.get(self.at..).filter(|ahead| !ahead.is_empty());
        let here = ahead.unwrap_or_else(|| request.body().get(self.given..).unwrap_or_default());
        here.get(..limit).unwrap_or(here)
    }

    /// Whether nothing comes after these bytes.
    fn is_rest(&self, here: &[u8]) -> bool {
        self.remaining == Some(here.len() as u64)
    }

    /// Bytes that can be consumed now, receiving some when there are none; empty at the end.
    fn fill<'a>(&'a mut self, request: &Request<'a>) -> Result<&'a [u8], ReadError> {
        if self.here(request).is_empty() && self.remaining != Some(0) {
            self.receive(request, None)?;
        }
        Ok(self.here(request))
    }

    fn receive(&mut self, request: &Request<'_>, wait: Option<u32>) -> Result<(), ReadError> {
        self.ahead.clear();
        self.at = 0;
        if self.ended {
            return Ok(());
        }
        let limit = self.remaining.and_then(|remaining| usize::try_from(remaining).ok()).unwrap_or(CHUNK);
        self.ahead.resize(CHUNK.min(limit), 0);
        let received = match wait {
            None => request.read_body(&mut self.ahead),
            Some(wait) => request.read_body_within(&mut self.ahead, wait),
        };
        self.ahead.truncate(*received.as_ref().unwrap_or(&0));
        match received? {
            0 => {
                self.ended = true;
                // A body that ends before its Content-Length was cut off: that is no end the application may take for one.
                if self.remaining.is_some() { Err(ReadError::Gone) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Marks bytes as consumed.
    pub(crate) fn consume(&mut self, count: usize) {
        let from = if self.at < self.ahead.len() { &mut self.at } else { &mut self.given };
        *from += count;
        self.position += count as u64;
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(count as u64));
    }
}
