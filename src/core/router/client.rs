//! What is known of one client connection, shared by those who serve it: the gate, the request's service, the clock.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use rsgi_proto::http1::Reject;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::crowd::{Dismissal, FRESH, Guest};
use super::exchange::Exchange;
use super::failure::Failure;
use super::handshake::Entrance;
use super::shop::{PARTING, Shop};
use super::taking::Taking;
use super::ticket::{self, Ticket};
use crate::memory::codes;
use crate::memory::meters::Door;
use crate::rate::Rate;
use crate::tls::Peer;

/// How long a connection that ends in an error is listened to, so that the client can read why; and how long one that is not kept
/// may take to end.
const LINGER: Duration = Duration::from_secs(2);
/// How long a connection may stay silent that was accepted just before draining began.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What a connection waits for, which decides how long it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first request, of which nothing has come yet.
    Fresh,
    /// Another request, of which nothing has come yet.
    Idle,
    /// The rest of a request's head.
    Head,
    /// The body of a request that no worker has yet.
    Body,
    /// An idle core.
    Queue,
    /// The worker, or the client's next piece of body.
    Answer,
    /// Nothing but the client's end.
    Linger,
}

/// One client connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) shop: Rc<Shop>,
    /// REMOTE_ADDR; empty for a unix socket.
    pub(super) address: String,
    /// REMOTE_PORT.
    pub(super) port: Option<String>,
    /// SERVER_PORT.
    pub(super) server_port: Rc<str>,
    /// Who is at the far end of TLS; `None` without.
    pub(super) secure: Option<Rc<Peer>>,
    /// Which of the encrypted sites it was let in to; `None` without.
    pub(super) entrance: Option<Rc<Entrance>>,
    /// Every request is sent on to https. The text is the port of the encrypted address, for those who name ours.
    pub(super) to_https: Option<Rc<str>>,
    /// The request that hyper is about to announce.
    pub(super) ticket: RefCell<Option<Result<Ticket, Reject>>>,
    /// The visit that goes on when the connection has switched to another protocol.
    pub(super) tunnel: RefCell<Option<Exchange>>,
    /// The request at hand always passes the queue (`queue-exempt`).
    exempt: Cell<bool>,
    /// The request at hand is HEAD.
    asks_for_head: Cell<bool>,
    /// From a request's head to the end of its answer.
    busy: Cell<bool>,
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// How fast it sends the head or the body at hand.
    coming: Cell<Rate>,
    /// How fast it takes the answer.
    taking: Cell<Taking>,
    /// Its time was over because it sends too slowly.
    slow: Cell<bool>,
    /// The phase's time is over; whoever is in charge takes note.
    expired: Cell<bool>,
    /// When the request must be over, and what it asks for (`http-harakiri`).
    limit: RefCell<Option<(Instant, String)>>,
    /// Hyper has the head of an answer.
    answering: Cell<bool>,
    /// When the request began, and its status as far as it has one; `None`: it does not count.
    counted: Cell<Option<(Instant, u16)>>,
    /// The answer broke off in a way that only a reset can tell.
    pub(super) reset: Cell<bool>,
    /// Whether it has to give way to others.
    dismissal: Dismissal,
    /// Wakes the gate when the next request may pass.
    held: RefCell<Option<Waker>>,
    /// Room for those requests of the connection that are at work side by side; `None`: there is one at a time.
    places: Option<Arc<Semaphore>>,
}

impl Client {
    pub(super) fn new(shop: Rc<Shop>, address: String, port: Option<String>, server_port: Rc<str>) -> Self {
        Self {
            shop,
            address,
            port,
            server_port,
            secure: None,
            entrance: None,
            to_https: None,
            ticket: RefCell::new(None),
            tunnel: RefCell::new(None),
            exempt: Cell::new(false),
            asks_for_head: Cell::new(false),
            busy: Cell::new(false),
            phase: Cell::new(Phase::Fresh),
            since: Cell::new(Instant::now()),
            coming: Cell::default(),
            taking: Cell::default(),
            slow: Cell::new(false),
            expired: Cell::new(false),
            limit: RefCell::new(None),
            answering: Cell::new(false),
            counted: Cell::new(None),
            reset: Cell::new(false),
            dismissal: Dismissal::default(),
            held: RefCell::new(None),
            places: None,
        }
    }

    /// The same client, for one of several requests that go side by side, as far as there are places.
    pub(super) fn stream(&self, places: Arc<Semaphore>) -> Self {
        let (address, port) = (self.address.clone(), self.port.clone());
        let stream = Self::new(Rc::clone(&self.shop), address, port, Rc::clone(&self.server_port));
        Self { secure: self.secure.clone(), entrance: self.entrance.clone(), places: Some(places), ..stream }
    }

    /// Waits until the request may ask for a core.
    ///
    /// # Errors
    /// 503 when other requests of the connection have left no room in time.
    pub(super) async fn place(&self) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let Some(places) = &self.places else { return Ok(None) };
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(Some(place));
        }
        self.enter(Phase::Queue);
        let mut place = pin!(Arc::clone(places).acquire_owned());
        poll_fn(|context| match place.as_mut().poll(context) {
            // They are never taken away.
            Poll::Ready(place) => Poll::Ready(Ok(place.ok())),
            Poll::Pending if self.take_expired() => {
                Poll::Ready(Err(Failure::client(503, "the client takes too few of the answers it has asked for")))
            }
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// A new phase begins.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        if phase == Phase::Head {
            self.coming.set(Rate::default());
        }
        self.touch();
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// When the phase began, or something last moved in it.
    pub(super) fn since(&self) -> Instant {
        self.since.get()
    }

    /// Something moved: the phase's time starts anew.
    pub(super) fn touch(&self) {
        self.since.set(Instant::now());
        self.expired.set(false);
    }

    /// Nothing goes on before the client has sent more.
    pub(super) fn awaits(&self) {
        let mut coming = self.coming.get();
        if !coming.is_waiting() {
            coming.wait(Instant::now().into_std());
            self.coming.set(coming);
        }
    }

    /// The client has sent so much.
    pub(super) fn receives(&self, bytes: u64) {
        let mut coming = self.coming.get();
        coming.moved(bytes);
        if coming.is_waiting() {
            coming.rest(Instant::now().into_std());
        }
        self.coming.set(coming);
    }

    /// What the client has sent is more than can be used at the moment: it is not waited for.
    pub(super) fn lets_wait(&self) {
        self.receives(0);
    }

    /// Changes what is known of how the client takes its answer.
    pub(super) fn takes(&self, change: impl FnOnce(&mut Taking)) {
        let mut taking = self.taking.get();
        change(&mut taking);
        self.taking.set(taking);
    }

    /// The client has room for no more of its answer.
    pub(super) fn is_blocked(&self) -> bool {
        self.taking.get().blocked().is_some()
    }

    /// It has taken less of its answer than `min-rate` asks.
    pub(super) fn takes_too_slowly(&self) -> bool {
        let due = self.taking.get().due(self.shop.settings.least);
        due.is_some_and(|due| due <= Instant::now())
    }

    /// Why a request ends whose client does not send its head in time.
    pub(super) fn unsent_head(&self) -> Reject {
        let slow = self.slow.take();
        Reject::new(
            408,
            if slow { "the request head came slower than min-rate" } else { "the request head took too long" },
        )
    }

    /// Why a request ends whose client does not send its body in time.
    pub(super) fn unsent(&self) -> Failure {
        let slow = self.slow.take();
        Failure::client(
            408,
            if slow { "the request body came slower than min-rate" } else { "the request body took too long" },
        )
    }

    /// A request begins.
    pub(super) fn begin(&self, ticket: Result<Ticket, Reject>) {
        let harakiri = self.shop.settings.harakiri;
        *self.limit.borrow_mut() = harakiri
            .zip(ticket.as_ref().ok())
            .map(|(span, ticket)| (Instant::now() + span, ticket::request_line(&ticket.frame)));
        self.coming.set(Rate::default());
        self.takes(Taking::begin);
        self.exempt.set(ticket.as_ref().is_ok_and(|ticket| ticket.is_exempt));
        self.asks_for_head.set(ticket.as_ref().is_ok_and(|ticket| ticket.head.method.is_head()));
        *self.ticket.borrow_mut() = Some(ticket);
        self.busy.set(true);
        self.answering.set(false);
        self.enter(Phase::Body);
        self.counted.set(Some((self.since.get(), codes::CLIENT_LEFT)));
    }

    /// Whether the request at hand always passes the queue.
    pub(super) fn is_exempt(&self) -> bool {
        self.exempt.get()
    }

    /// The request at hand is HEAD, known from elsewhere: its head may be refused.
    pub(super) fn ask_for_head(&self) {
        self.asks_for_head.set(true);
    }

    /// Whether the request at hand is HEAD.
    pub(super) fn asks_for_head(&self) -> bool {
        self.asks_for_head.get()
    }

    /// Whether what limits the wait in the queue is `queue-timeout`.
    pub(super) fn has_queue_timeout(&self) -> bool {
        let settings = &self.shop.settings;
        !self.is_exempt() && settings.queue.time.is_some_and(|time| time <= settings.timeout)
    }

    /// Hyper has the head of the request's answer.
    pub(super) fn answer(&self, status: u16) {
        self.answering.set(true);
        self.counted.set(self.counted.get().map(|(began, _)| (began, status)));
    }

    /// The request is none that counts.
    pub(super) fn discount(&self) {
        self.counted.set(None);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.get()
    }

    /// What the request asks for, once it has taken longer than `http-harakiri` allows.
    pub(super) fn take_overtime(&self) -> Option<String> {
        let mut limit = self.limit.borrow_mut();
        limit.take_if(|(due, _)| *due <= Instant::now()).map(|(_, line)| line)
    }

    pub(super) fn is_overtime(&self) -> bool {
        self.limit.borrow().as_ref().is_some_and(|(due, _)| *due <= Instant::now())
    }

    /// The request is over.
    pub(super) fn end(&self) {
        self.busy.set(false);
        *self.limit.borrow_mut() = None;
        self.enter(Phase::Idle);
        if let Some((began, status)) = self.counted.take() {
            let door = if self.secure.is_some() { Door::Https } else { Door::Http };
            let took = self.since.get().saturating_duration_since(began);
            self.shop.settings.meter.request(door, status, crate::harakiri::micros(took));
        }
        if let Some(waker) = self.held.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Wakes `waker` when the request is over.
    pub(super) fn hold(&self, waker: &Waker) {
        *self.held.borrow_mut() = Some(waker.clone());
    }

    /// When the patience with this phase, or with the whole request, ends.
    pub(super) fn deadline(&self) -> Instant {
        let patience = self.patience();
        self.limit.borrow().as_ref().map_or(patience, |(due, _)| patience.min(*due))
    }

    fn patience(&self) -> Instant {
        let settings = &self.shop.settings;
        let taking = self.taking.get();
        if let Some(blocked) = taking.blocked() {
            let silence = blocked + settings.timeout;
            return taking.due(settings.least).map_or(silence, |due| due.min(silence));
        }
        let due = self.coming_due().into_iter().chain(taking.due(settings.least)).min();
        let since = self.since.get();
        let sooner = |end: Instant| due.map_or(end, |due| due.min(end));
        since
            + match self.phase.get() {
                Phase::Fresh if self.shop.draining.get() => LAST_CALL.min(settings.headers_timeout),
                Phase::Fresh => settings.headers_timeout,
                Phase::Head => return sooner(since + settings.headers_timeout),
                Phase::Idle => {
                    // Where no connection is kept, hyper may still have to close this one.
                    let end = since + settings.keepalive.unwrap_or(LINGER);
                    // Who was answered until now gets as long as who was idle.
                    let parting = self.shop.parting.get().map(|parting| parting.max(since + PARTING));
                    return parting.map_or(end, |parting| end.min(parting));
                }
                Phase::Body | Phase::Answer => return sooner(since + settings.timeout),
                Phase::Queue => {
                    let queue = settings.queue.time.filter(|_| !self.is_exempt());
                    let end = since + queue.map_or(settings.timeout, |time| time.min(settings.timeout));
                    let pool = &self.shop.pool;
                    // Workers that rest are called by this very request.
                    let empty =
                        pool.empty_since().map(|empty| if pool.is_resting() { empty.max(since) } else { empty });
                    return empty.map_or(end, |empty| end.min(empty + settings.connect_timeout));
                }
                Phase::Linger => LINGER,
            }
    }

    /// When the client will have sent too little for its time.
    fn coming_due(&self) -> Option<Instant> {
        self.coming.get().due(self.shop.settings.least).map(Instant::from_std)
    }

    /// Tells whoever is in charge that the time is over.
    pub(super) fn expire(&self) {
        self.expired.set(true);
        if self.coming_due().is_some_and(|due| due <= Instant::now()) {
            // Said once: what follows is about the answer.
            self.slow.set(true);
            self.coming.set(Rate::default());
        }
    }

    pub(super) fn is_expired(&self) -> bool {
        self.expired.get()
    }

    /// Whether the time is over; the next phase starts without that.
    pub(super) fn take_expired(&self) -> bool {
        self.expired.take()
    }

    /// The client's address and port, for logs.
    pub(super) fn name(&self) -> String {
        match &self.port {
            Some(port) => format!("{}:{port}", self.address),
            None => "unix".into(),
        }
    }
}

impl Guest for Client {
    fn idle_since(&self) -> Option<Instant> {
        match self.phase.get() {
            Phase::Fresh => Some(self.since.get() + FRESH),
            // The answer is not out yet.
            Phase::Idle if self.is_blocked() => None,
            Phase::Idle => Some(self.since.get()),
            _ => None,
        }
    }

    fn dismissal(&self) -> &Dismissal {
        &self.dismissal
    }
}
