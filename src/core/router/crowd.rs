//! Who is connected: how many clients in all and from one network, and who gives way to the next.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use rsgi_config::Config;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::shop::Shop;
use crate::neighbours::network;

/// How long a client that has said nothing yet is not taken for an idle one.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// Idle clients that are sent away at once, so that not each newcomer makes us look through all of them.
const BATCH: usize = 32;
/// How often somebody idle is looked for while nobody leaves.
const LOOK: Duration = Duration::from_millis(100);
/// Clients that are told at the same time why they are turned away; more are not told.
const TOLD: usize = 64;

/// How many connections there may be; 0: any number.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Caps {
    total: usize,
    per_ip: usize,
}

impl Caps {
    pub(super) const fn of(config: &Config) -> Self {
        Self { total: config.limits.max_connections, per_ip: config.limits.max_connections_per_ip }
    }
}

/// A connection that can give way.
pub(super) trait Guest {
    /// Since when it waits for nothing but its client's next request; `None` while it does something.
    fn idle_since(&self) -> Option<Instant>;

    /// Where it is told to go.
    fn dismissal(&self) -> &Dismissal;
}

/// Tells the task of a connection that it is to end.
#[derive(Debug, Default)]
pub(super) struct Dismissal {
    told: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Dismissal {
    /// Whether it was told; its task is woken when that happens later.
    pub(super) fn is_told(&self, context: &Context<'_>) -> bool {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.told.get()
    }

    fn tell(&self) {
        self.told.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// All who are connected.
#[derive(Default)]
pub(super) struct Crowd {
    guests: RefCell<BTreeMap<u64, Weak<dyn Guest>>>,
    next: Cell<u64>,
    networks: RefCell<HashMap<IpAddr, usize>>,
    /// Clients that are being told why they are turned away.
    telling: Cell<usize>,
    /// Connections that have a place, and those that wait for one.
    served: Cell<usize>,
    waiting: Cell<usize>,
    left: Notify,
}

/// A connection among the others, until it is dropped.
pub(super) struct Presence {
    shop: Rc<Shop>,
    number: u64,
}

/// A connection of a network, until it is dropped.
pub(super) struct Admission {
    shop: Rc<Shop>,
    network: Option<IpAddr>,
}

impl Crowd {
    /// A connection that may be asked to give way from now on.
    pub(super) fn join<G: Guest + 'static>(shop: &Rc<Shop>, guest: &Rc<G>) -> Presence {
        let crowd = &shop.crowd;
        let number = crowd.next.get();
        crowd.next.set(number.wrapping_add(1));
        let guest: Rc<dyn Guest> = Rc::<G>::clone(guest);
        crowd.guests.borrow_mut().insert(number, Rc::downgrade(&guest));
        Presence { shop: Rc::clone(shop), number }
    }

    /// Counts a connection of `address`; `None`: its network has as many as it may.
    pub(super) fn admit(shop: &Rc<Shop>, address: Option<IpAddr>) -> Option<Admission> {
        let most = shop.settings.caps.per_ip;
        let network = address.filter(|_| most > 0).map(network);
        if let Some(network) = network {
            let mut networks = shop.crowd.networks.borrow_mut();
            let count = networks.entry(network).or_default();
            if *count >= most {
                return None;
            }
            *count += 1;
        }
        Some(Admission { shop: Rc::clone(shop), network })
    }

    /// Runs `tell` for a client that is turned away, unless there are too many of them.
    pub(super) async fn turn_away(&self, tell: impl Future<Output = ()>) {
        let before = self.telling.get();
        if before < TOLD {
            self.telling.set(before + 1);
            tell.await;
            self.telling.set(self.telling.get().saturating_sub(1));
        }
    }

    /// A connection that had a place has ended.
    pub(super) fn left(&self) {
        self.served.set(self.served.get().saturating_sub(1));
        self.left.notify_waiters();
    }

    /// Sends away who has been idle the longest.
    pub(super) fn make_room(&self) {
        let now = Instant::now();
        let idle = |guest: Rc<dyn Guest>| {
            let since = guest.idle_since().filter(|since| *since <= now && !guest.dismissal().told.get())?;
            Some((since, guest))
        };
        let guests = self.guests.borrow();
        let mut idle: Vec<_> = guests.values().filter_map(Weak::upgrade).filter_map(idle).collect();
        if idle.len() > BATCH {
            idle.select_nth_unstable_by_key(BATCH, |(since, _)| *since);
            idle.truncate(BATCH);
        }
        drop(guests);
        idle.iter().for_each(|(_, guest)| guest.dismissal().tell());
    }
}

impl Shop {
    /// Takes one of the places for connections, if one is free. Who leaves gives it back by [`Crowd::left`].
    pub(super) fn take_place(&self) -> bool {
        let (most, served) = (self.settings.caps.total, &self.crowd.served);
        let is_free = most == 0 || served.get() < most || self.draining.get();
        served.set(served.get() + usize::from(is_free));
        is_free
    }

    /// Waits for a place; whoever is idle gives way.
    pub(super) async fn await_place(&self) {
        let waiting = &self.crowd.waiting;
        waiting.set(waiting.get() + 1);
        while !self.take_place() {
            let left = self.crowd.left.notified();
            self.crowd.make_room();
            let _ = timeout(LOOK, left).await;
        }
        waiting.set(waiting.get().saturating_sub(1));
    }

    /// Waits until nobody waits for a place: the next ones stay in the backlog, in their order.
    pub(super) async fn none_waits(&self) {
        while self.crowd.waiting.get() > 0 {
            let _ = timeout(LOOK, self.crowd.left.notified()).await;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.shop.crowd.guests.borrow_mut().remove(&self.number);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut networks = self.shop.crowd.networks.borrow_mut();
        if let Some(count) = networks.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                networks.remove(&network);
            }
        }
    }
}

impl std::fmt::Debug for Crowd {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} guests", self.guests.borrow().len())
    }
}
