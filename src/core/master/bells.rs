//! The signals of the application ([`crate::memory::signals`]): raises those of timers, crons and file monitors, and has each
//! handled where its target says.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rsgi_config::{Cron, Times};
use tracing::warn;

use super::Master;
use super::cron::Moment;
use super::errand::seconds;
use super::fleet;
use super::fs_watch::FsWatch;
use super::generation::Generation;
use super::minute::is_new;
use super::spawn;
use crate::control::Bell;
use crate::memory::scoreboard::Scoreboard;
use crate::memory::signals::{Added, Signals, Source};

/// Crons are looked at so often: whoever changes the clock, no minute is rung twice.
const LOOK: Duration = Duration::from_secs(1);

thread_local! {
    /// Tables whose generation has gone: memory that is mapped stays mapped, so it serves the next one.
    static SPARE: RefCell<Vec<Parts>> = const { RefCell::new(Vec::new()) };
}

/// A generation's table.
#[derive(Debug)]
pub(super) struct Table(Option<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) fd: OwnedFd,
    pub(super) view: Signals,
}

impl Table {
    /// An empty one.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub(super) fn new() -> io::Result<Self> {
        if let Some(parts) = SPARE.with_borrow_mut(Vec::pop) {
            parts.view.wipe();
            return Ok(Self(Some(parts)));
        }
        let fd = Signals::create()?;
        Ok(Self(Some(Parts { view: Signals::map(fd.as_fd())?, fd })))
    }

    /// The one that processes have mapped already.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn adopt(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Some(Parts { view: Signals::map(fd.as_fd())?, fd })))
    }

    /// A descriptor for a process that is to map it.
    pub(super) fn hand_out(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }
}

impl Deref for Table {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        match &self.0 {
            Some(parts) => parts,
            None => unreachable!("a table has its parts until it is dropped"),
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let parts = self.0.take();
        // At the end of the thread the list may be gone already.
        let _ = SPARE.try_with(|spare| spare.borrow_mut().extend(parts));
    }
}

/// What raises signals in the serving generation.
#[derive(Debug, Default)]
pub(super) struct Bells {
    generation: Option<fleet::Generation>,
    /// In the order of the table.
    jobs: Vec<Job>,
    watch: Option<FsWatch>,
    /// When crons are looked at next; `None` without any.
    look: Option<Instant>,
    /// The last minute that crons were looked at, since the epoch.
    minute: u64,
}

#[derive(Debug)]
struct Job {
    added: Added,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Due at this moment; so often yet, `None` is for ever.
    Timer { due: Instant, left: Option<u32> },
    /// Due at these times.
    Cron(Box<Cron>),
    /// Due when this has changed.
    File(PathBuf),
    /// Never due again.
    Over,
}

/// What has happened.
#[derive(Debug)]
pub(super) enum Rung {
    /// It is time to look at timers and crons.
    Time,
    /// These paths have changed.
    Files(Vec<PathBuf>),
}

/// The next thing to happen; never, when nothing can.
pub(super) async fn next(bells: &Bells) -> Rung {
    let due = bells.due();
    let time = async {
        match due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    };
    let files = async {
        match &bells.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => Rung::Time,
        paths = files => Rung::Files(paths),
    }
}

impl Bells {
    /// Takes over what is new in the table.
    fn renew(&mut self, generation: fleet::Generation, table: Signals, now: Instant) {
        if self.generation != Some(generation) {
            *self = Self { generation: Some(generation), minute: seconds() / 60, ..Self::default() };
        }
        for (index, added) in table.sources(0).enumerate() {
            match self.jobs.get_mut(index) {
                Some(job) if job.added == added => {}
                Some(job) => {
                    // Added once more: a timer that is over begins anew.
                    if matches!(job.state, State::Over) {
                        job.state = timer(&added.source, now);
                    }
                    job.added = added;
                }
                None => {
                    let state = self.begin(&added, now);
                    self.jobs.push(Job { added, state });
                }
            }
        }
    }

    fn begin(&mut self, added: &Added, now: Instant) -> State {
        // Two workers that add the same at the same time.
        if self.jobs.iter().any(|job| (job.added.number, &job.added.source) == (added.number, &added.source)) {
            return State::Over;
        }
        match &added.source {
            Source::Timer { .. } => timer(&added.source, now),
            Source::Cron(times) => {
                self.look = self.look.or_else(|| now.checked_add(LOOK));
                State::Cron(Box::new(cron(*times)))
            }
            Source::File(path) => {
                let path = PathBuf::from(OsString::from_vec(path.clone()));
                if self.watch.is_none() {
                    let new = FsWatch::nothing("add_file_monitor")
                        .inspect_err(|error| warn!("no file can be watched: {error}"));
                    self.watch = new.ok();
                }
                if let Some(watch) = &mut self.watch {
                    watch.add(&path);
                }
                State::File(path)
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        let timers = self.jobs.iter().filter_map(|job| match job.state {
            State::Timer { due, .. } => Some(due),
            State::Cron(_) | State::File(_) | State::Over => None,
        });
        timers.chain(self.look).min()
    }

    /// The signals of timers and crons that are due.
    fn strike(&mut self, now: Instant, seconds: u64) -> Vec<u8> {
        if self.look.is_some_and(|look| look <= now) {
            self.look = now.checked_add(LOOK);
        }
        let is_due = is_new(seconds / 60, self.minute);
        if is_due {
            self.minute = seconds / 60;
        }
        let moment = if is_due { Moment::of(seconds) } else { None };
        self.jobs.iter_mut().filter_map(|job| job.strike(now, moment).then_some(job.added.number)).collect()
    }

    /// The signals of files that have changed.
    fn changed(&self, paths: &[PathBuf]) -> Vec<u8> {
        let is_it = |job: &&Job| matches!(&job.state, State::File(path) if paths.contains(path));
        self.jobs.iter().filter(is_it).map(|job| job.added.number).collect()
    }
}

impl Job {
    fn strike(&mut self, now: Instant, moment: Option<Moment>) -> bool {
        match &mut self.state {
            State::Timer { due, left } if *due <= now => {
                *left = left.map(|left| left.saturating_sub(1));
                if *left == Some(0) {
                    self.state = State::Over;
                } else {
                    let period = period(&self.added.source);
                    // A beat that was missed, with the machine asleep, is not made up for.
                    let next = due.checked_add(period).filter(|next| *next > now);
                    *due = next.or_else(|| now.checked_add(period)).unwrap_or(now);
                }
                true
            }
            State::Cron(cron) => moment.is_some_and(|moment| moment.suits(cron)),
            State::Timer { .. } | State::File(_) | State::Over => false,
        }
    }
}

fn period(source: &Source) -> Duration {
    match source {
        Source::Timer { seconds, .. } => Duration::from_secs((*seconds).max(1).into()),
        Source::Cron(_) | Source::File(_) => LOOK,
    }
}

/// A timer that begins; anything else that is over stays so.
fn timer(source: &Source, now: Instant) -> State {
    match (source, now.checked_add(period(source))) {
        (Source::Timer { times, .. }, Some(due)) => State::Timer { due, left: Some(*times).filter(|times| *times > 0) },
        _ => State::Over,
    }
}

fn cron([minute, hour, day, month, week]: [i8; 5]) -> Cron {
    let times = |number: i8| match number {
        -1 => Times::Any,
        ..-1 => Times::Every(number.unsigned_abs().into()),
        number => Times::At(number.unsigned_abs().into()),
    };
    // Sunday is 0 and 7.
    let week = if week == 7 { 0 } else { week };
    let (minute, hour, day, month, week) = (times(minute), times(hour), times(day), times(month), times(week));
    Cron { command: String::new(), minute, hour, day, month, week, unique: false, harakiri: None }
}

impl Master {
    /// Takes over what the application has registered.
    pub(super) fn renew_bells(&mut self) {
        if let Some(generation) = self.generations.get(&self.serving) {
            self.bells.renew(self.serving, generation.signals.view, Instant::now());
        }
    }

    pub(super) fn hear_bell(&mut self, rung: Rung) {
        let numbers = match rung {
            Rung::Time => self.bells.strike(Instant::now(), seconds()),
            Rung::Files(paths) => self.bells.changed(&paths),
        };
        numbers.into_iter().for_each(|number| self.ring(number));
    }

    /// Has a signal handled.
    pub(super) fn ring(&self, number: u8) {
        let Some(generation) = self.generations.get(&self.serving) else { return };
        let Some(target) = generation.signals.view.target(number) else {
            warn!("signal {number} is raised, but not registered");
            return;
        };
        let target = String::from_utf8_lossy(&target);
        let pids = recipients(&target, generation);
        if pids.is_empty() {
            warn!("signal {number} is lost: there is no {}", if target.is_empty() { "worker" } else { &target });
        }
        for pid in pids {
            let server = self.servers.values().find(|server| server.pid == pid);
            // Who does not read has more than enough to do already.
            if server.is_some_and(|server| spawn::send(&server.control, &Bell(number).message()).is_err()) {
                warn!("signal {number} is lost: the process {pid} does not keep up");
            }
        }
    }
}

/// Process ids of those who are to handle a signal with this target.
fn recipients(target: &str, generation: &Generation) -> Vec<u32> {
    let (workers, mules) = (generation.view, generation.mules.view);
    let numbered = |kind: &str| target.strip_prefix(kind)?.parse::<u32>().ok();
    match target {
        "" | "worker" | "worker0" => idle(workers).into_iter().collect(),
        "workers" | "active-workers" => all(workers).collect(),
        "mules" => all(mules).collect(),
        "mule" | "mule0" => all(mules).take(1).collect(),
        "spooler" => all(generation.spoolers.view).take(1).collect(),
        _ => {
            if let Some(farm) = target.strip_prefix("farm_") {
                let farm = generation.config.aside.farms.iter().find(|(name, _)| name == farm);
                let mut members = farm.into_iter().flat_map(|(_, members)| members);
                return members.find_map(|member| one(mules, *member)).into_iter().collect();
            }
            let worker = numbered("worker").and_then(|number| one(workers, number));
            let mule = numbered("mule").and_then(|number| one(mules, number));
            worker.or(mule).into_iter().collect()
        }
    }
}

fn one(board: Scoreboard, number: u32) -> Option<u32> {
    let pid = board.worker(number)?.pid();
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}

fn all(board: Scoreboard) -> impl Iterator<Item = u32> {
    board.workers().filter_map(move |number| one(board, number))
}

/// A worker with a core that has nothing to do; the first one, when there is none.
fn idle(workers: Scoreboard) -> Option<u32> {
    let is_idle = |number: &u32| workers.cores(*number).any(|(_, core)| core.busy_since().is_none());
    let idle = workers.workers().filter(is_idle).find_map(|number| one(workers, number));
    idle.or_else(|| all(workers).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new().unwrap()
    }

    #[test]
    fn timers_strike_in_their_time_and_as_often_as_asked() {
        let (table, mut bells, start) = (table(), Bells::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(table.view.add(1, &Source::Timer { seconds: 2, times: 0 }));
        assert!(table.view.add(2, &Source::Timer { seconds: 3, times: 2 }));
        bells.renew(0, table.view, start);
        assert_eq!(bells.due(), Some(at(2)));
        let struck: Vec<_> = (1..=9).map(|second| bells.strike(at(second), 0)).collect();
        let wanted: [&[u8]; 9] = [&[], &[1], &[2], &[1], &[], &[1, 2], &[], &[1], &[]];
        assert_eq!(struck, wanted);
        assert!(table.view.add(1, &Source::Timer { seconds: 2, times: 0 }));
        assert!(table.view.add(2, &Source::Timer { seconds: 3, times: 2 }));
        bells.renew(0, table.view, at(9));
        assert_eq!(bells.strike(at(10), 0), [1]);
        assert_eq!(bells.strike(at(12), 0), [1, 2], "begun anew, and the other as before");
        bells.renew(1, Table::new().unwrap().view, at(12));
        assert_eq!(bells.due(), None);
    }

    #[test]
    fn crons_strike_once_a_minute_and_not_in_the_one_they_come_in() {
        let (table, mut bells, now) = (table(), Bells::default(), Instant::now());
        assert!(table.view.add(3, &Source::Cron([-1, -1, -1, -1, -1])));
        assert!(table.view.add(4, &Source::Cron([-1, -1, -1, 13, -1])));
        bells.renew(0, table.view, now);
        let minute = bells.minute * 60;
        let struck = [59, 60, 61, 119, 60, 120].map(|second| bells.strike(now, minute + second));
        assert_eq!(struck, [vec![], vec![3], vec![], vec![], vec![], vec![3]]);
        assert_eq!(cron([5, -3, 0, -1, 7]).hour, Times::Every(3));
        assert_eq!(cron([5, -3, 0, -1, 7]).week, Times::At(0));
    }

    #[test]
    fn targets_are_found_by_name() {
        let mut config = rsgi_config::Config::default();
        config.workers.processes = 3;
        config.aside.mules = vec![None; 2];
        config.aside.farms = vec![("mail".into(), vec![2])];
        let sockets = super::super::sockets::Sockets::bind(&config, None).unwrap();
        let generation =
            Generation::prepare(0, crate::program::Program::own().unwrap(), config, sockets, None).unwrap();
        let whom = |target| recipients(target, &generation);
        assert!(["", "workers", "mule", "spooler", "farm_mail"].iter().all(|target| whom(target).is_empty()));
        for (number, pid) in [(1, 11), (2, 12), (3, 13)] {
            generation.view.worker(number).unwrap().born(pid, 0);
        }
        generation.mules.view.worker(1).unwrap().born(21, 0);
        generation.mules.view.worker(2).unwrap().born(22, 0);
        generation.view.core(1, 0).unwrap().begin(1, None);
        assert_eq!(
            [whom(""), whom("worker"), whom("worker1"), whom("worker4")],
            [vec![12], vec![12], vec![11], vec![]]
        );
        assert_eq!([whom("workers"), whom("active-workers")], [[11, 12, 13], [11, 12, 13]]);
        assert_eq!(
            [whom("mules"), whom("mule"), whom("mule2"), whom("farm_mail")],
            [vec![21, 22], vec![21], vec![22], vec![22]]
        );
        assert!(["farm_news", "nonsense", "spooler"].iter().all(|target| whom(target).is_empty()));
    }
}
