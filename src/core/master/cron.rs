//! Commands at set times. A look a second: whoever changes the clock, no minute runs twice. Only when it is set back by hours, it was wrong
//! before, and what it says now counts.

use rsgi_config::{Config, Cron, Times};
use tracing::{info, warn};

use super::command;
use super::minute::{Now, is_new};
use crate::ending::Ending;
use crate::stats::model as stats;

/// All crons with what runs of them.
#[derive(Debug, Default)]
pub(super) struct Crons {
    jobs: Vec<Job>,
    /// The last minute that was looked at, since the epoch.
    minute: u64,
}

#[derive(Debug)]
struct Job {
    cron: Cron,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    pid: u32,
    /// Seconds since the epoch.
    since: u64,
    /// Seconds of the monotonic clock.
    began: u64,
    killed: bool,
}

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    minute: u32,
    hour: u32,
    day: u32,
    month: u32,
    week: u32,
}

impl Moment {
    pub(super) fn of(seconds: u64) -> Option<Self> {
        let text = rsgi_sys::date::local("%M %H %d %m %w", i64::try_from(seconds).ok()?);
        let mut numbers = text.split(' ').filter_map(|number| number.parse().ok());
        let mut next = || numbers.next();
        Some(Self { minute: next()?, hour: next()?, day: next()?, month: next()?, week: next()? })
    }

    /// Whether `cron` is due. Days of the month and of the week: when both are named, either will do (crontab(5)). One of
    /// them that is not named but counted (`-2`) narrows the other down.
    pub(super) fn suits(self, cron: &Cron) -> bool {
        let (day, week) = (cron.day.fits(self.day), cron.week.fits(self.week));
        let is_named = |times| matches!(times, Times::At(_) | Times::Range(..));
        let is_day = if is_named(cron.day) && is_named(cron.week) { day || week } else { day && week };
        cron.minute.fits(self.minute) && cron.hour.fits(self.hour) && cron.month.fits(self.month) && is_day
    }
}

impl Job {
    fn portrait(&self) -> stats::Cron {
        let number = |times: Times| match times {
            Times::Any => -1,
            // Of a range uWSGI tells the first number.
            Times::At(number) | Times::Range(number, _) => i64::from(number),
            Times::Every(number) => -i64::from(number),
        };
        let Cron { command, minute, hour, day, month, week, unique, .. } = &self.cron;
        let run = self.runs.last();
        stats::Cron {
            minute: number(*minute),
            hour: number(*hour),
            day: number(*day),
            month: number(*month),
            week: number(*week),
            command: command.clone(),
            unique: u8::from(*unique),
            legion: "",
            pid: run.map_or(-1, |run| i64::from(run.pid)),
            started_at: run.map_or(0, |run| run.since),
        }
    }
}

impl Crons {
    /// The crons of the options; what runs, runs on.
    pub(super) fn renew(&mut self, config: &Config, now: Now) {
        let mut before = std::mem::take(&mut self.jobs);
        self.jobs = config
            .crons
            .iter()
            .map(|cron| {
                let known = before.iter_mut().find(|job| job.cron == *cron);
                Job { cron: cron.clone(), runs: known.map(|job| std::mem::take(&mut job.runs)).unwrap_or_default() }
            })
            .collect();
        if self.minute == 0 {
            // The minute of the start has begun already.
            self.minute = now.epoch / 60;
        }
    }

    /// What runs: command, process id, start.
    pub(super) fn runs(&self) -> Vec<(String, u32, u64)> {
        let all = self.jobs.iter().flat_map(|job| job.runs.iter().map(move |run| (&job.cron.command, run)));
        all.map(|(command, run)| (command.clone(), run.pid, run.since)).collect()
    }

    /// The last minute that was looked at.
    pub(super) const fn minute(&self) -> u64 {
        self.minute
    }

    /// Goes on with what another program in this process has started.
    pub(super) fn adopt(&mut self, minute: u64, runs: Vec<(String, u32, u64)>, now: Now) {
        self.minute = minute;
        for (command, pid, since) in runs {
            if let Some(job) = self.jobs.iter_mut().find(|job| job.cron.command == command) {
                let began = now.steady.saturating_sub(now.epoch.saturating_sub(since));
                job.runs.push(Run { pid, since, began, killed: false });
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// What the stats tell.
    pub(super) fn portraits(&self) -> Vec<stats::Cron> {
        self.jobs.iter().map(Job::portrait).collect()
    }

    /// Starts what is due, and ends what takes too long.
    pub(super) fn look(&mut self, config: &Config, now: Now) {
        for job in &mut self.jobs {
            let limit = job.cron.harakiri.or(config.cron_harakiri).filter(|limit| *limit > 0);
            for run in job.runs.iter_mut().filter(|run| !run.killed) {
                if limit.is_some_and(|limit| now.steady.saturating_sub(run.began) > limit) {
                    warn!("*** HARAKIRI ON THE CRON \"{}\" (pid: {}) ***", job.cron.command, run.pid);
                    command::signal(run.pid, nix::libc::SIGKILL);
                    run.killed = true;
                }
            }
        }
        let minute = now.epoch / 60;
        if !is_new(minute, self.minute) {
            return;
        }
        self.minute = minute;
        let Some(moment) = Moment::of(now.epoch) else { return };
        for job in self.jobs.iter_mut().filter(|job| moment.suits(&job.cron)) {
            let name = &job.cron.command;
            if job.cron.unique && !job.runs.is_empty() {
                info!("[rsgi-cron] \"{name}\" is still running, it is not started again");
                continue;
            }
            match command::start(name, config) {
                Ok(pid) => {
                    info!("[rsgi-cron] running \"{name}\" (pid {pid})");
                    job.runs.push(Run { pid, since: now.epoch, began: now.steady, killed: false });
                }
                Err(error) => warn!("[rsgi-cron] \"{name}\" cannot be run: {error}"),
            }
        }
    }

    /// A child has ended: was it one of ours?
    pub(super) fn ended(&mut self, pid: u32, ending: Ending, now: Now) -> bool {
        for job in &mut self.jobs {
            if let Some(index) = job.runs.iter().position(|run| run.pid == pid) {
                let seconds = now.steady.saturating_sub(job.runs.swap_remove(index).began);
                let name = &job.cron.command;
                info!(
                    "[rsgi-cron] command \"{name}\" running with pid {pid} ended after {seconds} second(s), {ending}"
                );
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron() -> Cron {
        let any = Times::Any;
        Cron {
            command: "exit 3".into(),
            minute: any,
            hour: any,
            day: any,
            month: any,
            week: any,
            unique: false,
            harakiri: None,
        }
    }

    /// A machine that was started with this second.
    fn at(second: u64) -> Now {
        Now { epoch: second, steady: second }
    }

    #[test]
    fn a_clock_that_jumps_kills_nothing_and_stops_nothing() {
        let slow = Cron { command: "sleep 600".into(), harakiri: Some(50), ..cron() };
        let config = Config { crons: vec![slow], ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, at(6_000_000));
        crons.look(&config, at(6_000_060));
        let hour = 3600;
        let look = |crons: &mut Crons, epoch, steady| {
            crons.look(&config, Now { epoch, steady });
            crons.jobs[0].runs.len()
        };
        assert_eq!(look(&mut crons, 6_000_060 + 2 * hour, 6_000_061), 2, "minutes that are left out run no more");
        assert_eq!(look(&mut crons, 6_000_060, 6_000_062), 2, "a minute that has run, and is here again");
        assert_eq!(look(&mut crons, 6_000_060 - 2 * hour, 6_000_063), 3, "a clock that was wrong by hours");
        assert_eq!(look(&mut crons, 6_000_120 - 2 * hour, 6_000_064), 4, "and goes on from there");
        assert!(crons.jobs[0].runs.iter().all(|run| !run.killed));
        for run in &crons.jobs[0].runs {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(run.pid).unwrap());
            nix::sys::signal::killpg(pid, nix::sys::signal::SIGKILL).unwrap();
            nix::sys::wait::waitpid(pid, None).unwrap();
        }
    }

    #[test]
    fn days_of_month_and_week() {
        let moment = Moment { minute: 30, hour: 2, day: 13, month: 11, week: 5 };
        let suits = |day, week| moment.suits(&Cron { day, week, ..cron() });
        assert!(suits(Times::Any, Times::Any) && suits(Times::At(13), Times::Any) && suits(Times::Any, Times::At(5)));
        assert!(!suits(Times::At(12), Times::Any) && !suits(Times::Any, Times::At(4)));
        assert!(suits(Times::At(13), Times::At(4)) && suits(Times::At(12), Times::At(5)));
        assert!(!suits(Times::At(12), Times::At(4)));
        assert!(suits(Times::Range(12, 14), Times::At(4)) && suits(Times::At(13), Times::Range(0, 4)));
        let even = Moment { day: 14, week: 1, ..moment };
        let suits = |moment: Moment, day, week| moment.suits(&Cron { day, week, ..cron() });
        assert!(suits(even, Times::Every(2), Times::At(1)), "a Monday that is an even day");
        assert!(!suits(even, Times::Every(2), Times::At(2)) && !suits(moment, Times::Every(2), Times::At(5)));
        assert!(!suits(even, Times::At(14), Times::Every(2)) && suits(even, Times::At(14), Times::Every(1)));
        assert!(!moment.suits(&Cron { minute: Times::At(31), ..cron() }));
        assert!(!moment.suits(&Cron { month: Times::Every(2), ..cron() }));
    }

    #[test]
    fn a_minute_runs_once_and_the_first_not_at_all() {
        let config = Config { crons: vec![Cron { unique: true, ..cron() }], ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, at(6_000_030));
        crons.look(&config, at(6_000_031));
        assert!(crons.jobs[0].runs.is_empty());
        crons.look(&config, at(6_000_060));
        let pid = crons.jobs[0].runs[0].pid;
        crons.look(&config, at(6_000_061));
        crons.look(&config, at(6_000_120));
        assert_eq!(crons.jobs[0].runs.len(), 1, "it still runs");
        let told = crons.portraits().remove(0);
        assert_eq!((told.pid, told.started_at, told.unique), (i64::from(pid), 6_000_060, 1));
        crons.look(&config, at(6_000_059));
        assert!(!crons.ended(1, Ending::Unknown, at(6_000_121)));
        assert!(crons.ended(pid, Ending::Exited(3), at(6_000_121)));
        assert_eq!(crons.portraits()[0].pid, -1);
        let pid = i32::try_from(pid).unwrap();
        let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        assert_eq!(Ending::of(status), Some(Ending::Exited(3)));
    }

    #[test]
    fn what_takes_too_long_is_killed() {
        killed_after_five_seconds(Some(5), None);
    }

    #[test]
    fn the_limit_of_one_cron_wins_over_that_of_all() {
        killed_after_five_seconds(None, Some(5));
        killed_after_five_seconds(Some(5), Some(500));
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let slow = Cron { command: "sleep 600".into(), harakiri: Some(0), ..cron() };
        let config = Config { crons: vec![slow], cron_harakiri: Some(5), ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, at(6_000_000));
        crons.look(&config, at(6_000_060));
        crons.look(&config, at(6_000_100));
        let run = crons.jobs[0].runs[0];
        assert!(!run.killed);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(run.pid).unwrap());
        nix::sys::signal::killpg(pid, nix::sys::signal::SIGKILL).unwrap();
        nix::sys::wait::waitpid(pid, None).unwrap();
    }

    fn killed_after_five_seconds(own: Option<u64>, all: Option<u64>) {
        let slow = Cron { command: "sleep 600".into(), harakiri: own, ..cron() };
        let config = Config { crons: vec![slow], cron_harakiri: all, ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, at(6_000_000));
        crons.look(&config, at(6_000_060));
        let pid = i32::try_from(crons.jobs[0].runs[0].pid).unwrap();
        crons.look(&config, at(6_000_065));
        assert!(!crons.jobs[0].runs[0].killed);
        crons.look(&config, at(6_000_066));
        let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        assert_eq!(Ending::of(status), Some(Ending::Killed(nix::libc::SIGKILL)));
    }
}
