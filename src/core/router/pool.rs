//! The pool of links and the only queue: who gets the next idle core, and who waits for one, first come first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::client::{Client, Phase};
use super::failure::Failure;
use super::link::Link;
use super::shop::Shop;

/// Requests that may wait. Beyond, a client is told at once to come back later.
pub(super) const QUEUE: usize = 4096;

/// All links of the router.
#[derive(Debug)]
pub(super) struct Pool {
    crews: RefCell<Vec<Crew>>,
    queue: RefCell<VecDeque<Rc<Seat>>>,
    /// Since when there has been no worker.
    empty_since: Cell<Option<Instant>>,
    /// Wakes the task in [`Pool::watch`].
    watcher: RefCell<Waker>,
    /// Counts uses, so that the most recently used worker can be told.
    uses: Cell<u64>,
}

/// The links of one worker.
#[derive(Debug)]
struct Crew {
    worker: u32,
    pid: u32,
    generation: u32,
    /// Open links, idle or not.
    links: usize,
    /// Idle ones, the most recently used last.
    idle: Vec<Link>,
    used: u64,
}

/// A request's place in the queue.
#[derive(Debug)]
struct Seat {
    link: RefCell<Option<Link>>,
    waker: RefCell<Waker>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            crews: RefCell::default(),
            queue: RefCell::default(),
            empty_since: Cell::new(Some(Instant::now())),
            watcher: RefCell::new(Waker::noop().clone()),
            uses: Cell::new(0),
        }
    }

    /// A worker has opened a link.
    pub(super) fn admit(&self, link: Link) {
        let hello = link.hello;
        {
            let mut crews = self.crews.borrow_mut();
            match crews.iter_mut().find(|crew| crew.worker == hello.worker && crew.pid == hello.pid) {
                Some(crew) => crew.links += 1,
                None => crews.push(Crew {
                    worker: hello.worker,
                    pid: hello.pid,
                    generation: hello.generation,
                    links: 1,
                    idle: Vec::new(),
                    used: 0,
                }),
            }
        }
        self.empty_since.set(None);
        self.put(link);
    }

    /// Since when there has been no worker at all.
    pub(super) fn empty_since(&self) -> Option<Instant> {
        self.empty_since.get()
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Notices workers that leave while their links are idle. Never ends.
    pub(super) async fn watch(&self) {
        poll_fn(|context| {
            self.watcher.borrow_mut().clone_from(context.waker());
            self.sweep(context);
            Poll::<()>::Pending
        })
        .await;
    }

    fn sweep(&self, context: &mut Context<'_>) {
        let mut gone = Vec::new();
        for crew in self.crews.borrow_mut().iter_mut() {
            gone.extend(crew.idle.extract_if(.., |link| !link.is_idle(context)));
        }
        gone.iter().for_each(|link| self.lost(link));
    }

    /// A link is idle: the first in the queue gets it, or else it rests.
    fn put(&self, link: Link) {
        let next = self.queue.borrow_mut().pop_front();
        if let Some(seat) = next {
            *seat.link.borrow_mut() = Some(link);
            seat.waker.borrow().wake_by_ref();
            return;
        }
        let watcher = self.watcher.borrow().clone();
        if !link.is_idle(&mut Context::from_waker(&watcher)) {
            return self.lost(&link);
        }
        let mut crews = self.crews.borrow_mut();
        let hello = &link.hello;
        if let Some(crew) = crews.iter_mut().find(|crew| crew.worker == hello.worker && crew.pid == hello.pid) {
            crew.idle.push(link);
        }
    }

    /// The idle link to use next: of the newest generation, of the worker with the most idle cores, of the one used last
    /// (its caches are warm).
    fn take(&self) -> Option<Link> {
        loop {
            let link = {
                let mut crews = self.crews.borrow_mut();
                let idle = crews.iter_mut().filter(|crew| !crew.idle.is_empty());
                let crew = idle.max_by_key(|crew| (crew.generation, crew.idle.len(), crew.used))?;
                self.uses.set(self.uses.get() + 1);
                crew.used = self.uses.get();
                crew.idle.pop()?
            };
            if link.is_idle(&mut Context::from_waker(Waker::noop())) {
                return Some(link);
            }
            self.lost(&link);
        }
    }

    /// A link has ended.
    fn lost(&self, link: &Link) {
        let mut crews = self.crews.borrow_mut();
        let hello = &link.hello;
        if let Some(crew) = crews.iter_mut().find(|crew| crew.worker == hello.worker && crew.pid == hello.pid) {
            crew.links = crew.links.saturating_sub(1);
        }
        crews.retain(|crew| crew.links > 0);
        if crews.is_empty() && self.empty_since.get().is_none() {
            self.empty_since.set(Some(Instant::now()));
            // Those who wait now wait for a worker to be born, which has a deadline of its own.
            self.queue.borrow().iter().for_each(|seat| seat.waker.borrow().wake_by_ref());
        }
    }
}

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
        if let Some(link) = shop.pool.take() {
            return Ok(Self { link: Some(link), shop: Rc::clone(shop) });
        }
        if shop.pool.waiting() >= QUEUE {
            return Err(Failure::server(503, "the queue is full"));
        }
        client.enter(Phase::Queue);
        let seat = Rc::new(Seat { link: RefCell::new(None), waker: RefCell::new(Waker::noop().clone()) });
        shop.pool.queue.borrow_mut().push_back(Rc::clone(&seat));
        let place = Place { seat, shop };
        poll_fn(|context| {
            if let Some(link) = place.seat.link.borrow_mut().take() {
                return Poll::Ready(Ok(Self { link: Some(link), shop: Rc::clone(shop) }));
            }
            if client.take_expired() {
                return Poll::Ready(Err(match shop.pool.empty_since() {
                    Some(_) => Failure::server(503, "no worker is alive"),
                    None => Failure::server(504, "no core became idle in time"),
                }));
            }
            place.seat.waker.borrow_mut().clone_from(context.waker());
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

/// Leaves the queue when dropped, and passes on a link that came too late.
struct Place<'a> {
    seat: Rc<Seat>,
    shop: &'a Shop,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shop.pool.queue.borrow_mut().retain(|seat| !Rc::ptr_eq(seat, &self.seat));
        if let Some(link) = self.seat.link.borrow_mut().take() {
            self.shop.pool.put(link);
        }
    }
}
