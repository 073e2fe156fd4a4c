//! Tells the master how many requests wait: it adds workers by that, wakes those that rest, and ends late requests only then.
//!
//! The queue is looked at when it begins to fill and a few times a second while it is not empty; nobody writes to the master
//! on behalf of a request.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::time::{Instant, sleep, sleep_until};

use super::shop::Shop;
use crate::control::{Queue, Report};
use crate::passing::{PAUSE, is_passing_error};

/// Time between two reports about a queue that is not empty.
const PERIOD: Duration = Duration::from_millis(250);

/// Says it to the master, however long buffers are short; `false` when that one is gone.
async fn say(words: &mut OwnedWriteHalf, message: &[u8]) -> bool {
    loop {
        match words.write_all(message).await {
            Ok(()) => return true,
            Err(error) if is_passing_error(&error) => sleep(PAUSE).await,
            Err(_) => return false,
        }
    }
}

/// Tells until the master is gone.
pub(super) async fn tell(shop: Rc<Shop>, mut words: OwnedWriteHalf) {
    let (mut told_long, mut told) = (false, Queue::default());
    let mut next = None;
    loop {
        let look = next.unwrap_or_else(Instant::now);
        tokio::select! {
            () = shop.pool.turned.notified() => {}
            // When the workers rest, somebody's coming cannot wait to be told.
            () = shop.pool.filled.notified(), if next.is_none() || shop.pool.is_resting() => next = None,
            () = sleep_until(look), if next.is_some() => next = None,
        }
        let is_long = shop.pool.is_long();
        if is_long != told_long {
            told_long = is_long;
            let report = if is_long { Report::LongQueue } else { Report::ShortQueue };
            if !say(&mut words, &[report.byte()]).await {
                return;
            }
        }
        if next.is_some() || !shop.pool.is_told() {
            continue;
        }
        let queue = shop.pool.queue();
        if queue != told && !say(&mut words, &queue.message()).await {
            return;
        }
        told = queue;
        next = (queue.waiting > 0).then(|| Instant::now() + PERIOD);
    }
}
