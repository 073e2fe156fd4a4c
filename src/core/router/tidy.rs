//! What is left to do on a link when nobody waits for its answer any more.

use std::future::poll_fn;
use std::task::Poll;

use super::lease::Lease;
use super::link::Event;

/// Says the last words on a link, waits for the end of the answer that nobody reads, and makes the link idle.
pub(super) async fn tidy(mut lease: Lease, words: Vec<u8>, mut ended: bool) {
    let mut sent = 0;
    let outcome = poll_fn(|context| {
        while let Some(rest) = words.get(sent..).filter(|rest| !rest.is_empty()) {
            match lease.poll_send(context, rest) {
                Poll::Ready(Ok(more)) => sent += more,
                Poll::Ready(Err(lost)) => return Poll::Ready(Err(lost)),
                Poll::Pending => break,
            }
        }
        while !ended {
            match lease.poll_event(context) {
                Poll::Ready(Ok(Event::End { .. } | Event::File(..))) => ended = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(lost)) => return Poll::Ready(Err(lost)),
                Poll::Pending => return Poll::Pending,
            }
        }
        if sent < words.len() { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await;
    match outcome {
        Ok(()) => lease.give_back(),
        Err(lost) => tracing::debug!(worker = lease.hello.worker, reason = %lost, "link closed"),
    }
}
