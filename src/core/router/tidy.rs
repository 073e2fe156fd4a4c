//! What is left to do on a link when nobody waits for its answer any more.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rsgi_proto::link;
use tokio::time::sleep;

use super::lease::Lease;
use super::link::Event;

/// How long an application may go on with an answer of which the client has all that it gets (to HEAD, 204, 304, or more than its
/// Content-Length). Most end by themselves at once, and are to end as they would: called off, such an answer is one that broke off in
/// the application's eyes and in the log. But a generator without end would keep its core for good.
const GRACE: Duration = Duration::from_secs(1);

/// Says the last words on a link, waits for the end of the answer that nobody reads, and makes the link idle. `called_off`: the words
/// end in an ABORT; otherwise the worker gets one when the answer goes on: its application's next write fails then, and it is closed.
pub(super) async fn tidy(mut lease: Lease, mut words: Vec<u8>, mut ended: bool, mut called_off: bool) {
    let mut sent = 0;
    let mut grace = pin!(sleep(GRACE));
    let outcome = poll_fn(|context| {
        loop {
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
                    Poll::Pending => break,
                }
            }
            if ended && sent >= words.len() {
                return Poll::Ready(Ok(()));
            }
            if ended || called_off || grace.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            called_off = true;
            link::encode_abort(&mut words);
        }
    })
    .await;
    match outcome {
        Ok(()) => lease.give_back(),
        Err(lost) => tracing::debug!(worker = lease.hello.worker, reason = %lost, "link closed"),
    }
}
