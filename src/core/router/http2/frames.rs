//! Counts what a client sends over HTTP/2 that moves nothing: pings, settings, priorities, resets, empty and unknown frames.
//! Each costs us as much as it costs the client; so many are no honest client's (CVE-2019-9512, -9513, -9515, -9518).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Such frames that may come at once, and those that may come each second for ever.
const BURST: u32 = 4096;
const EACH_SECOND: u32 = 512;

const PREFACE: u32 = 24;
const FRAME_HEAD: usize = 9;

/// A socket whose frames are counted.
pub(super) struct Frames<S> {
    socket: S,
    reader: Reader,
    /// What is left of the burst, and since when.
    left: u32,
    since: Instant,
}

/// Goes from frame to frame.
#[derive(Debug)]
struct Reader {
    /// Bytes to pass over before the next head.
    skip: u32,
    head: [u8; FRAME_HEAD],
    known: usize,
}

impl<S> Frames<S> {
    pub(super) fn new(socket: S) -> Self {
        let reader = Reader { skip: PREFACE, head: [0; FRAME_HEAD], known: 0 };
        Self { socket, reader, left: BURST, since: Instant::now() }
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
    /// How many of the frames that begin in `bytes` move nothing.
    fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut idle = 0;
        while !bytes.is_empty() {
            let passed = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= u32::try_from(passed).unwrap_or(self.skip);
            bytes = bytes.get(passed..).unwrap_or_default();
            let Some(head) = self.head.get_mut(self.known..) else { return idle };
            let (more, rest) = bytes.split_at(head.len().min(bytes.len()));
            head.iter_mut().zip(more).for_each(|(to, from)| *to = *from);
            self.known += more.len();
            bytes = rest;
            if self.known == FRAME_HEAD {
                let [high, middle, low, kind, flags, ..] = self.head;
                (self.known, self.skip) = (0, u32::from_be_bytes([0, high, middle, low]));
                idle += u32::from(is_idle(kind, flags, self.skip));
            }
        }
        idle
    }
}

/// Numbers as in RFC 9113, section 6.
fn is_idle(kind: u8, flags: u8, length: u32) -> bool {
    const END_STREAM: u8 = 1;
    const PADDED: u8 = 8;
    match kind {
        // The length of padding that is none is no data either.
        0 => flags & END_STREAM == 0 && length <= u32::from(flags & PADDED != 0),
        // HEADERS, CONTINUATION and WINDOW_UPDATE have bounds of their own.
        1 | 8 | 9 => false,
        _ => true,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = out.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, out))?;
        let idle = this.reader.count(out.filled().get(before..).unwrap_or_default());
        Poll::Ready(if idle == 0 { Ok(()) } else { this.spend(idle, Instant::now()) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
            let mut reader = Frames::new(()).reader;
            let (one, two) = input.split_at(at);
            assert_eq!(reader.count(one) + reader.count(two), 6, "cut at {at}");
        }
    }

    #[test]
    fn a_burst_is_forgiven_and_a_flood_is_not() {
        let mut frames = Frames::new(());
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        frames.spend(BURST, after(0)).unwrap();
        assert!(frames.spend(1, after(0)).is_err());
        frames.spend(EACH_SECOND, after(2)).unwrap();
        frames.spend(EACH_SECOND, after(3)).unwrap();
        frames.spend(BURST, after(3600)).unwrap();
        assert!(frames.spend(2 * EACH_SECOND + 1, after(3601)).is_err());
    }
}
