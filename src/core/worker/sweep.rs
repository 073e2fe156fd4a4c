//! What happens outside of requests: expired connections, orders of the master, signals, and leaving.

use nix::sys::signal::Signal;
use rsgi_proto::http1::response::canned;

use super::connection::{Connection, Phase};
use super::core::Core;
use super::engine::Hurry;
use super::stay::Stay;
use super::wire::Got;
use crate::control::{Bell, Order, Report};
use crate::exit::Exit;

impl Core<'_> {
    /// Closes what has waited too long, and tries again what could not be done before.
    pub(super) fn sweep(&mut self) {
        self.engine.timer_struck();
        self.engine.resume();
        self.engine.tell_of_accepting();
        self.engine.tell_of_refusals();
        for router in 0..self.engine.routers() {
            for link in self.engine.take_undialled(router) {
                if let Some(link) = self.engine.dial(router, link) {
                    self.drive(link);
                }
            }
        }
        let now = self.engine.now();
        let mut later = false;
        for slot in self.engine.table.slots() {
            let deadline = slot.deadline();
            if deadline == 0 {
                continue;
            }
            match slot.acquire_if(|deadline| deadline != 0 && deadline <= now) {
                Some(connection) => self.expire(connection),
                None => later = true,
            }
        }
        if later {
            self.engine.arm_timer();
        }
    }

    fn expire(&mut self, connection: Box<Connection>) {
        let unfinished = match connection.phase {
            Phase::Head if connection.input.is_empty() => None,
            Phase::Head => Some("the request head did not arrive in time"),
            Phase::Body(_) => Some("the request body did not arrive in time"),
            Phase::Proxy if !connection.input.is_empty() => Some("the PROXY header did not arrive in time"),
            Phase::Proxy => None,
            Phase::Hello(_) | Phase::Handshake => {
                tracing::debug!("client {}: the handshake took too long", connection.peer_name());
                None
            }
            Phase::Linger { .. } => None,
        };
        if let Some(reason) = unfinished {
            tracing::warn!("client {}: {reason} (408)", connection.peer_name());
            connection.wire().send_now(canned(408));
            self.measure_refusal(&connection, 408);
        }
        self.engine.close(connection);
    }

    /// Looks at the sockets without having been woken for them.
    fn accept_unasked(&mut self) {
        for index in 0..self.engine.listeners.len() {
            if !self.engine.is_paused(index) {
                self.accept(index);
            }
        }
    }

    /// Reads the master's orders.
    pub(super) fn obey(&mut self) {
        let mut orders = [0_u8; 16];
        let (got, rung) = self.engine.read_orders(&mut orders);
        match got {
            Got::Bytes(count) => {
                for &byte in orders.get(..count).unwrap_or_default() {
                    match Order::from_byte(byte) {
                        Some(Order::Drain) => self.drain(Exit::WorkerEnd, Hurry::Now),
                        Some(Order::Retire) => self.drain(Exit::WorkerEnd, Hurry::Gently),
                        Some(Order::Quit) => self.quit(),
                        Some(Order::ReopenLog) => crate::logging::reopen_inside(&self.engine.config),
                        Some(Order::Pause) => self.engine.hold(true),
                        Some(Order::Resume) => self.engine.hold(false),
                        Some(Order::Accept) => self.accept_unasked(),
                        Some(Order::Begin | Order::TellQueue | Order::Rest | Order::Overdue) | None => {}
                    }
                }
            }
            Got::Nothing => {}
            Got::End | Got::Gone => {
                // The master is gone: nobody would replace us, and nobody else may be listening.
                self.engine.forget_control();
                self.drain(Exit::WorkerEnd, Hurry::Now);
            }
        }
        for Bell(number) in rung {
            self.plugin.signal(number);
        }
    }

    /// Takes nothing new, lets go of what is idle, and ends the worker when all requests are answered.
    pub(super) fn drain(&mut self, exit: Exit, hurry: Hurry) {
        let _stay = Stay::begin(self.engine);
        if !self.engine.drain(exit, hurry) {
            return;
        }
        self.accept_the_last();
        for slot in self.engine.table.slots() {
            // What is busy elsewhere is seen to by its core. A link says goodbye, the rest is closed when idle.
            if let Some(connection) = slot.acquire_if(|_| true) {
                self.drive(connection);
            }
        }
    }

    /// Leaves at once; requests in progress are lost.
    fn quit(&self) -> ! {
        rsgi_sys::fork::exit_now(self.engine.exit_code())
    }

    /// The master knows whether this worker is meant or the whole instance. Without one, it is this worker's own decision.
    fn ask_to_leave(&mut self) {
        if !self.engine.report(Report::WantsLeave) {
            self.drain(Exit::WorkerEnd, Hurry::Now);
        }
    }

    /// Signals sent to this very process; handlers of the application come first, these are what it left alone.
    pub(super) fn heed_signals(&mut self) {
        let mut numbers = [0_u8; 16];
        let count = nix::unistd::read(self.engine.signals(), &mut numbers).unwrap_or(0);
        for &number in numbers.get(..count).unwrap_or_default() {
            match Signal::try_from(i32::from(number)) {
                Ok(Signal::SIGHUP) => self.drain(Exit::Reload, Hurry::Now),
                Ok(Signal::SIGTERM | Signal::SIGINT) => self.ask_to_leave(),
                Ok(Signal::SIGQUIT) => self.quit(),
                Ok(Signal::SIGUSR2) => self.engine.describe(),
                _ => {}
            }
        }
    }
}
