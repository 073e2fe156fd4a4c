//! What the streams of one HTTP/2 connection have in common: how many there are, and how well the client behaves.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::super::client::Client;
use super::super::connection::gives_up;
use super::super::crowd::{Dismissal, FRESH, Guest};
use super::super::taking::Taking;
use super::STREAMS;
use super::ahead::Ahead;

/// Requests that a client may take back before they are answered, beyond those it waits for. Each costs a worker's time
/// and the client nothing (CVE-2023-44487).
const TAKEN_BACK: u32 = 100;

/// Requests that a connection may have at work before it has taken any answer. Each one taken makes room for one more, up to
/// [`STREAMS`]: who opens no window gets no further.
const UNTRUSTED: usize = 32;

/// The connection.
#[derive(Debug)]
pub(super) struct Session {
    streams: Cell<usize>,
    /// Since when there are none.
    idle: Cell<Instant>,
    fresh: Cell<bool>,
    taken_back: Cell<u32>,
    /// The request that hyper is about to make a task for.
    next: RefCell<Option<Rc<Stream>>>,
    /// Room for requests at work, and how much of it there is in all.
    places: Arc<Semaphore>,
    granted: Cell<usize>,
    /// Bytes of answers that the client has not taken.
    held: Cell<usize>,
    /// Bytes of answers that hyper has and the socket does not; when there last were fewer.
    owed: Cell<u64>,
    paid: Cell<Option<Instant>>,
    /// How the client takes what the socket has.
    taking: Cell<Taking>,
    dismissal: Dismissal,
}

/// What a task needs to know of its stream.
#[derive(Debug)]
pub(super) struct Stream {
    client: Rc<Client>,
    pub(super) ahead: RefCell<Option<Ahead>>,
}

/// A request of the session; dropped early, it was taken back.
#[derive(Debug)]
pub(super) struct Asked(Option<Rc<Session>>);

/// Runs streams as tasks, each with a clock.
#[derive(Clone, Debug)]
pub(super) struct Streams(pub(super) Rc<Session>);

impl Session {
    pub(super) fn new() -> Self {
        Self {
            streams: Cell::new(0),
            idle: Cell::new(Instant::now()),
            fresh: Cell::new(true),
            taken_back: Cell::new(0),
            next: RefCell::new(None),
            places: Arc::new(Semaphore::new(UNTRUSTED)),
            granted: Cell::new(UNTRUSTED),
            held: Cell::new(0),
            owed: Cell::new(0),
            paid: Cell::new(None),
            taking: Cell::default(),
            dismissal: Dismissal::default(),
        }
    }

    /// A request has come.
    pub(super) fn ask(self: &Rc<Self>, client: &Rc<Client>) -> (Asked, Rc<Stream>) {
        self.fresh.set(false);
        let stream = Rc::new(Stream { client: Rc::clone(client), ahead: RefCell::new(None) });
        *self.next.borrow_mut() = Some(Rc::clone(&stream));
        (Asked(Some(Rc::clone(self))), stream)
    }

    /// Where requests of the connection find room.
    pub(super) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.places)
    }

    /// Bytes of answers that the client has not taken.
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    pub(super) fn hold(&self, bytes: usize) {
        self.held.set(self.held() + bytes);
    }

    pub(super) fn let_go(&self, bytes: usize) {
        self.held.set(self.held().saturating_sub(bytes));
    }

    /// Hyper has so much more of an answer.
    pub(super) fn owe(&self, bytes: u64) {
        self.owed.set(self.owed.get().saturating_add(bytes));
    }

    /// So much of answers has gone to the socket.
    pub(super) fn pay(&self, bytes: u64) {
        self.forget(bytes);
        self.paid.set(Some(Instant::now()));
    }

    /// So much will not go there any more.
    pub(super) fn forget(&self, bytes: u64) {
        self.owed.set(self.owed.get().saturating_sub(bytes));
    }

    /// Changes what is known of how the client takes what it is sent.
    pub(super) fn takes(&self, change: impl FnOnce(&mut Taking)) {
        let mut taking = self.taking.get();
        change(&mut taking);
        self.taking.set(taking);
    }

    /// When the connection is over if nothing more happens: `patience` after its last request. A stream ends when hyper has all of
    /// its answer; while that is on its way, the client has `timeout` to take some of it.
    pub(super) fn deadline(&self, patience: Duration, timeout: Duration) -> Instant {
        let Some(idle) = self.idle() else { return Instant::now() + patience };
        if let Some(blocked) = self.taking.get().blocked() {
            return blocked.max(idle) + timeout;
        }
        self.paid.get().map_or(idle, |paid| paid.max(idle))
            + if self.owed.get() > 0 { timeout.max(patience) } else { patience }
    }

    /// An answer has been taken: the connection may have one request more at work.
    pub(super) fn trust(&self) {
        if self.granted.get() < STREAMS as usize {
            self.granted.set(self.granted.get() + 1);
            self.places.add_permits(1);
        }
    }

    /// Since when there is nothing to do; `None` while there is.
    pub(super) fn idle(&self) -> Option<Instant> {
        (self.streams.get() == 0).then(|| self.idle.get())
    }

    /// There was no request yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh.get()
    }

    /// The client takes back more than it lets us answer.
    pub(super) fn is_abused(&self) -> bool {
        self.taken_back.get() > TAKEN_BACK
    }

    fn begin(&self) {
        self.streams.set(self.streams.get() + 1);
    }

    fn end(&self) {
        self.streams.set(self.streams.get().saturating_sub(1));
        self.idle.set(Instant::now());
    }
}

impl Guest for Session {
    fn idle_since(&self) -> Option<Instant> {
        // Answers may be on their way when their streams have ended.
        let idle = self.idle().filter(|_| self.taking.get().blocked().is_none())?;
        Some(if self.is_fresh() { idle + FRESH } else { self.paid.get().map_or(idle, |paid| paid.max(idle)) })
    }

    fn dismissal(&self) -> &Dismissal {
        &self.dismissal
    }
}

impl Asked {
    /// It has its answer.
    pub(super) fn answered(mut self) {
        if let Some(session) = self.0.take() {
            session.taken_back.set(session.taken_back.get().saturating_sub(1));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.taken_back.set(session.taken_back.get().saturating_add(1));
        }
    }
}

/// Hyper asks for a task right after it has called the service, so the stream of the call is that of the task.
impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, future: F) {
        let stream = self.0.next.borrow_mut().take();
        let session = Rc::clone(&self.0);
        session.begin();
        tokio::task::spawn_local(async move {
            match stream {
                Some(stream) => timed(&stream, future).await,
                None => future.await,
            }
            session.end();
        });
    }
}

/// Runs a stream and ends it when it takes too long; dropped, it is reset.
async fn timed(stream: &Stream, future: impl Future<Output = ()>) {
    let client = &*stream.client;
    let mut future = pin!(future);
    let mut timer = pin!(sleep_until(client.deadline()));
    poll_fn(|context| {
        loop {
            if let Some(ahead) = &*stream.ahead.borrow() {
                ahead.turn();
            }
            if future.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if let Some(ahead) = &*stream.ahead.borrow() {
                ahead.fill(context);
            }
            let deadline = client.deadline();
            if deadline <= Instant::now() {
                if gives_up(client) {
                    return Poll::Ready(());
                }
                continue;
            }
            if deadline < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
}
