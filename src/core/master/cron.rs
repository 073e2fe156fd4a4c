//! Commands at set times. A look a second: whoever changes the clock, no minute runs twice.

use rsgi_config::{Config, Cron};
use tracing::{info, warn};

use super::command;
use crate::ending::Ending;

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
    killed: bool,
}

/// A moment in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    minute: u32,
    hour: u32,
    day: u32,
    month: u32,
    week: u32,
}

impl Moment {
    fn of(seconds: u64) -> Option<Self> {
        let text = rsgi_sys::date::local("%M %H %d %m %w", i64::try_from(seconds).ok()?);
        let mut numbers = text.split(' ').filter_map(|number| number.parse().ok());
        let mut next = || numbers.next();
        Some(Self { minute: next()?, hour: next()?, day: next()?, month: next()?, week: next()? })
    }

    /// Whether `cron` is due. Days of the month and of the week: when both are named, either will do (crontab(5)).
    fn suits(self, cron: &Cron) -> bool {
        use rsgi_config::Times::Any;
        let (day, week) = (cron.day.fits(self.day), cron.week.fits(self.week));
        let is_day = if cron.day != Any && cron.week != Any { day || week } else { day && week };
        cron.minute.fits(self.minute) && cron.hour.fits(self.hour) && cron.month.fits(self.month) && is_day
    }
}

impl Crons {
    /// The crons of the options; what runs, runs on.
    pub(super) fn renew(&mut self, config: &Config, now: u64) {
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
            self.minute = now / 60;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Starts what is due at `now`, seconds since the epoch, and ends what takes too long.
    pub(super) fn look(&mut self, config: &Config, now: u64) {
        for job in &mut self.jobs {
            let limit = job.cron.harakiri.or(config.cron_harakiri);
            for run in job.runs.iter_mut().filter(|run| !run.killed) {
                if limit.is_some_and(|limit| now.saturating_sub(run.since) > limit) {
                    warn!("*** HARAKIRI ON THE CRON \"{}\" (pid: {}) ***", job.cron.command, run.pid);
                    command::signal(run.pid, nix::libc::SIGKILL);
                    run.killed = true;
                }
            }
        }
        if now / 60 <= self.minute {
            return;
        }
        self.minute = now / 60;
        let Some(moment) = Moment::of(now) else { return };
        for job in self.jobs.iter_mut().filter(|job| moment.suits(&job.cron)) {
            let name = &job.cron.command;
            if job.cron.unique && !job.runs.is_empty() {
                info!("[rsgi-cron] \"{name}\" is still running, it is not started again");
                continue;
            }
            match command::start(name, None, config) {
                Ok(pid) => {
                    info!("[rsgi-cron] running \"{name}\" (pid {pid})");
                    job.runs.push(Run { pid, since: now, killed: false });
                }
                Err(error) => warn!("[rsgi-cron] \"{name}\" cannot be run: {error}"),
            }
        }
    }

    /// A child has ended: was it one of ours?
    pub(super) fn ended(&mut self, pid: u32, ending: Ending, now: u64) -> bool {
        for job in &mut self.jobs {
            if let Some(index) = job.runs.iter().position(|run| run.pid == pid) {
                let seconds = now.saturating_sub(job.runs.swap_remove(index).since);
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
    use rsgi_config::Times;

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

    #[test]
    fn days_of_month_and_week() {
        let moment = Moment { minute: 30, hour: 2, day: 13, month: 11, week: 5 };
        let suits = |day, week| moment.suits(&Cron { day, week, ..cron() });
        assert!(suits(Times::Any, Times::Any) && suits(Times::At(13), Times::Any) && suits(Times::Any, Times::At(5)));
        assert!(!suits(Times::At(12), Times::Any) && !suits(Times::Any, Times::At(4)));
        assert!(suits(Times::At(13), Times::At(4)) && suits(Times::At(12), Times::At(5)));
        assert!(!suits(Times::At(12), Times::At(4)));
        assert!(!moment.suits(&Cron { minute: Times::At(31), ..cron() }));
        assert!(!moment.suits(&Cron { month: Times::Every(2), ..cron() }));
    }

    #[test]
    fn a_minute_runs_once_and_the_first_not_at_all() {
        let config = Config { crons: vec![Cron { unique: true, ..cron() }], ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, 6_000_030);
        crons.look(&config, 6_000_031);
        assert!(crons.jobs[0].runs.is_empty());
        crons.look(&config, 6_000_060);
        let pid = crons.jobs[0].runs[0].pid;
        crons.look(&config, 6_000_061);
        crons.look(&config, 6_000_120);
        assert_eq!(crons.jobs[0].runs.len(), 1, "it still runs");
        crons.look(&config, 6_000_059);
        assert!(!crons.ended(1, Ending::Unknown, 6_000_121));
        assert!(crons.ended(pid, Ending::Exited(3), 6_000_121));
        let pid = i32::try_from(pid).unwrap();
        let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        assert_eq!(Ending::of(status), Some(Ending::Exited(3)));
    }

    #[test]
    fn what_takes_too_long_is_killed() {
        let slow = Cron { command: "sleep 600".into(), harakiri: Some(5), ..cron() };
        let config = Config { crons: vec![slow], ..Config::default() };
        let mut crons = Crons::default();
        crons.renew(&config, 6_000_000);
        crons.look(&config, 6_000_060);
        let pid = i32::try_from(crons.jobs[0].runs[0].pid).unwrap();
        crons.look(&config, 6_000_066);
        let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap();
        assert_eq!(Ending::of(status), Some(Ending::Killed(nix::libc::SIGKILL)));
    }
}
