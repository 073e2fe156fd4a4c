//! `cheap`, `idle` and the letter `C`: an instance without workers, which come when somebody asks.
//!
//! Nobody accepts meanwhile. Connections to the workers' sockets wait in the kernel, where the master sees them come; requests to
//! a router wait in its queue, of which it tells ([`crate::control::Order::Rest`]).

use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::Master;
use super::fleet::{Event, Mood, Scale};

/// Who knocks at the sockets of the workers.
#[derive(Debug, Default)]
pub(super) struct Doors {
    watches: Vec<JoinHandle<()>>,
    /// Told when somebody knocks.
    pub(super) knock: Rc<Notify>,
}

impl Doors {
    /// Waits at these sockets until a connection comes.
    fn watch(&mut self, sockets: impl Iterator<Item = std::io::Result<OwnedFd>>) {
        self.leave();
        for socket in sockets {
            match socket.and_then(rsgi_sys::reactor::register) {
                Ok(socket) => self.watches.push(tokio::task::spawn_local(wait(socket, Rc::clone(&self.knock)))),
                Err(error) => {
                    warn!("a socket cannot be watched, so the workers come at once: {error}");
                    self.knock.notify_one();
                }
            }
        }
    }

    fn leave(&mut self) {
        self.watches.drain(..).for_each(|watch| watch.abort());
    }
}

async fn wait(socket: AsyncFd<OwnedFd>, knock: Rc<Notify>) {
    if socket.readable().await.is_ok() {
        knock.notify_one();
    }
}

impl Master {
    /// Whether there are workers that could leave until somebody asks.
    pub(super) fn may_rest(&self) -> bool {
        let serves = matches!(self.fleet.mood(), Mood::Serving | Mood::Reloading);
        serves && !self.is_resting && !self.fleet.seats().is_empty()
    }

    /// Lets all workers leave until somebody asks, if they can.
    pub(super) fn rest(&mut self) {
        if self.may_rest() {
            self.queue.push_back(Event::Scale(Scale::Rest));
            self.begin_to_rest();
        }
    }

    /// A generation serves: with workers, or without any so far.
    pub(super) fn rest_or_not(&mut self) {
        if self.fleet.seats().is_empty() && self.started.config.workers.processes > 0 {
            self.begin_to_rest();
        } else if std::mem::take(&mut self.is_resting) {
            self.doors.leave();
        }
    }

    fn begin_to_rest(&mut self) {
        self.is_resting = true;
        info!("cheap mode enabled: waiting for socket connection...");
        self.look_out();
        self.question_routers();
    }

    /// Waits at the doors, which may not be those of the last generation.
    pub(super) fn look_out(&mut self) {
        if !self.is_resting {
            return;
        }
        if let Some(generation) = self.generations.get(&self.serving) {
            self.doors.watch(generation.sockets.workers.iter().map(|bound| bound.fd.try_clone()));
        }
        self.answer_the_door();
    }

    /// Somebody may be waiting in a router.
    pub(super) fn answer_the_door(&mut self) {
        if self.is_resting && self.routed().waiting > 0 {
            self.wake();
        }
    }

    /// Somebody asks, or an operator says so: the workers come. In a pause they are left in peace.
    pub(super) fn wake(&mut self) {
        if !self.is_resting || self.is_paused {
            return;
        }
        let config = &self.started.config;
        let count = config.cheaper.first(config.workers.processes);
        info!("new connection available: leaving cheap mode...");
        self.is_resting = false;
        self.doors.leave();
        self.idleness.begin();
        self.queue.push_back(Event::Scale(Scale::Grow(count)));
    }
}
