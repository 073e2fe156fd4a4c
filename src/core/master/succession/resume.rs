//! The next program's first act: it takes over what was left, and reloads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rsgi_config::Config;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::task::spawn_local;
use tracing::{info, warn};

use super::document::{Document, Estate, Kin, Left, Member, Socket};
use crate::aside::mailbox::Mailboxes;
use crate::control::Queue;
use crate::control_socket::protocol::refusal;
use crate::control_socket::server;
use crate::ending::Ending;
use crate::exit::Exit;
use crate::logging::collector::{self, CollectorError, Suspended};
use crate::logging::{self, memo};
use crate::master::bells::Table;
use crate::master::board::Board;
use crate::master::daemons::Daemons;
use crate::master::fifo::Fifo;
use crate::master::fleet::{Event, Fleet, Heir, Legacy, Who};
use crate::master::generation::{Generation, Rendezvous, Routers};
use crate::master::meters;
use crate::master::minute::Now;
use crate::master::reloads::{Reloads, Verdict};
use crate::master::signals::Signals;
use crate::master::sockets::{Bound, Sockets};
use crate::master::{Desk, Master, Server, Zygote, live, run_to_end, spawn};
use crate::program::Program;
use crate::role::{Titled, title};
use crate::startup::{Sources, Started, adopt_passed_sockets};
use crate::zygote::message;

/// Names the descriptor of the document to the next program.
pub(super) const VARIABLE: &str = "RSGI_SUCCESSION";

/// Number of the descriptor of a document that was left to this process. The first act of `main`.
#[must_use]
pub fn claim() -> Option<RawFd> {
    rsgi_sys::inherit::take_variable(VARIABLE)?.to_str()?.parse().ok()
}

/// Takes over the instance whose document lies at descriptor `number`, and runs it until it ends. Signals are blocked until
/// they can be heard.
#[must_use]
pub fn succeed(number: RawFd) -> Exit {
    let prepared = Estate::own(number).map_err(|error| error.to_string()).and_then(Document::read);
    match prepared.and_then(|document| Ok((configs(&document)?, document))) {
        Ok((configs, document)) => run_to_end(go_on(document, configs)),
        Err(why) => {
            tracing::error!("the instance cannot be taken over: {why}");
            Exit::Config
        }
    }
}

/// The configurations of the generations that are left: their own when they can be understood, else the one of our rehearsal.
fn configs(document: &Document) -> Result<BTreeMap<u32, (Config, Option<Kin>)>, String> {
    let mut configs = BTreeMap::new();
    for left in &document.generations {
        let found = if document.is_kin() {
            let kin: Kin = serde_json::from_value(left.kin.clone()).map_err(|error| error.to_string())?;
            (kin.config.clone(), Some(kin))
        } else {
            let rehearsed = document.rehearsed.clone().unwrap_or(Value::Null);
            let mut config = serde_json::from_value(rehearsed).map_err(|error| error.to_string())?;
            adopt_passed_sockets(&mut config);
            (config, None)
        };
        configs.insert(left.number, found);
    }
    Ok(configs)
}

async fn go_on(document: Document, mut configs: BTreeMap<u32, (Config, Option<Kin>)>) -> io::Result<Exit> {
    let lost = || io::Error::other("the serving generation is not among what was left");
    let config = configs.get(&document.serving).map(|(config, _)| config.clone()).ok_or_else(lost)?;
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let sources = Sources::of(args, document.cwd.clone());
    if let Some(title) = title(&config.process, Titled::Master) {
        rsgi_sys::title::set(&title);
    }
    take_log(&document, &config)?;
    logging::dress(&config.log);
    let (is_kin, count, version) = (document.is_kin(), document.members.len(), env!("CARGO_PKG_VERSION"));
    info!("*** rsgi {version} in place of rsgi {}: {count} processes go on ***", document.version);
    if !is_kin {
        warn!(
            "they are of another version: those that die are not replaced, and stats and harakiri do not know them, until a new generation serves"
        );
    }
    let mut estate = Estate::default();
    let routers = Rc::new(take_routers(&document)?);
    let mut mailboxes = Some(take_mailboxes(&document)?);
    let mut generations = BTreeMap::new();
    for left in &document.generations {
        let Some((config, kin)) = configs.remove(&left.number) else { continue };
        let serves = left.number == document.serving;
        let mailboxes = mailboxes.take_if(|_| serves).unwrap_or_default();
        let generation = take_generation(left, config, kin, Rc::clone(&routers), mailboxes, &mut estate)?;
        generations.insert(left.number, generation);
    }
    let heir = |member: &Member| Heir {
        who: member.who,
        generation: member.generation,
        number: member.number,
        pid: member.pid,
        age: Duration::from_millis(member.age),
    };
    let legacy = Legacy {
        serving: document.serving,
        latest: document.latest,
        serial: document.serial,
        heirs: document.members.iter().map(heir).collect(),
        manned: document.manned.clone(),
        plans: generations.iter().map(|(number, generation)| (*number, generation.plan())).collect(),
        is_opaque: !is_kin,
    };
    let fleet = Fleet::resume(legacy, Instant::now());
    let started = Started::resume(sources, config, document.since, document.pid_files.clone());
    let mut desk = Desk::default();
    let mut master = Master::new(started, fleet, document.serving, generations, &desk);
    master.take_members(&document.members, is_kin)?;
    master.take_rest(&document)?;
    master.open_control();
    master.open_stats();
    master.open_metrics();
    master.renew_errands();
    master.rest_or_not();
    master.question_routers();
    master.crons.adopt(document.crons.0, document.crons.1.clone(), Now::read());
    master.answer_when_done(&document)?;
    master.queue.push_back(Event::WantReload);
    let signals = Signals::catch()?;
    rsgi_sys::signal::unblock_all()?;
    // Whoever has ended in between: the signal of that may have been heard by the program before.
    let exit = master.reap(&mut desk.events);
    live(master, desk, signals, exit).await
}

fn take_log(document: &Document, config: &Config) -> io::Result<()> {
    let Some(log) = &document.log else { return Ok(()) };
    let requests =
        log.requests.map(|(writer, reader)| Ok::<_, io::Error>((Estate::own(writer)?, Estate::own(reader)?)));
    let (original, server) = (Estate::own(log.original)?, Estate::own(log.server)?);
    let places = log.places.iter().map(|(name, number)| Ok((name.clone(), Estate::own(*number)?)));
    let places = places.collect::<io::Result<_>>()?;
    let suspended = Suspended { original, server, requests: requests.transpose()?, places };
    collector::resume(config, suspended).map(|lost| complain(&lost)).map_err(io::Error::other)
}

/// Names loggers that could not be opened.
pub(super) fn complain(lost: &[CollectorError]) {
    for error in lost {
        warn!("{}: its records go where the log goes", logging::chain(error));
    }
}

fn take_routers(document: &Document) -> io::Result<Routers> {
    let one = |&(router, workers): &(Option<RawFd>, RawFd)| {
        let router = RefCell::new(router.map(Estate::own).transpose()?);
        Ok(Rendezvous { router, workers: Estate::own(workers)? })
    };
    let rendezvous = document.routers.rendezvous.iter().map(one).collect::<io::Result<_>>()?;
    Ok(Routers { since: document.routers.since, rendezvous })
}

fn take_mailboxes(document: &Document) -> io::Result<Mailboxes> {
    let ends = document.mailboxes.iter();
    let ends = ends.map(|&(of, sender, reader)| Ok((of, Estate::own(sender)?, Estate::own(reader)?)));
    Ok(Mailboxes::of_ends(ends.collect::<io::Result<Vec<_>>>()?))
}

fn take_generation(
    left: &Left,
    config: Config,
    kin: Option<Kin>,
    routers: Rc<Routers>,
    mailboxes: Mailboxes,
    estate: &mut Estate,
) -> io::Result<Generation> {
    let (workers, cores) = (config.workers.processes as usize, config.workers.threads.max(1) as usize);
    let counts = (config.aside.mules.len(), config.aside.spooler_count() as usize);
    let (board, mules, spoolers, signals) = match kin {
        Some(kin) => (
            Board::adopt(Estate::own(kin.board)?, workers, cores)?,
            Board::adopt(Estate::own(kin.mules)?, counts.0, 1)?,
            Board::adopt(Estate::own(kin.spoolers)?, counts.1, 1)?,
            Table::adopt(Estate::own(kin.signals)?)?,
        ),
        None => (Board::new(workers, cores)?, Board::new(counts.0, 1)?, Board::new(counts.1, 1)?, Table::new()?),
    };
    // Whether messages wait in queues of the same shape; they would be read by nobody in others.
    let wanted = Mailboxes::new(&config.aside)?;
    let is_same = mailboxes.ends().map(|(of, ..)| of).eq(wanted.ends().map(|(of, ..)| of));
    let mut all =
        |sockets: &[Socket]| sockets.iter().map(|socket| bound(socket, estate)).collect::<io::Result<Vec<_>>>();
    Ok(Generation {
        number: left.number,
        sockets: Sockets {
            shared: all(&left.shared)?,
            workers: all(&left.workers)?,
            router: all(&left.router)?,
            stats: left.stats.as_ref().map(|socket| bound(socket, estate)).transpose()?,
            metrics: left.metrics.as_ref().map(|socket| bound(socket, estate)).transpose()?,
            control: left.control.as_ref().map(|socket| bound(socket, estate)).transpose()?,
        },
        materials: serde_json::from_value(left.materials.clone()).unwrap_or_default(),
        program: Program::in_place_of(left.program),
        view: board.view,
        board,
        mules,
        spoolers,
        signals,
        // Counters of the program before are lost with it.
        meters: config.monitoring.metrics.is_some().then(meters::shared).transpose()?,
        mailboxes: Rc::new(if is_same { mailboxes } else { wanted }),
        routers,
        memo: memo::create()?,
        config,
    })
}

fn bound(socket: &Socket, estate: &mut Estate) -> io::Result<Bound> {
    let Socket { address, name, fd, file } = socket;
    let address = address.parse().map_err(|error| io::Error::other(format!("{address}: {error}")))?;
    Ok(Bound { address, fd: estate.share(*fd)?, name: name.clone(), file: file.clone() })
}

impl Master {
    fn take_members(&mut self, members: &[Member], is_kin: bool) -> io::Result<()> {
        for &Member { who, generation, pid, zygote, stream, .. } in members {
            let stream = Estate::own(stream)?;
            if let Who::Zygote(serial) = who {
                let channel = Rc::new(rsgi_sys::reactor::register(stream)?);
                let reader = if is_kin {
                    spawn_local(spawn::read_answers(who, Rc::clone(&channel), self.sender.clone()))
                } else {
                    spawn_local(ignore_answers(Rc::clone(&channel)))
                };
                self.zygotes
                    .insert(serial, Zygote { pid, generation, channel: Some(channel), is_opaque: !is_kin, reader });
                continue;
            }
            let stream = std::os::unix::net::UnixStream::from(stream);
            stream.set_nonblocking(true)?;
            let control = Rc::new(UnixStream::from_std(stream)?);
            let (reports, sender) = (Rc::clone(&control), self.sender.clone());
            let is_forked = who.forked().is_some();
            let reader = spawn_local(async move {
                spawn::read_reports(who, reports, sender.clone()).await;
                if is_forked && !is_kin {
                    // Its zygote is its parent, whose news we do not understand.
                    let _ = sender.send(Event::Gone(who, Ending::Unknown));
                }
            });
            self.servers
                .insert(who, Server { pid, has_long_queue: false, queue: Queue::default(), zygote, control, reader });
        }
        Ok(())
    }

    fn take_rest(&mut self, document: &Document) -> io::Result<()> {
        if let Some(number) = document.control {
            self.control.adopt(server::Server::on(Estate::own(number)?.into(), self.asked.clone())?);
        }
        if let Some((path, pipe)) = &document.fifo {
            self.fifo = Some(Fifo::adopt(path.clone(), Estate::own(*pipe)?)?);
        }
        self.daemons = Daemons::adopt(&self.started.config, document.daemons.clone(), Instant::now());
        self.reloads = Reloads::with(document.reloads);
        self.is_paused = document.is_paused;
        self.full_queues = document.full_queues;
        self.has_user_deadlines = true;
        Ok(())
    }

    /// Answers who asked the program before, when the new generation serves or has come to nothing.
    fn answer_when_done(&mut self, document: &Document) -> io::Result<()> {
        let Some(asker) = document.asker else { return Ok(()) };
        let mut asker = std::os::unix::net::UnixStream::from(Estate::own(asker)?);
        let (verdict, version) = (self.reloads.wait(self.fleet.attempt()), env!("CARGO_PKG_VERSION"));
        spawn_local(async move {
            let answer = match verdict.await {
                Ok(Verdict::Serves(generation)) => json!({ "ok": true, "generation": generation, "version": version }),
                Ok(Verdict::Failed { reason, log }) => refusal(
                    format!(
                        "the master is rsgi {version} now, but the generation before goes on serving: {reason}\n{log}"
                    )
                    .trim_end(),
                ),
                Err(_) => refusal("the instance stopped before the new generation served"),
            };
            // Who has left meanwhile did not want to know; the line fits into the socket's buffer, or nobody reads.
            let _ = asker.write_all(format!("{answer}\n").as_bytes());
        });
        Ok(())
    }
}

/// Keeps the channel from filling up.
async fn ignore_answers(channel: Rc<tokio::io::unix::AsyncFd<OwnedFd>>) {
    while let Ok(mut ready) = channel.readable().await {
        match ready.try_io(|channel| message::receive::<Value>(channel.as_fd())) {
            Ok(Ok(None)) => return,
            Ok(Err(error)) if error.raw_os_error().is_some() => return,
            Ok(_) | Err(_) => {}
        }
    }
}
