//! The log of all processes in one hand (`log-master`, `logger`, `req-logger`, `log-maxsize`…).
//!
//! Standard output and standard error of the instance become a pipe, whose other end a thread of the master reads. A pipe in
//! packet mode (pipe(2), `O_DIRECT`) keeps what was written at once together, so that a traceback stays one record. Programs
//! that open `/dev/stderr` anew find a pipe there, as they would in a shell.

mod block;
mod encoder;
mod outlet;
pub mod records;
mod sink;
mod thread;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{dup2_stderr, dup2_stdout, pipe2};
use rsgi_config::{Config, Logging};

use outlet::Outlets;
pub use sink::give;

/// Room in a pipe, so that a burst of lines does not hold up workers while the disk is slow.
const ROOM: i32 = 1 << 20;

/// Time that the thread gets to write what is left at the end. Programs that the application has started may hold the
/// pipe open for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);

static COLLECTOR: Mutex<Option<Collector>> = Mutex::new(None);

/// The master's end.
#[derive(Debug)]
struct Collector {
    orders: Sender<Order>,
    wake: Arc<EventFd>,
    thread: JoinHandle<thread::Rest>,
    /// Where the log went before.
    original: File,
    /// What processes write request lines to, when those go elsewhere.
    requests: Option<OwnedFd>,
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    /// Open all files anew.
    Reopen,
    /// Move the log file away and begin a new one.
    Rotate,
    /// Go on with other places.
    Replace(Box<Outlets>),
    /// Write what is there and end.
    End,
    /// End at once: somebody else goes on reading.
    Leave,
}

/// What a collector leaves behind that has stopped in the middle, to go on from there: in this program, or in the one that
/// this process becomes.
#[derive(Debug)]
pub struct Suspended {
    /// Where the log went before it was collected.
    pub original: OwnedFd,
    /// Where what all processes write comes out.
    pub server: OwnedFd,
    /// Where request lines go in and come out, when they go elsewhere.
    pub requests: Option<(OwnedFd, OwnedFd)>,
    /// Open files of loggers, by what they are called there. Some can only be opened once: with rights that have been given up
    /// since, or by a number that was inherited.
    pub places: Vec<(String, OwnedFd)>,
}

/// Why the log cannot be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// A pattern of `log-route`, `log-filter` and the like.
    #[error("{option}: {pattern} is no regular expression")]
    Pattern {
        /// The option.
        option: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A route to nowhere.
    #[error("{option}: there is no {needed} with the name {name}")]
    NoLogger {
        /// The option.
        option: &'static str,
        /// What would have to be there.
        needed: &'static str,
        /// The name.
        name: String,
    },
    /// A place that cannot be written to.
    #[error("{option}: {place} cannot be opened")]
    Place {
        /// The option.
        option: &'static str,
        /// The place.
        place: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The pipe or the thread.
    #[error("the log cannot be collected")]
    Pipe(#[source] io::Error),
}

/// Whether the options ask for it.
#[must_use]
pub fn is_wanted(log: &Logging) -> bool {
    log.master
        || log.json
        || log.max_size.is_some()
        || !log.loggers.is_empty()
        || !log.routes.is_empty()
        || !log.encoders.is_empty()
        || !log.filters.is_empty()
        || !log.drains.is_empty()
        || datagrams(log).is_some()
}

/// `udp:HOST:PORT` in place of a log file.
#[must_use]
pub fn datagrams(log: &Logging) -> Option<&str> {
    let paths = [&log.daemonize2, &log.daemonize, &log.to2, &log.to];
    let path = paths.into_iter().find_map(Option::as_ref)?;
    path.to_str()?.strip_prefix("udp:")
}

/// The log file, when the log is one.
fn main_file(config: &Config) -> Option<PathBuf> {
    let log = &config.log;
    let paths = [&log.daemonize2, &log.daemonize, &log.to2, &log.to];
    let path = paths.into_iter().find_map(Option::as_ref)?;
    datagrams(log).is_none().then(|| config.start_dir.join(path))
}

/// Collects from now on, as the options say; the second time, goes on with other places.
///
/// # Errors
/// When a place cannot be opened or a pattern is none.
pub fn start(config: &Config) -> Result<(), CollectorError> {
    let mut collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(collector) = &*collector {
        let original = collector.original.try_clone().map_err(CollectorError::Pipe)?;
        collector.tell(Order::Replace(Box::new(Outlets::new(config, original)?)));
        return Ok(());
    }
    if !is_wanted(&config.log) {
        return Ok(());
    }
    let original = File::from(io::stderr().as_fd().try_clone_to_owned().map_err(CollectorError::Pipe)?);
    let outlets = Outlets::new(config, original.try_clone().map_err(CollectorError::Pipe)?)?;
    *collector = Some(Collector::new(outlets, original).map_err(CollectorError::Pipe)?);
    Ok(())
}

/// Stops the thread, with what was written until now on its way or still in the pipes; writers notice nothing. `None`: the log
/// is not collected.
///
/// # Errors
/// When the thread has failed before: the log is lost then anyway.
pub fn suspend() -> io::Result<Option<Suspended>> {
    let collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(collector) = collector else { return Ok(None) };
    collector.tell(Order::Leave);
    let Collector { thread, original, requests, .. } = collector;
    let rest = thread.join().map_err(|_| io::Error::other("the thread of the log has failed"))?;
    let (server, requests) = (rest.server, requests.zip(rest.requests));
    Ok(Some(Suspended { original: original.into(), server, requests, places: rest.outlets.into_places() }))
}

/// Goes on where [`suspend`] has stopped. What is meant for a place that cannot be opened any more goes where the log went
/// before it was collected: processes that serve need no logger. Returns why, for each such place.
///
/// # Errors
/// When a pattern is none, or descriptors are short. The log is not collected then.
pub fn resume(config: &Config, suspended: Suspended) -> Result<Vec<CollectorError>, CollectorError> {
    let original = File::from(suspended.original);
    let resumed = Outlets::resume(config, &original, suspended.places).and_then(|(outlets, lost)| {
        let requests = match suspended.requests {
            None if outlets.has_requests() => Some(pipe().map(|(r, w)| (w, r)).map_err(CollectorError::Pipe)?),
            known => known,
        };
        let original = original.try_clone().map_err(CollectorError::Pipe)?;
        let collector = Collector::read(outlets, original, suspended.server, requests).map_err(CollectorError::Pipe)?;
        Ok((collector, lost))
    });
    let (collector, lost) = resumed.inspect_err(|_| {
        // Nobody reads the pipe: what is said of this would be lost in it.
        let _ = dup2_stdout(&original).and_then(|()| dup2_stderr(&original));
        super::sink::set_collected(false);
    })?;
    *COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner) = Some(collector);
    Ok(lost)
}

/// Whether the log could be collected as the options say, its places aside.
///
/// # Errors
/// When a pattern is none, or a route leads nowhere.
pub fn check(config: &Config) -> Result<(), CollectorError> {
    let nowhere = File::open("/dev/null").map_err(CollectorError::Pipe)?;
    Outlets::check(config, nowhere)
}

/// The descriptor for request lines that processes are to be handed, when those go elsewhere.
///
/// # Errors
/// When there are no descriptors left.
pub fn requests() -> io::Result<Option<OwnedFd>> {
    let collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner);
    let requests = collector.as_ref().and_then(|collector| collector.requests.as_ref());
    requests.map(OwnedFd::try_clone).transpose()
}

/// Whether this process, a master, collects what the processes that it starts write.
pub fn is_running() -> bool {
    COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Opens all files anew. `false`: the log is not collected.
pub fn reopen() -> bool {
    tell(Order::Reopen)
}

/// Moves the log file away and begins a new one. `false`: the log is not collected.
pub fn rotate() -> bool {
    tell(Order::Rotate)
}

fn tell(order: Order) -> bool {
    let collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner);
    collector.as_ref().map(|collector| collector.tell(order)).is_some()
}

/// Writes what is left, and goes on without a collector. The last thing that a master does.
pub fn end() {
    let collector = COLLECTOR.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(collector) = collector {
        collector.end();
    }
}

impl Collector {
    fn new(outlets: Outlets, original: File) -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        let requests = if outlets.has_requests() { Some(pipe().map(|(r, w)| (w, r))?) } else { None };
        let collector = Self::read(outlets, original, reader, requests)?;
        dup2_stdout(&writer)?;
        dup2_stderr(&writer)?;
        Ok(collector)
    }

    /// Reads from these pipes; `requests`: (writer, reader).
    fn read(
        outlets: Outlets,
        original: File,
        server: OwnedFd,
        requests: Option<(OwnedFd, OwnedFd)>,
    ) -> io::Result<Self> {
        let (requests, request_reader) = requests.unzip();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (orders, inbox) = channel();
        let work = thread::Work { server, requests: request_reader, wake: Arc::clone(&wake), inbox, outlets };
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || work.run())?;
        if let Some(requests) = &requests {
            super::sink::set_requests(requests.try_clone()?);
        }
        super::sink::set_collected(true);
        Ok(Self { orders, wake, thread, original, requests })
    }

    fn tell(&self, order: Order) {
        // A thread that is gone has said why.
        let _ = self.orders.send(order);
        let _ = self.wake.write(1);
    }

    fn end(self) {
        // The last writer in this process goes; the thread sees the end, or what is there within its time.
        let _ = dup2_stdout(&self.original).and_then(|()| dup2_stderr(&self.original));
        super::sink::set_collected(false);
        self.tell(Order::End);
        let begun = std::time::Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < LAST_WORDS {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A pipe that keeps writes apart: (reader, writer).
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_DIRECT)?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK | OFlag::O_DIRECT))?;
    // A smaller one does as well.
    let _ = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(ROOM));
    Ok((reader, writer))
}
