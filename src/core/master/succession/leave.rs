//! The master's last act: it writes down what the next program needs, and becomes it.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use tracing::info;

use super::document::{Document, FORMAT, Kin, Left, Log, Member, Routers, Socket};
use super::rehearsal;
use super::resume::VARIABLE;
use crate::emperor::lord::Lord;
use crate::logging::collector::Suspended;
use crate::master::Master;
use crate::master::fleet::{Heir, Legacy, Obstacle, Who};
use crate::master::generation::Generation;
use crate::master::sockets::Bound;
use crate::program::FINGERPRINT;

/// What happens to descriptors that are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notary {
    /// Nothing: only their numbers are of interest.
    Numbers,
    /// They outlive the exec.
    Leave,
    /// They do not, after all.
    Revoke,
}

impl Notary {
    fn note(self, fd: impl AsFd) -> io::Result<RawFd> {
        if self != Self::Numbers {
            rsgi_sys::inherit::bequeath(&fd, self == Self::Leave)?;
        }
        Ok(fd.as_fd().as_raw_fd())
    }

    /// Writes down everything. Without `log` and `lord` it is for a rehearsal.
    pub(super) fn document(
        self,
        master: &Master,
        legacy: &Legacy,
        log: Option<&Suspended>,
        lord: Option<&Lord>,
    ) -> io::Result<Document> {
        let serving = master.generations.get(&legacy.serving).ok_or(io::ErrorKind::NotFound)?;
        if let Some(socket) = lord.and_then(Lord::socket) {
            // The environment tells its number.
            self.note(socket)?;
        }
        let rendezvous = serving.routers.rendezvous.iter().map(|rendezvous| {
            let router = rendezvous.router.borrow();
            Ok((router.as_ref().map(|fd| self.note(fd)).transpose()?, self.note(&rendezvous.workers)?))
        });
        let mailboxes =
            serving.mailboxes.ends().map(|(of, sender, reader)| Ok((of, self.note(sender)?, self.note(reader)?)));
        let attempt = master.succession.attempt.as_ref();
        let rehearsed = attempt.and_then(|attempt| attempt.rehearsed.as_ref());
        let is_opaque = legacy.is_opaque;
        let generations = [legacy.serving, serving.routers.since];
        let generations = master.generations.values().filter(|one| generations.contains(&one.number));
        Ok(Document {
            format: FORMAT,
            fingerprint: if is_opaque { String::new() } else { FINGERPRINT.into() },
            version: env!("CARGO_PKG_VERSION").into(),
            cwd: master.started.sources.cwd().to_owned(),
            since: master.started.since,
            serving: legacy.serving,
            latest: legacy.latest,
            serial: legacy.serial,
            manned: legacy.manned.clone(),
            members: legacy.heirs.iter().map(|heir| self.member(master, heir)).collect::<io::Result<_>>()?,
            generations: generations.map(|one| self.generation(one, is_opaque)).collect::<io::Result<_>>()?,
            routers: Routers { since: serving.routers.since, rendezvous: rendezvous.collect::<io::Result<_>>()? },
            mailboxes: mailboxes.collect::<io::Result<_>>()?,
            pid_files: master.started.pid_files().to_vec(),
            log: log.map(|log| self.log(log)).transpose()?,
            fifo: master
                .fifo
                .as_ref()
                .map(|fifo| Ok::<_, io::Error>((fifo.path().to_owned(), self.note(fifo.pipe())?)))
                .transpose()?,
            control: master.control.by_pid().map(|server| self.note(server.listener())).transpose()?,
            asker: attempt.and_then(|attempt| attempt.connection.as_ref()).map(|fd| self.note(fd)).transpose()?,
            daemons: master.daemons.heirs(),
            crons: (master.crons.minute(), master.crons.runs()),
            is_paused: master.is_paused,
            full_queues: master.full_queues,
            reloads: master.reloads.counts(),
            rights: rehearsal::rights(),
            rehearsed: rehearsed
                .filter(|next| is_opaque || next.fingerprint != FINGERPRINT)
                .map(|next| next.config.clone()),
        })
    }

    fn member(self, master: &Master, heir: &Heir) -> io::Result<Member> {
        let Heir { who, generation, number, pid, age } = *heir;
        let gone = || io::Error::other(format!("process {pid} is just leaving"));
        let (stream, zygote) = match who {
            Who::Zygote(serial) => {
                let channel = master.zygotes.get(&serial).and_then(|zygote| zygote.channel.as_ref());
                (self.note(channel.ok_or_else(gone)?.get_ref())?, None)
            }
            _ => {
                let server = master.servers.get(&who).ok_or_else(gone)?;
                (self.note(&*server.control)?, server.zygote)
            }
        };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Ok(Member { who, generation, number, pid, age, zygote, stream })
    }

    fn generation(self, one: &Generation, is_opaque: bool) -> io::Result<Left> {
        let sockets = |all: &[Bound]| all.iter().map(|bound| self.socket(bound)).collect::<io::Result<Vec<_>>>();
        let kin = if is_opaque {
            Value::Null
        } else {
            serde_json::to_value(Kin {
                config: one.config.clone(),
                board: self.note(&one.board.fd)?,
                mules: self.note(&one.mules.fd)?,
                spoolers: self.note(&one.spoolers.fd)?,
                signals: self.note(&one.signals.fd)?,
            })?
        };
        Ok(Left {
            number: one.number,
            shared: sockets(&one.sockets.shared)?,
            workers: sockets(&one.sockets.workers)?,
            router: sockets(&one.sockets.router)?,
            stats: one.sockets.stats.as_ref().map(|bound| self.socket(bound)).transpose()?,
            metrics: one.sockets.metrics.as_ref().map(|bound| self.socket(bound)).transpose()?,
            control: one.sockets.control.as_ref().map(|bound| self.socket(bound)).transpose()?,
            program: one.program.identity(),
            materials: serde_json::to_value(&one.materials)?,
            kin,
        })
    }

    fn socket(self, bound: &Bound) -> io::Result<Socket> {
        let (address, name, file) = (bound.address.to_string(), bound.name.clone(), bound.file.clone());
        Ok(Socket { address, name, fd: self.note(&*bound.fd)?, file })
    }

    fn log(self, log: &Suspended) -> io::Result<Log> {
        let requests = log.requests.as_ref();
        let requests = requests.map(|(writer, reader)| Ok::<_, io::Error>((self.note(writer)?, self.note(reader)?)));
        Ok(Log {
            original: self.note(&log.original)?,
            server: self.note(&log.server)?,
            requests: requests.transpose()?,
            places: log
                .places
                .iter()
                .map(|(name, fd)| Ok((name.clone(), self.note(fd)?)))
                .collect::<io::Result<_>>()?,
        })
    }
}

impl Master {
    /// Becomes the other program. Returns why it did not.
    pub(super) fn become_other(&self, log: Option<&Suspended>, lord: &Lord) -> String {
        let legacy = match self.fleet.legacy(Instant::now()) {
            Ok(legacy) => legacy,
            Err(Obstacle::Lasting(why) | Obstacle::Passing(why)) => return why.into(),
        };
        let Some(attempt) = &self.succession.attempt else { return String::new() };
        let version = attempt.rehearsed.as_ref().map_or("", |rehearsed| rehearsed.version.as_str());
        info!("*** the master becomes {} (rsgi {version}) ***", attempt.program.display());
        let document = Notary::Leave.document(self, &legacy, log, Some(lord));
        let Err(error) = document.and_then(|document| self.exec(&attempt.program, &document));
        let _ = Notary::Revoke.document(self, &legacy, log, Some(lord));
        format!("{} cannot be run: {error}", attempt.program.display())
    }

    fn exec(&self, program: &Path, document: &Document) -> io::Result<Infallible> {
        let memory = document.write()?;
        let number = Notary::Leave.note(&memory)?;
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(io::Error::other);
        let program = text(program.as_os_str())?;
        let arguments = self.started.sources.args().iter().map(|argument| text(argument));
        let arguments = std::iter::once(Ok(program.clone())).chain(arguments).collect::<io::Result<Vec<_>>>()?;
        let environment = self.started.sources.env().iter().map(|(name, value)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).map_err(io::Error::other)
        });
        let ours = CString::new(format!("{VARIABLE}={number}")).map_err(io::Error::other);
        let environment = environment.chain(std::iter::once(ours)).collect::<io::Result<Vec<_>>>()?;
        Ok(nix::unistd::execve(&program, &arguments, &environment)?)
    }
}
