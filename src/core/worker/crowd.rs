//! How many clients a worker's own HTTP sockets have, in all and from one network, and who gives way to the next.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rsgi_config::{Config, Protocol};
use rsgi_proto::http1::response::canned;

use super::connection::{Connection, Phase, Speaks};
use super::core::Core;
use crate::logging::episode::{Episode, Summary};
use crate::memory::meters::Count;
use crate::neighbours;

/// Idle clients that are sent away at once, so that not each newcomer makes us look through all of them.
const BATCH: usize = 32;

/// The clients of a worker; a limit of 0 is none.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    most_per_ip: usize,
    clients: AtomicUsize,
    networks: Mutex<HashMap<IpAddr, usize>>,
    /// Listeners are waiting for somebody to leave.
    is_awaited: AtomicBool,
    refused: Episode,
}

/// How a connection is counted.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counted {
    is_client: bool,
    network: Option<IpAddr>,
}

impl Crowd {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            most: config.limits.max_connections,
            most_per_ip: config.limits.max_connections_per_ip,
            clients: AtomicUsize::new(0),
            networks: Mutex::default(),
            is_awaited: AtomicBool::new(false),
            refused: Episode::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.most > 0 && self.clients.load(Acquire) >= self.most
    }

    fn enter(&self) -> Counted {
        self.clients.fetch_add(1, AcqRel);
        Counted { is_client: true, network: None }
    }

    /// Counts a client's address; `false`: there are as many of its network as there may be.
    fn admit(&self, counted: &mut Counted, address: &str) -> bool {
        let address = (self.most_per_ip > 0 && counted.is_client && counted.network.is_none()).then_some(address);
        let Some(network) = address.and_then(|address| address.parse().ok()).map(neighbours::network) else {
            return true;
        };
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = networks.entry(network).or_default();
        if *count >= self.most_per_ip {
            return false;
        }
        *count += 1;
        counted.network = Some(network);
        true
    }

    /// A connection has gone. `true`: somebody waits for that.
    pub(super) fn leave(&self, counted: Counted) -> bool {
        if !counted.is_client {
            return false;
        }
        self.clients.fetch_sub(1, AcqRel);
        if let Some(network) = counted.network {
            let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = networks.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    networks.remove(&network);
                }
            }
        }
        self.is_awaited.load(Relaxed) && self.is_awaited.swap(false, AcqRel)
    }

    /// Somebody waits for a connection to go.
    pub(super) fn await_leave(&self) {
        self.is_awaited.store(true, Relaxed);
    }

    /// What is to be told of refusals when they are over; `None` when they are not, or were told.
    pub(super) fn refusals(&self) -> Option<Summary> {
        self.refused.end()
    }

    /// Connections are being refused.
    pub(super) fn refuses(&self) -> bool {
        self.refused.is_on()
    }
}

impl Core<'_> {
    /// Whether one more connection may be taken from a listener; if not, it is looked at again when somebody leaves.
    pub(super) fn has_room(&mut self, index: usize) -> bool {
        let Some(entrance) = self.engine.listeners.get(index) else { return false };
        if !is_for_clients(entrance.protocol) || !self.engine.crowd.is_full() {
            return true;
        }
        // Nobody gives way to nobody.
        let mut waiting = [PollFd::new(entrance.socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::ZERO) == Ok(0) {
            return false;
        }
        let is_made = self.make_room();
        if !is_made {
            self.engine.await_room(index);
        }
        is_made
    }

    /// Closes the connections that have been idle the longest. `false`: none is idle.
    pub(super) fn make_room(&mut self) -> bool {
        let mut idle: Vec<_> = self.engine.table.slots().filter(|slot| slot.is_idle()).collect();
        idle.sort_unstable_by_key(|slot| slot.deadline());
        let mut closed = 0;
        for connection in idle.into_iter().filter_map(|slot| slot.acquire_if(|_| slot.is_idle())) {
            if !connection.is_idle() {
                // Its client has asked for something just now.
                self.drive(connection);
                continue;
            }
            self.engine.close(connection);
            closed += 1;
            if closed == BATCH {
                break;
            }
        }
        closed > 0
    }

    /// Counts a new connection of a listener.
    pub(super) fn enter(&self, connection: &mut Connection, protocol: Protocol) {
        if is_for_clients(protocol) {
            connection.counted = self.engine.crowd.enter();
        }
    }

    /// Whether the client, now that it is known, may have one more connection. If not it has been told.
    pub(super) fn admit(&mut self, connection: &mut Connection) -> bool {
        let crowd = &self.engine.crowd;
        if matches!(connection.phase, Phase::Proxy) || crowd.admit(&mut connection.counted, &connection.remote_addr) {
            return true;
        }
        self.meter.count(Count::Refused);
        if crowd.refused.count() {
            let name = connection.peer_name();
            tracing::warn!("client {name}: connections are refused: its network has max-connections-per-ip of them");
            self.engine.arm_timer();
        }
        if matches!(connection.phase, Phase::Head) {
            connection.wire().send_now(canned(429));
        }
        false
    }
}

/// Whether whoever connects is a client, and not a server that stands before us.
const fn is_for_clients(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Http | Protocol::Http11 | Protocol::Https)
}

impl Connection {
    /// It is kept, and waits for nothing but the client's next request.
    pub(super) fn is_idle(&self) -> bool {
        matches!((&self.speaks, &self.phase), (Speaks::Http, Phase::Head)) && self.served > 0 && self.input.is_empty()
    }
}
