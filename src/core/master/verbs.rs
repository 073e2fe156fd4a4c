//! What is asked over the control socket, and what the master does about it.
//!
//! Each arm of [`Master::answer`] gets the way back ([`Reply`]) and answers it now, from a task of its own, or keeps it in the
//! master and answers when what was asked has come to its end.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use serde_json::json;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Master;
use super::errand::Errand;
use super::fleet::{Event, Mood, Who};
use super::reloads::Verdict;
use super::sockets::Sockets;
use crate::control_socket::protocol::{Reply, Request};
use crate::control_socket::server::{Asked, Server};
use crate::health::Probe;
use crate::memory::scoreboard::WorkerSlot;

/// The control sockets that are open.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// The one that the process id names.
    by_pid: Option<Server>,
    /// The one of the option `control`.
    by_file: Option<(Arc<OwnedFd>, Server)>,
}

impl Doors {
    /// The one that the process id names.
    pub(super) const fn by_pid(&self) -> Option<&Server> {
        self.by_pid.as_ref()
    }

    /// Takes over the one that the process id names.
    pub(super) fn adopt(&mut self, server: Server) {
        self.by_pid = Some(server);
    }
}

/// Time that a worker has to write its stacks.
const PATIENCE: Duration = Duration::from_secs(2);

impl Master {
    /// Listens for what operators ask, where the serving generation wants it.
    pub(super) fn open_control(&mut self) {
        if self.started.config.stats.no_control {
            self.control = Doors::default();
            self.close_old_doors();
            return;
        }
        if self.control.by_pid.is_none() {
            let server = Server::here(self.asked.clone());
            let no = |error: &std::io::Error| warn!("rsgi top and its kin cannot reach this instance: {error}");
            self.control.by_pid = server.inspect_err(no).ok();
        }
        self.close_old_doors();
        let bound = self.generations.get(&self.serving).and_then(|generation| generation.sockets.control.as_ref());
        let opened = self.control.by_file.as_ref().map(|(socket, _)| socket);
        if bound.zip(opened).is_some_and(|(bound, opened)| Arc::ptr_eq(&bound.fd, opened)) {
            return;
        }
        self.control.by_file = bound.and_then(|bound| {
            let listener = bound.fd.try_clone().map(Into::into);
            let server = listener.and_then(|listener| Server::on(listener, self.asked.clone()));
            let server = server.inspect_err(|error| warn!("control: {bound} cannot be served: {error}")).ok()?;
            info!("control socket {bound}");
            Some((Arc::clone(&bound.fd), server))
        });
    }

    /// Closes the sockets of generations that do not serve any more, but may keep their others for the routers: who
    /// connected would wait for ever.
    fn close_old_doors(&mut self) {
        let old = self.generations.iter_mut().filter(|(number, _)| **number != self.serving);
        let mut closed = Sockets::default();
        for control in old.filter_map(|(_, generation)| generation.sockets.control.take()).collect::<Vec<_>>() {
            closed.control = Some(control);
            self.close(&closed);
        }
    }

    /// Does what is asked, and answers.
    pub(super) fn answer(&mut self, Asked { request, uid, reply, connection }: Asked) {
        match request {
            Request::Ping => reply.done(json!({ "pid": std::process::id() })),
            Request::Status => self.tell_status(reply),
            Request::Look { lines, watch } => self.look(lines, watch, reply),
            Request::Drain { worker } => self.drain(worker, uid, reply),
            Request::Traceback { worker } => self.write_traceback(worker, uid, reply),
            Request::Reload { wait, rolling } => self.reload(wait, rolling, uid, reply),
            Request::Upgrade { program } => self.upgrade(program, uid, reply, connection),
        }
    }

    fn tell_status(&self, reply: Reply) {
        let config = &self.started.config;
        let files = config.files.iter().map(|file| config.start_dir.join(file));
        reply.done(json!({
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "mood": self.mood(),
            "status": self.fleet.status(),
            "ready": Probe::Ready.answer(self.state()).text.trim_end(),
            "generation": self.serving,
            "since": self.started.since,
            "cwd": config.start_dir.to_string_lossy(),
            "files": files.map(|file| file.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        }));
    }

    pub(super) const fn mood(&self) -> &'static str {
        match self.fleet.mood() {
            Mood::Starting => "starting",
            Mood::Serving => "serving",
            Mood::Reloading => "reloading",
            Mood::Stopping => "stopping",
        }
    }

    fn drain(&mut self, number: u32, uid: u32, reply: Reply) {
        let found = self.worker(number).and_then(|(pid, _)| {
            let who = self.servers.iter().find(|(who, server)| matches!(who, Who::Worker(_)) && server.pid == pid);
            Some((pid, *who?.0))
        });
        let Some((pid, who)) = found else { return reply.refuse(absent(number)) };
        info!("worker {number} (pid: {pid}) is drained, as user {uid} asked");
        self.queue.push_back(Event::Relieve(who));
        reply.done(json!({ "worker": number, "pid": pid }));
    }

    fn reload(&mut self, wait: bool, rolling: bool, uid: u32, reply: Reply) {
        if self.fleet.mood() == Mood::Stopping {
            return reply.refuse("the instance is stopping");
        }
        if self.started.config.process.exit_on_reload {
            return reply.refuse("exit-on-reload is set: a reload would end the instance");
        }
        let generation = self.fleet.attempt();
        info!("a reload, as user {uid} asked");
        self.run_errand(if rolling { Errand::RollingReload } else { Errand::Reload });
        if !wait {
            return reply.done(json!({ "generation": generation }));
        }
        let verdict = self.reloads.wait(generation);
        spawn_local(async move {
            match verdict.await {
                Ok(Verdict::Serves(generation)) => reply.done(json!({ "generation": generation })),
                Ok(Verdict::Failed { reason, log }) => reply.failed(&reason, json!({ "log": log })),
                Err(_) => reply.refuse("the instance stopped before the reload had ended"),
            }
        });
    }

    fn write_traceback(&self, number: u32, uid: u32, reply: Reply) {
        let Some((pid, slot)) = self.worker(number) else { return reply.refuse(absent(number)) };
        let count = move || slot.stacks().map_or(0, |count| count.load(Acquire));
        let before = count();
        if before == 0 {
            return reply.refuse(format!(
                "worker {number} cannot write its stacks: it is just starting, or its application handles the signal for that itself"
            ));
        }
        info!("*** stacks of worker {number} (pid: {pid}), as user {uid} asked ***");
        if let Err(errno) = rsgi_sys::thread::signal(pid, u64::from(pid), rsgi_sys::signal::stacks()) {
            return reply.refuse(format!("worker {number} cannot be asked for its stacks: {errno}"));
        }
        spawn_local(async move {
            let written = async {
                while count() == before {
                    sleep(Duration::from_millis(2)).await;
                }
            };
            match timeout(PATIENCE, written).await {
                Ok(()) => reply.done(json!({ "worker": number, "pid": pid })),
                Err(_) => reply.refuse(format!("worker {number} did not write its stacks within {PATIENCE:?}")),
            }
        });
    }

    /// Process id and block of a worker of the serving generation.
    fn worker(&self, number: u32) -> Option<(u32, WorkerSlot)> {
        let slot = self.generations.get(&self.serving)?.view.worker(number)?;
        let pid = u32::try_from(slot.pid()).ok().filter(|&pid| pid != 0)?;
        Some((pid, slot))
    }
}

fn absent(number: u32) -> String {
    format!("there is no worker {number} now")
}
