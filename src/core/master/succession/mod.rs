//! Another program in place of this one, while the instance goes on: what is left from master to master, and what a new
//! generation runs.
//!
//! * [`take_up`]: a reload finds another program where this one was started from.
//! * `rsgi upgrade` becomes another program by exec, in the same process: [`rehearsal`] asks it first, [`leave`] writes the
//!   [`document`], [`resume`] is where the next program goes on.

mod document;
mod leave;
pub mod rehearsal;
mod resume;
mod take_up;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::errand::Errand;
use super::fleet::{Event, Generation, Obstacle};
use super::signals::Signals;
use super::{Master, command};
use crate::control_socket::protocol::Reply;
use crate::emperor::lord::Lord;
use crate::exit::Exit;
use crate::logging;
use crate::logging::collector;
use crate::program::{Identity, Program};
use rehearsal::Rehearsed;
pub use resume::{claim, succeed};
use take_up::Unfit;

/// Time that a fleet in which a process is just being born has to come to rest.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time in which a signal that came before signals were blocked is sure to be heard.
const ECHO: Duration = Duration::from_millis(5);

/// What a task of ours has found out.
#[derive(Debug)]
pub(super) enum News {
    /// The program of an upgrade has answered.
    Rehearsed(u64, Child, Result<Rehearsed, String>),
    /// The fleet did not come to rest for this upgrade.
    Late(u64),
    /// The program that a generation might run has answered: whether it may.
    Asked(Generation, Program, Child, Result<(), Unfit>),
}

/// Process id of a child that was asked something.
type Child = u32;

/// What is on its way.
#[derive(Debug)]
pub(super) struct Succession {
    sender: UnboundedSender<News>,
    /// Children that were asked something and have not ended.
    children: BTreeSet<Child>,
    /// Number of the latest upgrade.
    number: u64,
    attempt: Option<Attempt>,
    /// What is known of the program on disk.
    known: Option<(Identity, Result<(), Unfit>)>,
}

/// An upgrade on its way.
#[derive(Debug)]
struct Attempt {
    program: PathBuf,
    reply: Reply,
    connection: Option<OwnedFd>,
    /// Set when only a moment of rest is waited for.
    rehearsed: Option<Rehearsed>,
}

impl Succession {
    pub(super) fn new(sender: UnboundedSender<News>) -> Self {
        Self { sender, children: BTreeSet::new(), number: 0, attempt: None, known: None }
    }

    /// A child has ended: was it one of those that were asked?
    pub(super) fn ended(&mut self, pid: u32) -> bool {
        self.children.remove(&pid)
    }

    /// Whether only a moment of rest is waited for.
    pub(super) fn is_due(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.rehearsed.is_some())
    }

    /// Ends a child whose answer is not waited for any more, with all that it has started in its group, if it has not ended.
    fn dismiss(&self, child: Child) {
        if self.children.contains(&child) {
            command::signal(child, nix::libc::SIGKILL);
        }
    }

    /// The upgrade has come to nothing.
    fn refuse(&mut self, why: &str) {
        if let Some(attempt) = self.attempt.take() {
            warn!("no upgrade to {}: {why}", attempt.program.display());
            attempt.reply.refuse(format!("no upgrade: {why}; nothing has changed"));
        }
    }
}

impl Master {
    /// Asks another program whether it could take over, and lets it do so then.
    pub(super) fn upgrade(&mut self, program: PathBuf, uid: u32, reply: Reply, connection: Option<OwnedFd>) {
        if self.succession.attempt.is_some() {
            return reply.refuse("an upgrade is under way");
        }
        info!("an upgrade to {}, as user {uid} asked", program.display());
        self.succession.attempt = Some(Attempt { program, reply, connection, rehearsed: None });
        if let Err(why) = self.rehearse(uid) {
            self.succession.refuse(&why);
        }
    }

    fn rehearse(&mut self, uid: u32) -> Result<(), String> {
        let Some(attempt) = &self.succession.attempt else { return Ok(()) };
        let program = rehearsal::check(attempt.program.clone())?;
        if self.started.config.process.chroot.is_some() && uid != 0 {
            // The application, inside, is the same user as the master, outside.
            return Err("with chroot only root may ask for it".into());
        }
        if let Err(Obstacle::Lasting(why)) = self.fleet.legacy(Instant::now()) {
            return Err(why.into());
        }
        let outline = self.fleet.outline();
        let document =
            leave::Notary::Numbers.document(self, &outline, None, None).map_err(|error| error.to_string())?;
        let (pid, answer) = rehearsal::start(&program, self.started.sources.args(), &document)
            .map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
        self.succession.children.insert(pid);
        self.succession.number += 1;
        let (number, sender) = (self.succession.number, self.succession.sender.clone());
        spawn_local(async move {
            let _ = sender.send(News::Rehearsed(number, pid, rehearsal::answer(answer).await));
        });
        Ok(())
    }

    /// Takes note of what a task has found out.
    pub(super) fn learn(&mut self, news: News) {
        match news {
            News::Rehearsed(number, child, answer) => {
                self.succession.dismiss(child);
                match (answer, &mut self.succession.attempt) {
                    (Ok(rehearsed), Some(attempt)) => attempt.rehearsed = Some(rehearsed),
                    (Err(why), _) => return self.succession.refuse(&why),
                    (Ok(_), None) => return,
                }
                let sender = self.succession.sender.clone();
                spawn_local(async move {
                    sleep(PATIENCE).await;
                    let _ = sender.send(News::Late(number));
                });
            }
            News::Late(number) if number == self.succession.number => {
                self.succession.refuse("processes are being born all the time; try again");
            }
            News::Late(_) => {}
            News::Asked(number, program, child, answer) => {
                self.succession.dismiss(child);
                self.asked_program(number, program, answer);
            }
        }
    }

    /// Becomes the other program, if this is a moment for that. Returns only when nothing came of it.
    pub(super) async fn hand_over(
        &mut self,
        signals: &mut Signals,
        events: &mut UnboundedReceiver<Event>,
        lord: &Lord,
    ) -> Option<Exit> {
        match self.fleet.legacy(Instant::now()) {
            Ok(_) => {}
            Err(Obstacle::Passing(_)) => return None,
            Err(Obstacle::Lasting(why)) => {
                self.succession.refuse(why);
                return None;
            }
        }
        // The next program looks at the files as they are then.
        for (path, errand) in self.touches.look() {
            info!("*** {} has been touched... ***", path.display());
            // A reload comes anyway.
            if !matches!(errand, Errand::Reload | Errand::RollingReload) {
                self.run_errand(errand);
            }
        }
        let suspended = match collector::suspend() {
            Ok(suspended) => suspended,
            Err(error) => {
                self.succession.refuse(&error.to_string());
                return None;
            }
        };
        // From here on signals wait, for us or for the next program. Those that were caught before are heard by us.
        let blocked = SigSet::all().thread_block();
        let mut exit = None;
        while let Ok(heard) = timeout(ECHO, signals.next()).await {
            exit = exit.or(self.hear(heard, events));
        }
        exit = exit.or_else(|| self.settle(events));
        let failed = match (&exit, blocked) {
            (Some(_), _) => "the instance is stopping".to_owned(),
            (None, Err(errno)) => errno.to_string(),
            (None, Ok(())) => self.become_other(suspended.as_ref(), lord),
        };
        match suspended.map(|suspended| collector::resume(&self.started.config, suspended)) {
            Some(Ok(lost)) => resume::complain(&lost),
            Some(Err(error)) => warn!("the log is not collected any more: {}", logging::chain(&error)),
            None => {}
        }
        let _ = rsgi_sys::signal::unblock_all();
        self.succession.refuse(&failed);
        exit
    }
}
