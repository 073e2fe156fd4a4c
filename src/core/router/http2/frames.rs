//! Counts what a client sends over HTTP/2 that moves nothing: pings, settings, priorities, resets, empty and unknown frames,
//! and windows opened for more than it gets. Each costs us as much as it costs the client; so many are no honest client's
//! (CVE-2019-9512, -9513, -9515, -9518). It also sees to it that the first frame is SETTINGS (RFC 9113, section 3.4).
//! At the end it listens a little longer: a client acknowledges what it has got, and to close before that would be a reset,
//! which may take the last answer away from under its eyes.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::super::gate::Wire;
use super::session::Session;
use crate::memory::meters::{Count, Meter};

/// Such frames that may come at once, and those that may come each second for ever.
const BURST: u32 = 4096;
const EACH_SECOND: u32 = 512;

/// Bytes sent to the client for which it may open windows once: the smallest frame with data, and the windows of its stream
/// and of the connection.
const EACH_WINDOW: u64 = (FRAME_HEAD as u64).div_ceil(2);

/// Bytes that are listened to at the end.
const LAST_WORDS: usize = 256 * 1024;

const PREFACE: u32 = 24;
const FRAME_HEAD: usize = 9;

/// A socket whose frames are counted.
pub(super) struct Frames<S> {
    socket: S,
    reader: Reader,
    /// Goes over what is sent.
    writer: Reader,
    session: Rc<Session>,
    /// What is left of the burst, and since when.
    left: u32,
    since: Instant,
    /// Bytes sent for which no window has been opened.
    sent: u64,
    meter: Meter,
    /// Our side is closed: until when the client's is waited for.
    closed: Option<Pin<Box<Sleep>>>,
    heard: usize,
}

/// Goes from frame to frame.
#[derive(Debug)]
struct Reader {
    /// Bytes to pass over before the next head.
    skip: u32,
    head: [u8; FRAME_HEAD],
    known: usize,
    /// The first frame has been seen.
    begun: bool,
}

/// What has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    /// Frames that move nothing.
    idle: u32,
    /// Windows opened.
    windows: u32,
    /// Bytes of data.
    data: u64,
    /// The first frame is not what it must be.
    is_wrong: bool,
}

impl<S> Frames<S> {
    pub(super) fn new(socket: S, meter: Meter, session: Rc<Session>) -> Self {
        let reader = Reader { skip: PREFACE, head: [0; FRAME_HEAD], known: 0, begun: false };
        let writer = Reader { skip: 0, head: [0; FRAME_HEAD], known: 0, begun: true };
        Self {
            socket,
            reader,
            writer,
            session,
            left: BURST,
            since: Instant::now(),
            sent: 0,
            meter,
            closed: None,
            heard: 0,
        }
    }

    fn count_sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
        self.meter.add(Count::Sent, bytes as u64);
    }

    /// Windows opened beyond those that what we sent allows for move nothing either.
    fn excess(&mut self, windows: u32) -> u32 {
        let earned = u32::try_from(self.sent / EACH_WINDOW).unwrap_or(u32::MAX).min(windows);
        self.sent -= u64::from(earned) * EACH_WINDOW;
        windows - earned
    }

    fn spend(&mut self, idle: u32, now: Instant) -> io::Result<()> {
        if idle > self.left {
            let seconds = now.saturating_duration_since(self.since).as_secs();
            if seconds > 0 {
                let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(EACH_SECOND);
                (self.left, self.since) = (self.left.saturating_add(more).min(BURST), now);
            }
        }
        self.left = self.left.checked_sub(idle).ok_or_else(|| io::Error::other("too many frames that move nothing"))?;
        Ok(())
    }
}

impl Reader {
    /// What begins in `bytes`.
    fn count(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            let passed = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= u32::try_from(passed).unwrap_or(self.skip);
            bytes = bytes.get(passed..).unwrap_or_default();
            let Some(head) = self.head.get_mut(self.known..) else { return seen };
            let (more, rest) = bytes.split_at(head.len().min(bytes.len()));
            head.iter_mut().zip(more).for_each(|(to, from)| *to = *from);
            self.known += more.len();
            bytes = rest;
            if self.known == FRAME_HEAD {
                let [high, middle, low, kind, flags, ..] = self.head;
                (self.known, self.skip) = (0, u32::from_be_bytes([0, high, middle, low]));
                seen.is_wrong |= !std::mem::replace(&mut self.begun, true) && (kind, flags & ACK) != (SETTINGS, 0);
                seen.windows += u32::from(kind == WINDOW_UPDATE);
                seen.data += if kind == DATA { self.skip.into() } else { 0 };
                seen.idle += u32::from(is_idle(kind, flags, self.skip));
            }
        }
        seen
    }
}

/// Numbers as in RFC 9113, section 6.
const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;

fn is_idle(kind: u8, flags: u8, length: u32) -> bool {
    const END_STREAM: u8 = 1;
    const PADDED: u8 = 8;
    match kind {
        // The length of padding that is none is no data either.
        DATA => flags & END_STREAM == 0 && length <= u32::from(flags & PADDED != 0),
        // HEADERS and CONTINUATION have bounds of their own.
        1 | WINDOW_UPDATE | 9 => false,
        _ => true,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = out.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, out))?;
        let fresh = out.filled().get(before..).unwrap_or_default();
        this.meter.add(Count::Received, fresh.len() as u64);
        let Seen { idle, windows, is_wrong, .. } = this.reader.count(fresh);
        if is_wrong {
            return Poll::Ready(Err(io::Error::other("the first frame is not SETTINGS")));
        }
        let idle = idle.saturating_add(this.excess(windows));
        Poll::Ready(if idle == 0 { Ok(()) } else { this.spend(idle, Instant::now()) })
    }
}

impl<S: Wire> Frames<S> {
    /// Notes whether the socket takes more, and answers that have gone there.
    fn note<'a>(&mut self, result: &Poll<io::Result<usize>>, parts: impl Iterator<Item = &'a [u8]>) {
        let Poll::Ready(sent) = result else {
            let (passed, unsent) = (self.socket.passed(), self.socket.unsent());
            return self.session.takes(|taking| taking.blocks(passed, unsent));
        };
        let mut left = sent.as_ref().map_or(0, |&sent| sent);
        self.count_sent(left);
        self.session.takes(|taking| taking.sent(left as u64));
        for part in parts {
            let part = part.get(..left.min(part.len())).unwrap_or_default();
            left -= part.len();
            let data = self.writer.count(part).data;
            if data > 0 {
                self.session.pay(data);
            }
        }
    }
}

impl<S: Wire> AsyncWrite for Frames<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note(&result, std::iter::once(bytes));
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.note(&result, parts.iter().map(|part| &**part));
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_flush(context);
        let noted = if result.is_pending() { Poll::Pending } else { Poll::Ready(Ok(0)) };
        self.note(&noted, std::iter::empty());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closed.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
        }
        let until = this.closed.get_or_insert_with(|| Box::pin(sleep(super::LINGER)));
        let mut bytes = [0; 1024];
        while this.heard < LAST_WORDS && until.as_mut().poll(context).is_pending() {
            let mut out = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut this.socket).poll_read(context, &mut out)) {
                Ok(()) if !out.filled().is_empty() => this.heard += out.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frames() -> Frames<()> {
        Frames::new((), Meter::default(), Rc::new(Session::new()))
    }

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(std::iter::repeat_n(0xFF, length.into()));
        frame
    }

    #[test]
    fn only_frames_that_move_nothing_count_wherever_the_input_is_cut() {
        let mut input = vec![b'P'; 24];
        let idle = [frame(4, 0, 0), frame(6, 0, 8), frame(0, 0, 0), frame(0, 8, 1), frame(2, 0, 5), frame(77, 0, 200)];
        let useful = [frame(1, 4, 30), frame(0, 0, 1), frame(0, 1, 0), frame(8, 0, 4), frame(9, 4, 7)];
        idle.iter().chain(&useful).for_each(|frame| input.extend(frame));
        for at in 0..input.len() {
            let mut reader = frames().reader;
            let (one, two) = input.split_at(at);
            let (one, two) = (reader.count(one), reader.count(two));
            assert_eq!((one.idle + two.idle, one.windows + two.windows), (6, 1), "cut at {at}");
            assert!(!one.is_wrong && !two.is_wrong);
        }
    }

    #[test]
    fn the_first_frame_is_settings() {
        for (first, is_wrong) in [(frame(4, 0, 0), false), (frame(4, 1, 0), true), (frame(1, 5, 9), true)] {
            let input = [&[b'P'; 24][..], &first, &frame(6, 0, 8)].concat();
            assert_eq!(frames().reader.count(&input).is_wrong, is_wrong);
        }
    }

    #[test]
    fn windows_are_opened_for_what_comes() {
        let mut frames = self::frames();
        assert_eq!(frames.excess(3), 3);
        // A frame with one byte of data: its stream's window, and the connection's.
        frames.count_sent(10);
        assert_eq!(frames.excess(2), 0);
        assert_eq!(frames.excess(1), 1);
    }

    #[test]
    fn a_burst_is_forgiven_and_a_flood_is_not() {
        let mut frames = self::frames();
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        frames.spend(BURST, after(0)).unwrap();
        assert!(frames.spend(1, after(0)).is_err());
        frames.spend(EACH_SECOND, after(2)).unwrap();
        frames.spend(EACH_SECOND, after(3)).unwrap();
        frames.spend(BURST, after(3600)).unwrap();
        assert!(frames.spend(2 * EACH_SECOND + 1, after(3601)).is_err());
    }
}
