//! The pool of links and the only queue: who gets the next idle core, and who waits for one, first come first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::link::Link;
use super::pace::Pace;
use crate::control::Queue;
use crate::memory::meters::{self as gauges, Gauge};

/// How many requests may wait, and how long. Beyond, a client is told at once to come back later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Requests.
    pub(super) length: usize,
    /// Time, with `queue-timeout`.
    pub(super) time: Option<Duration>,
}

/// Why nobody may join the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowded {
    /// Too many are in it.
    Full,
    /// It moves too slowly: the wait would be this long.
    Slow(Duration),
}

/// All links of the router.
#[derive(Debug)]
pub(super) struct Pool {
    crews: RefCell<Vec<Crew>>,
    queue: RefCell<VecDeque<Rc<Seat>>>,
    bounds: Bounds,
    pace: Cell<Pace>,
    /// Since when there has been no worker.
    empty_since: Cell<Option<Instant>>,
    /// Wakes the task in [`Pool::watch`].
    watcher: RefCell<Waker>,
    /// The master wants to know whether so many wait; `None`: it does not.
    long: Cell<Option<usize>>,
    is_long: Cell<bool>,
    /// Told when that changes.
    pub(super) turned: Notify,
    /// The master wants to know how many wait.
    is_told: Cell<bool>,
    is_filled: Cell<bool>,
    /// Told when the queue begins to fill, if the master wants to know.
    pub(super) filled: Notify,
    /// The workers have left because nobody asked, and come back when somebody does.
    is_resting: Cell<bool>,
    /// Nobody gets a link: the instance pauses.
    held: Cell<bool>,
    /// Where the queue's length and age are told.
    seat: gauges::Seat,
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
pub(super) struct Seat {
    link: RefCell<Option<Link>>,
    waker: RefCell<Waker>,
    /// Since when it is taken, microseconds of the monotonic clock.
    since: u64,
}

impl Seat {
    fn new() -> Rc<Self> {
        let (link, waker) = (RefCell::new(None), RefCell::new(Waker::noop().clone()));
        Rc::new(Self { link, waker, since: crate::harakiri::now() })
    }

    /// How long it has been taken, microseconds.
    pub(super) fn age(&self) -> u64 {
        crate::harakiri::now().saturating_sub(self.since)
    }

    /// The link, when one has come; or else `waker` is woken when one does, or when the last worker has gone.
    pub(super) fn take(&self, waker: &Waker) -> Option<Link> {
        self.waker.borrow_mut().clone_from(waker);
        self.link.borrow_mut().take()
    }
}

impl Pool {
    pub(super) fn new(bounds: Bounds, seat: gauges::Seat) -> Self {
        Self {
            seat,
            crews: RefCell::default(),
            queue: RefCell::default(),
            bounds,
            pace: Cell::default(),
            empty_since: Cell::new(Some(Instant::now())),
            watcher: RefCell::new(Waker::noop().clone()),
            long: Cell::new(None),
            is_long: Cell::new(false),
            turned: Notify::new(),
            is_told: Cell::new(false),
            is_filled: Cell::new(false),
            filled: Notify::new(),
            is_resting: Cell::new(false),
            held: Cell::new(false),
            uses: Cell::new(0),
        }
    }

    /// Lets everybody wait, or go on in the order of the queue.
    pub(super) fn hold(&self, held: bool) {
        self.held.set(held);
        while !self.held.get() && !self.queue.borrow().is_empty() {
            let Some(link) = self.take() else { return };
            self.put(link);
        }
    }

    /// Whether nobody gets a link.
    pub(super) fn is_held(&self) -> bool {
        self.held.get()
    }

    /// A worker has opened a link.
    pub(super) fn admit(&self, link: Link) {
        let hello = link.hello;
        {
            let mut crews = self.crews.borrow_mut();
            match crews.iter_mut().find(|crew| crew.worker == hello.worker && crew.pid == hello.pid) {
                Some(crew) => crew.links += 1,
                None => {
                    self.is_resting.set(false);
                    crews.push(Crew {
                        worker: hello.worker,
                        pid: hello.pid,
                        generation: hello.generation,
                        links: 1,
                        idle: Vec::new(),
                        used: 0,
                    });
                }
            }
        }
        self.empty_since.set(None);
        self.put(link);
    }

    /// Since when there has been no worker at all.
    pub(super) fn empty_since(&self) -> Option<Instant> {
        self.empty_since.get()
    }

    /// The workers leave, and are to come back for whoever asks next.
    pub(super) fn rest(&self) {
        self.is_resting.set(true);
        self.is_filled.set(false);
        self.tell();
    }

    /// Whether a worker comes as soon as somebody asks.
    pub(super) fn is_resting(&self) -> bool {
        self.is_resting.get()
    }

    /// From now on [`Self::filled`] tells when requests begin to wait.
    pub(super) fn tell(&self) {
        self.is_told.set(true);
        self.measure();
    }

    /// Whether the master wants to know how many wait.
    pub(super) fn is_told(&self) -> bool {
        self.is_told.get()
    }

    /// How many wait, and for how long.
    pub(super) fn queue(&self) -> Queue {
        let queue = self.queue.borrow();
        let age = queue.front().map_or(0, |seat| seat.age() / 1000);
        Queue { waiting: u32::try_from(queue.len()).unwrap_or(u32::MAX), age: u32::try_from(age).unwrap_or(u32::MAX) }
    }

    /// From now on [`Self::turned`] tells when `long` requests begin to wait, and when they do no longer.
    pub(super) fn observe(&self, long: usize) {
        self.long.set(Some(long));
    }

    /// Whether so many wait.
    pub(super) fn is_long(&self) -> bool {
        self.is_long.get()
    }

    /// The queue has another length.
    fn measure(&self) {
        let (length, since) = {
            let queue = self.queue.borrow();
            (queue.len(), queue.front().map_or(0, |first| first.since))
        };
        self.seat.set(Gauge::Queue, length as u64);
        self.seat.set(Gauge::QueueSince, since);
        let is_long = self.long.get().is_some_and(|long| length >= long);
        if self.is_long.replace(is_long) != is_long {
            self.turned.notify_one();
        }
        let is_filled = self.is_told.get() && length > 0;
        if self.is_filled.replace(is_filled) != is_filled && is_filled {
            self.filled.notify_one();
        }
    }

    /// Joins the end of the queue. Who leaves says so by [`Self::quit`].
    pub(super) fn join(&self) -> Result<Rc<Seat>, Crowded> {
        let length = self.queue.borrow().len();
        if length >= self.bounds.length {
            return Err(Crowded::Full);
        }
        if let Some(most) = self.bounds.time
            && let Some(wait) = self.pace.get().wait(length + 1, self.links(), Instant::now())
            && wait > most
        {
            return Err(Crowded::Slow(wait));
        }
        Ok(self.sit(VecDeque::push_back))
    }

    /// Joins the queue in front of all others, however long it is.
    pub(super) fn jump(&self) -> Rc<Seat> {
        self.sit(VecDeque::push_front)
    }

    fn sit(&self, push: impl FnOnce(&mut VecDeque<Rc<Seat>>, Rc<Seat>)) -> Rc<Seat> {
        let seat = Seat::new();
        let mut queue = self.queue.borrow_mut();
        if self.bounds.time.is_some() && queue.is_empty() {
            self.change_pace(|pace| pace.begin(Instant::now()));
        }
        push(&mut queue, Rc::clone(&seat));
        drop(queue);
        self.measure();
        seat
    }

    fn change_pace(&self, change: impl FnOnce(&mut Pace)) {
        let mut pace = self.pace.get();
        change(&mut pace);
        self.pace.set(pace);
    }

    /// Open links, idle or not: as many as there are cores.
    fn links(&self) -> usize {
        self.crews.borrow().iter().map(|crew| crew.links).sum()
    }

    /// Leaves the queue. A link that came too late is passed on.
    pub(super) fn quit(&self, seat: &Rc<Seat>) {
        self.queue.borrow_mut().retain(|other| !Rc::ptr_eq(other, seat));
        self.measure();
        let late = seat.link.borrow_mut().take();
        if let Some(link) = late {
            self.put(link);
        }
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
    pub(super) fn put(&self, mut link: Link) {
        // What has said its farewell with the answer takes nothing more, however many wait.
        let watcher = self.watcher.borrow().clone();
        if !link.is_idle(&mut Context::from_waker(&watcher)) {
            return self.lost(&link);
        }
        let next = if self.held.get() { None } else { self.queue.borrow_mut().pop_front() };
        if let Some(seat) = next {
            self.measure();
            if self.bounds.time.is_some() {
                let is_empty = self.queue.borrow().is_empty();
                self.change_pace(|pace| if is_empty { pace.end() } else { pace.moved(Instant::now()) });
            }
            *seat.link.borrow_mut() = Some(link);
            seat.waker.borrow().wake_by_ref();
            return;
        }
        let mut crews = self.crews.borrow_mut();
        let hello = &link.hello;
        if let Some(crew) = crews.iter_mut().find(|crew| crew.worker == hello.worker && crew.pid == hello.pid) {
            crew.idle.push(link);
        }
    }

    /// The idle link to use next: of the newest generation, of the worker with the most idle cores, of the one used last
    /// (its caches are warm).
    pub(super) fn take(&self) -> Option<Link> {
        if self.held.get() {
            return None;
        }
        loop {
            let mut link = {
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
    pub(super) fn lost(&self, link: &Link) {
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use rsgi_config::Config;
    use rsgi_proto::link::Hello;
    use tokio::runtime::{Builder, LocalOptions};

    use super::super::client::Client;
    use super::super::lease::Lease;
    use super::super::shop::{Settings, Shop};
    use super::*;

    /// Runs `test` as a router runs its tasks.
    fn run(test: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(test);
    }

    fn shop() -> Rc<Shop> {
        Rc::new(Shop::new(Settings::new(&Config::default())))
    }

    fn client(shop: &Rc<Shop>) -> Client {
        Client::new(Rc::clone(shop), String::new(), None, "80".into())
    }

    /// Opens a link; returns its far end.
    fn admit(shop: &Shop, worker: u32, core: u32, generation: u32) -> UnixStream {
        let (near, far) = UnixStream::pair().unwrap();
        let hello = Hello { worker, core, pid: 1000 * generation + worker, generation };
        shop.pool.admit(Link::new(near.into(), hello).unwrap());
        far
    }

    fn name(lease: &Lease) -> (u32, u32) {
        (lease.hello.worker, lease.hello.core)
    }

    #[test]
    fn the_newest_generation_goes_first_then_the_least_busy_worker_then_the_warmest() {
        run(async {
            let (shop, client) = (shop(), client(&shop()));
            let _links: Vec<_> = [(1, 0, 0), (1, 1, 0), (1, 2, 0), (2, 0, 1), (2, 1, 1), (3, 0, 1)]
                .map(|(worker, core, generation)| admit(&shop, worker, core, generation))
                .into();
            let first = Lease::get(&shop, &client).await.unwrap();
            assert_eq!(name(&first).0, 2, "two idle cores of the newest generation");
            let second = Lease::get(&shop, &client).await.unwrap();
            assert_eq!(name(&second).0, 2, "one idle core each: the one used last");
            let third = Lease::get(&shop, &client).await.unwrap();
            assert_eq!(name(&third).0, 3);
            let fourth = Lease::get(&shop, &client).await.unwrap();
            assert_eq!(name(&fourth).0, 1, "the old generation serves when the new one is busy");
            let warm = name(&second);
            second.give_back();
            assert_eq!(name(&Lease::get(&shop, &client).await.unwrap()), warm);
        });
    }

    #[test]
    fn links_that_ended_while_idle_are_not_handed_out() {
        run(async {
            let (shop, client) = (shop(), client(&shop()));
            let (dead, mut speaking) = (admit(&shop, 1, 0, 0), admit(&shop, 1, 1, 0));
            let _alive = admit(&shop, 2, 0, 0);
            drop(dead);
            speaking.write_all(b"!").unwrap();
            tokio::task::yield_now().await;
            let lease = Lease::get(&shop, &client).await.unwrap();
            assert_eq!(name(&lease), (2, 0));
            assert_eq!(shop.pool.crews.borrow().len(), 1);
        });
    }

    #[test]
    fn the_pool_notices_its_last_worker_leave() {
        run(async {
            let shop = shop();
            assert!(shop.pool.empty_since().is_some());
            let far = admit(&shop, 1, 0, 0);
            assert!(shop.pool.empty_since().is_none());
            drop(far);
            let watched = Rc::clone(&shop);
            tokio::task::spawn_local(async move { watched.pool.watch().await });
            while shop.pool.empty_since().is_none() {
                tokio::task::yield_now().await;
            }
            assert!(shop.pool.crews.borrow().is_empty());
        });
    }

    #[test]
    fn who_waits_for_workers_that_rest_has_the_whole_time_for_it() {
        run(async {
            let shop = shop();
            let client = client(&shop);
            client.enter(super::super::client::Phase::Queue);
            let by_absence = client.deadline();
            shop.pool.rest();
            assert!(client.deadline() > by_absence && shop.pool.is_resting() && shop.pool.is_told());
            let _far = admit(&shop, 1, 0, 0);
            assert!(!shop.pool.is_resting());
        });
    }

    #[test]
    fn who_leaves_the_queue_passes_its_link_on() {
        run(async {
            let shop = shop();
            let mut waiting = Vec::new();
            for _ in 0..2 {
                let shop = Rc::clone(&shop);
                waiting
                    .push(tokio::task::spawn_local(async move { Lease::get(&shop, &client(&shop)).await.map(|_| ()) }));
                tokio::task::yield_now().await;
            }
            assert_eq!(shop.pool.queue.borrow().len(), 2);
            // The first is handed the link and gone before it could take it.
            let _far = admit(&shop, 1, 0, 0);
            waiting[0].abort();
            assert!(waiting.remove(0).await.is_err());
            waiting.remove(0).await.unwrap().unwrap();
            assert_eq!(shop.pool.queue.borrow().len(), 0);
        });
    }

    #[test]
    fn a_full_queue_turns_away() {
        run(async {
            let shop = shop();
            let _seats: Vec<_> = (0..shop.pool.bounds.length).map(|_| shop.pool.join().unwrap()).collect();
            let failure = Lease::get(&shop, &client(&shop)).await.unwrap_err();
            assert_eq!((failure.status, &*failure.reason), (503, "the queue is full"));
            let urgent = shop.pool.jump();
            let _far = admit(&shop, 1, 0, 0);
            assert!(urgent.take(Waker::noop()).is_some(), "whoever always passes is in front of all others");
        });
    }

    #[test]
    fn a_queue_that_would_take_too_long_turns_away() {
        run(async {
            let mut config = Config::default();
            config.router.queue_timeout = Some(rsgi_config::Seconds(1));
            let shop = Rc::new(Shop::new(Settings::new(&config)));
            tokio::time::pause();
            let _waiting: Vec<_> = (0..3).map(|_| shop.pool.join().unwrap()).collect();
            tokio::time::advance(Duration::from_millis(600)).await;
            let _far = admit(&shop, 1, 0, 0);
            // One in 600 ms: the third would wait 1.8 s.
            assert_eq!(shop.pool.join().map(drop), Err(Crowded::Slow(Duration::from_millis(1800))));
            let failure = Lease::get(&shop, &client(&shop)).await.unwrap_err();
            assert_eq!((failure.status, failure.retry_after), (503, Some(2)));
        });
    }
}
