//! The pool of links and the only queue: who gets the next idle core, and who waits for one, first come first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::link::Link;

/// Requests that may wait. Beyond, a client is told at once to come back later.
const QUEUE: usize = 4096;

/// All links of the router.
#[derive(Debug)]
pub(super) struct Pool {
    crews: RefCell<Vec<Crew>>,
    queue: RefCell<VecDeque<Rc<Seat>>>,
    /// Since when there has been no worker.
    empty_since: Cell<Option<Instant>>,
    /// Wakes the task in [`Pool::watch`].
    watcher: RefCell<Waker>,
    /// The master wants to know whether so many wait; `None`: it does not.
    long: Cell<Option<usize>>,
    is_long: Cell<bool>,
    /// Told when that changes.
    pub(super) turned: Notify,
    /// Nobody gets a link: the instance pauses.
    held: Cell<bool>,
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
}

impl Seat {
    fn new() -> Rc<Self> {
        Rc::new(Self { link: RefCell::new(None), waker: RefCell::new(Waker::noop().clone()) })
    }

    /// The link, when one has come; or else `waker` is woken when one does, or when the last worker has gone.
    pub(super) fn take(&self, waker: &Waker) -> Option<Link> {
        self.waker.borrow_mut().clone_from(waker);
        self.link.borrow_mut().take()
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            crews: RefCell::default(),
            queue: RefCell::default(),
            empty_since: Cell::new(Some(Instant::now())),
            watcher: RefCell::new(Waker::noop().clone()),
            long: Cell::new(None),
            is_long: Cell::new(false),
            turned: Notify::new(),
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
        let Some(long) = self.long.get() else { return };
        let is_long = self.queue.borrow().len() >= long;
        if self.is_long.replace(is_long) != is_long {
            self.turned.notify_one();
        }
    }

    /// Joins the end of the queue; `None` when it is full. Who leaves says so by [`Self::quit`].
    pub(super) fn join(&self) -> Option<Rc<Seat>> {
        let has_room = self.queue.borrow().len() < QUEUE;
        has_room.then(|| {
            let seat = Seat::new();
            self.queue.borrow_mut().push_back(Rc::clone(&seat));
            self.measure();
            seat
        })
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
        let next = if self.held.get() { None } else { self.queue.borrow_mut().pop_front() };
        if let Some(seat) = next {
            self.measure();
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
            let _seats: Vec<_> = (0..QUEUE).map(|_| shop.pool.join().unwrap()).collect();
            let failure = Lease::get(&shop, &client(&shop)).await.unwrap_err();
            assert_eq!((failure.status, &*failure.reason), (503, "the queue is full"));
        });
    }
}
