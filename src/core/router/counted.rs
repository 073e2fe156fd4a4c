//! A socket beneath TLS that knows how much of what was encrypted has gone to the kernel. TLS keeps up to 64 KiB of an answer for
//! itself, so that what was written to it says little about what the client may have.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::gate::Wire;

/// The socket.
pub(super) struct Counted<S> {
    socket: S,
    passed: u64,
}

impl<S> Counted<S> {
    pub(super) const fn new(socket: S) -> Self {
        Self { socket, passed: 0 }
    }

    fn count(&mut self, bytes: usize) -> usize {
        self.passed = self.passed.saturating_add(bytes as u64);
        bytes
    }
}

impl<S: Wire> Wire for Counted<S> {
    fn reset(&self) {
        self.socket.reset();
    }

    fn unsent(&self) -> u64 {
        self.socket.unsent()
    }

    fn passed(&self) -> Option<u64> {
        Some(self.passed)
    }

    fn poll_first(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        self.socket.poll_first(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.socket).poll_write(context, bytes))?;
        Poll::Ready(Ok(self.count(sent)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.socket).poll_write_vectored(context, parts))?;
        Poll::Ready(Ok(self.count(sent)))
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
