//! `cheaper-algo = busyness`: by the share of time that workers were in requests, over windows of `cheaper-overload` seconds. Workers are added
//! at the end of a busy window and stopped after many calm ones; a queue that grows does not wait for that.
//!
//! Source: uWSGI 2.0, "The cheaper subsystem", busyness.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rsgi_config::Cheaper;

use super::{Facts, Room, Wish};

/// Windows in a row between the two shares after which the calm ones are no longer counted.
const RESTLESS: u64 = 3;

#[derive(Debug)]
pub(super) struct Busyness {
    cheaper: Cheaper,
    window: Duration,
    /// Beginning of the window.
    began: Option<Instant>,
    /// When each worker was first seen in this window, and its busy time then.
    before: BTreeMap<u32, (Instant, u64)>,
    /// Calm windows that a worker has to be stopped for, with the penalties.
    multiplier: u64,
    /// Calm windows so far.
    calm: u64,
    /// Windows in a row that were neither calm nor busy.
    restless: u64,
    /// When a worker was stopped last.
    stopped: Option<Instant>,
    /// Workers that were added for the queue.
    emergency: u32,
    /// Since when somebody waits.
    waits_since: Option<Instant>,
}

impl Busyness {
    pub(super) fn new(cheaper: &Cheaper) -> Self {
        Self {
            window: Duration::from_secs(cheaper.overload.max(1)),
            multiplier: cheaper.busyness_multiplier,
            cheaper: cheaper.clone(),
            began: None,
            before: BTreeMap::new(),
            calm: 0,
            restless: 0,
            stopped: None,
            emergency: 0,
            waits_since: None,
        }
    }

    pub(super) fn look(&mut self, facts: &Facts, room: Room, now: Instant, lines: &mut Vec<String>) -> Wish {
        let began = *self.began.get_or_insert(now);
        for worker in &facts.workers {
            self.before.entry(worker.number).or_insert((now, worker.busy_time));
        }
        self.before.retain(|number, _| facts.workers.iter().any(|worker| worker.number == *number));
        let urgent = self.queue(facts, room, now, lines);
        if now.saturating_duration_since(began) < self.window {
            return urgent;
        }
        let share = self.share(facts, now, lines);
        self.began = Some(now);
        self.before = facts.workers.iter().map(|worker| (worker.number, (now, worker.busy_time))).collect();
        match (urgent, self.weigh(share, facts.count(), room, now, lines)) {
            (Wish::Grow(urgent), Wish::Grow(usual)) => Wish::Grow(urgent.saturating_add(usual)),
            (Wish::Stay, usual) => usual,
            (urgent, _) => urgent,
        }
    }

    /// What the queue asks for.
    fn queue(&mut self, facts: &Facts, room: Room, now: Instant, lines: &mut Vec<String>) -> Wish {
        if facts.waiting == 0 {
            self.waits_since = None;
            return Wish::Stay;
        }
        // The first one in a router may have waited for longer than we know.
        let known = now.checked_sub(facts.age).unwrap_or(now);
        let since = self.waits_since.map_or(known, |since| since.min(known));
        self.waits_since = Some(since);
        let waited = now.saturating_duration_since(since);
        let (waiting, most) = (facts.waiting, self.cheaper.busyness_backlog_nonzero.duration());
        let is_long = waiting > self.cheaper.busyness_backlog_alert;
        if !is_long && waited < most {
            return Wish::Stay;
        }
        if room.up == 0 {
            self.say(lines, || format!("{waiting} request(s) wait, but no worker may be added"));
            return Wish::Stay;
        }
        let wanted = if is_long { self.cheaper.busyness_backlog_step } else { self.cheaper.step };
        let count = wanted.min(room.up);
        self.emergency = self.emergency.saturating_add(count);
        let emergency = self.emergency;
        if is_long {
            self.say(lines, || format!("{waiting} requests wait, spawning {count} emergency worker(s) ({emergency})!"));
        } else {
            let seconds = waited.as_secs();
            self.say(lines, || {
                format!("somebody has been waiting for {seconds} second(s), spawning {count} new worker(s)")
            });
        }
        // They get as much time to help.
        self.waits_since = Some(now);
        self.calm = 0;
        Wish::Grow(count)
    }

    /// The share of time that all workers were busy in this window, percent.
    fn share(&self, facts: &Facts, now: Instant, lines: &mut Vec<String>) -> u64 {
        let (mut sum, mut count, window) = (0, 0_u64, self.window.as_secs());
        for worker in &facts.workers {
            let (since, before) = self.before.get(&worker.number).copied().unwrap_or((now, worker.busy_time));
            let whole = now.saturating_duration_since(since).as_micros() * u128::from(facts.cores.max(1));
            let busy = u128::from(worker.busy_time.saturating_sub(before)) * 100;
            // One that has just come says nothing.
            let Some(percent) = busy.checked_div(whole) else { continue };
            let percent = u64::try_from(percent).unwrap_or(u64::MAX).min(100);
            if facts.workers.len() > 1 {
                self.say(lines, || format!("worker nr {} {window}s average busyness is at {percent}%", worker.number));
            }
            (sum, count) = (sum + percent, count + 1);
        }
        let share = sum / count.max(1);
        self.say(lines, || format!("{window}s average busyness of {count} worker(s) is at {share}%"));
        share
    }

    fn weigh(&mut self, share: u64, count: u32, room: Room, now: Instant, lines: &mut Vec<String>) -> Wish {
        let window = self.window.as_secs();
        if share > self.cheaper.busyness_max {
            return self.busy(share, room, now, lines);
        }
        if share >= self.cheaper.busyness_min {
            self.restless += 1;
            let restless = self.restless;
            self.calm = if restless >= RESTLESS { 0 } else { self.calm.saturating_sub(1) };
            self.say(lines, || {
                format!(
                    "{window}s average busyness is at {share}%, {restless} non-idle cycle(s), adjusting cheaper timer"
                )
            });
            return Wish::Stay;
        }
        self.restless = 0;
        if room.down == 0 {
            self.calm = 0;
            return Wish::Stay;
        }
        self.calm += 1;
        let needed = if self.emergency > 0 {
            let emergency = self.emergency;
            let seconds = self.cheaper.busyness_backlog_multiplier.saturating_mul(window);
            self.say(lines, || {
                format!("{emergency} emergency worker(s) running, using {seconds} seconds cheaper timer")
            });
            self.cheaper.busyness_backlog_multiplier
        } else {
            self.multiplier
        };
        if self.calm < needed {
            let left = (needed - self.calm).saturating_mul(window);
            self.say(lines, || format!("need to wait {left} more second(s) to cheap worker"));
            return Wish::Stay;
        }
        self.say(lines, || format!("{window}s average busyness is at {share}%, cheap one of {count} running workers"));
        // The last one was not missed: trust comes back.
        if self.stopped.is_some_and(|stopped| !self.is_too_soon(stopped, now)) {
            self.multiplier = self.multiplier.saturating_sub(1).max(self.cheaper.busyness_multiplier);
        }
        self.calm = 0;
        self.emergency = self.emergency.saturating_sub(1);
        self.stopped = Some(now);
        Wish::Shrink
    }

    fn busy(&mut self, share: u64, room: Room, now: Instant, lines: &mut Vec<String>) -> Wish {
        let window = self.window.as_secs();
        (self.calm, self.restless) = (0, 0);
        if room.up == 0 {
            self.say(lines, || format!("{window}s average busyness is at {share}%, but no worker may be added"));
            return Wish::Stay;
        }
        let count = self.cheaper.step.min(room.up);
        self.say(lines, || format!("{window}s average busyness is at {share}%, will spawn {count} new worker(s)"));
        if self.stopped.take().is_some_and(|stopped| self.is_too_soon(stopped, now)) {
            let penalty = self.cheaper.busyness_penalty;
            self.multiplier = self.multiplier.saturating_add(penalty);
            let multiplier = self.multiplier;
            self.say(lines, || {
                format!("worker(s) respawned too fast, increasing cheaper multiplier to {multiplier} (+{penalty})")
            });
        }
        Wish::Grow(count)
    }

    /// Less time has passed since than it took to stop that worker.
    fn is_too_soon(&self, stopped: Instant, now: Instant) -> bool {
        let calm = self.window.as_secs().saturating_mul(self.multiplier);
        now.saturating_duration_since(stopped) < Duration::from_secs(calm)
    }

    fn say(&self, lines: &mut Vec<String>, line: impl FnOnce() -> String) {
        if self.cheaper.busyness_verbose {
            lines.push(format!("[busyness] {}", line()));
        }
    }
}
