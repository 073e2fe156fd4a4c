//! A link in use by one request, and the wait for it.

use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::task::Poll;

use super::client::{Client, Phase};
use super::failure::Failure;
use super::link::Link;
use super::pool::{Crowded, Seat};
use super::shop::Shop;

/// A link in use. Dropped, it is closed; [`Lease::give_back`] makes it idle.
#[derive(Debug)]
pub(super) struct Lease {
    link: Option<Link>,
    shop: Rc<Shop>,
}

impl Lease {
    /// Waits for an idle link.
    ///
    /// # Errors
    /// 503 when there is no worker or the queue is full, 504 when none became idle in time.
    pub(super) async fn get(shop: &Rc<Shop>, client: &Client) -> Result<Self, Failure> {
        let meter = shop.settings.meter;
        if let Some(link) = shop.pool.take() {
            meter.queued(0);
            return Ok(Self { link: Some(link), shop: Rc::clone(shop) });
        }
        client.enter(Phase::Queue);
        let seat = if client.is_exempt() {
            shop.pool.jump()
        } else {
            shop.pool.join().map_err(|crowded| match crowded {
                Crowded::Full => Failure::crowded("the queue is full", None),
                Crowded::Slow(wait) => Failure::crowded("the wait would be longer than queue-timeout", Some(wait)),
            })?
        };
        let place = Place { seat, shop };
        poll_fn(|context| {
            if let Some(link) = place.seat.take(context.waker()) {
                if meter.is_on() {
                    meter.queued(place.seat.age());
                }
                return Poll::Ready(Ok(Self { link: Some(link), shop: Rc::clone(shop) }));
            }
            if client.take_expired() {
                return Poll::Ready(Err(match shop.pool.empty_since() {
                    Some(_) => Failure::server(503, "no worker is alive"),
                    None if client.has_queue_timeout() => {
                        Failure::crowded("no core became idle within queue-timeout", None)
                    }
                    None => Failure::server(504, "no core became idle in time"),
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// The link is idle again.
    pub(super) fn give_back(mut self) {
        if let Some(link) = self.link.take() {
            self.shop.pool.put(link);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            self.shop.pool.lost(&link);
        }
    }
}

impl Deref for Lease {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link.as_ref().expect("a lease has its link until it is given back")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Link {
        self.link.as_mut().expect("a lease has its link until it is given back")
    }
}

/// Leaves the queue when dropped.
struct Place<'a> {
    seat: Rc<Seat>,
    shop: &'a Shop,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shop.pool.quit(&self.seat);
    }
}
