//! A connection that has switched to another protocol: bytes between client and worker, unlooked at, until either ends.
//!
//! Nothing is read from one side that the other has not taken, so that neither has to be buffered. A tunnel on which nothing
//! moves for `http-timeout` is cut; pings of the worker move it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, Phase};
use super::exchange::Exchange;
use super::gate::Wire;
use super::link::Event;
use crate::memory::meters::Count;

/// Bytes asked for in one read.
const READ: usize = 16 * 1024;

struct Tunnel<'a, S> {
    socket: S,
    client: &'a Client,
    exchange: Exchange,
    /// Read from the client, not with the worker yet.
    input: BytesMut,
    /// Received from the worker, not with the client yet.
    output: Bytes,
    /// The client sends no more.
    ended: bool,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The worker has ended it.
    Proper,
    /// One of the two is gone, or nothing moves.
    Cut,
}

/// Carries bytes until the connection is over. `input`: what the client has sent already.
pub(super) async fn run<S: Wire>(socket: S, input: BytesMut, exchange: Exchange, client: &Client) {
    client.enter(Phase::Answer);
    let mut tunnel = Tunnel { socket, client, exchange, input, output: Bytes::new(), ended: false };
    let shop = &client.shop;
    let mut timer = pin!(sleep_until(client.deadline()));
    let mut drain = pin!(shop.drain.notified());
    drain.as_mut().enable();
    let mut told = false;
    let end = poll_fn(|context| {
        if !told && (shop.draining.get() || drain.as_mut().poll(context).is_ready()) {
            told = true;
            tunnel.exchange.push_leave();
        }
        if let Poll::Ready(end) = tunnel.poll(context) {
            return Poll::Ready(end);
        }
        while timer.as_mut().poll(context).is_ready() {
            let deadline = client.deadline();
            if deadline <= Instant::now() {
                tracing::info!(client = client.name(), "nothing moves on a websocket: connection cut");
                return Poll::Ready(End::Cut);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await;
    tunnel.exchange.leave(end == End::Proper, end == End::Cut);
    if end == End::Proper {
        part(tunnel.socket, client).await;
    }
}

/// Closes our side, then waits for the client to close its own, so that it gets to read the last words.
async fn part<S: Wire>(mut socket: S, client: &Client) {
    client.enter(Phase::Linger);
    let listen = async {
        let mut waste = BytesMut::with_capacity(READ);
        if socket.shutdown().await.is_ok() {
            while socket.read_buf(&mut waste).await.is_ok_and(|count| count > 0) {
                waste.clear();
            }
        }
    };
    // Who does not close is not waited for.
    let _ = tokio::time::timeout_at(client.deadline(), listen).await;
}

impl<S: Wire> Tunnel<'_, S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            let down = self.poll_down(context);
            if let Poll::Ready(Some(end)) = down {
                return Poll::Ready(end);
            }
            match self.poll_up(context) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Pending if down.is_pending() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
    }

    /// A step from the worker to the client.
    fn poll_down(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        if !self.output.is_empty() {
            let written = Pin::new(&mut self.socket).poll_write(context, &self.output);
            self.client.takes(|taking| taking.pauses(written.is_pending()));
            let Ok(count) = ready!(written) else { return Poll::Ready(Some(End::Cut)) };
            self.client.shop.settings.meter.add(Count::Sent, count as u64);
            self.output.advance(count);
            return Poll::Ready(if count == 0 { Some(End::Cut) } else { None });
        }
        // What an encrypted connection holds back goes out before more is asked for.
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.client.takes(|taking| taking.pauses(flushed.is_pending()));
        if ready!(flushed).is_err() {
            return Poll::Ready(Some(End::Cut));
        }
        match ready!(self.exchange.poll_event(context)) {
            Ok(Event::Data(data)) => {
                self.output = data;
                Poll::Ready(None)
            }
            Ok(Event::End { .. }) => Poll::Ready(Some(End::Proper)),
            Ok(_) | Err(_) => Poll::Ready(Some(End::Cut)),
        }
    }

    /// A step from the client to the worker.
    fn poll_up(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        if !self.exchange.is_sent(context) {
            return Poll::Pending;
        }
        if !self.input.is_empty() {
            self.exchange.push(&self.input);
            self.input.clear();
            return Poll::Ready(None);
        }
        if self.ended {
            return Poll::Pending;
        }
        if self.input.capacity() < READ / 4 {
            self.input.reserve(READ);
        }
        match ready!(pin!(self.socket.read_buf(&mut self.input)).poll(context)) {
            Ok(0) => {
                self.ended = true;
                self.exchange.push_end();
            }
            Ok(count) => {
                self.client.shop.settings.meter.add(Count::Received, count as u64);
                self.client.touch();
            }
            Err(_) => return Poll::Ready(Some(End::Cut)),
        }
        Poll::Ready(None)
    }
}
