//! The fleet: which processes an instance should have, which it has, and what to do about the difference.
//!
//! A pure machine: [`Fleet::on`] takes an event and the time and returns actions; nothing here forks, kills, waits or logs.
//! Each event first changes what is known, then [`Fleet::settle`] derives every step that is due. Steps depend on the
//! state alone, never on how it came about, so a stop during a reload during a crash needs no case of its own.

mod crew;
mod event;
mod patience;
mod relay;
mod scale;
mod settle;
mod succession;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::control::{Order, Report};
use crate::ending::Ending;
use crate::exit::Exit;
use crew::{Crew, Member, Pace, State};
pub use event::{Action, Event, Generation, Kind, Plan, Who};
use patience::Headway;
pub use scale::{Elastic, Scale, Seat};
pub use succession::{Heir, Legacy, Obstacle};

/// How an instance is, as the outside sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Not serving yet.
    Starting,
    /// Serving.
    Serving,
    /// Serving, and bringing up another generation.
    Reloading,
    /// On the way out.
    Stopping,
}

/// How far the instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No worker has served yet: a failure now ends the start.
    Starting,
    /// One generation serves.
    Serving,
    /// The next configuration is being read.
    Preparing,
    /// The next generation is on its way, the present one serves.
    Reloading(Generation),
    /// Everything is to end.
    Stopping(Exit),
}

/// How far the first generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// On its way.
    Pending,
    /// On its way still: a reload that came in between has failed.
    Resumed,
    /// Some generation has served.
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Fleet {
    phase: Phase,
    opening: Opening,
    /// The first generation, which has yet to serve, has no application and needs one.
    lacks_app: bool,
    /// Somebody has asked for a stop.
    told: bool,
    serving: Generation,
    latest: Generation,
    plans: BTreeMap<Generation, Plan>,
    /// Numbers of the workers that each generation is to have.
    manned: BTreeMap<Generation, BTreeSet<u32>>,
    zygotes: Crew,
    routers: Crew,
    workers: Crew,
    mules: Crew,
    spoolers: Crew,
    probes: Crew,
    serial: u64,
    /// Another reload is to follow the present one; `true` inside: a rolling one.
    reload_again: Option<bool>,
    headway: Headway,
    /// The reload on its way was asked for as a rolling one.
    asked_to_roll: bool,
    /// The generation on its way has passed its check.
    passed: bool,
    /// Workers that a rolling reload has replaced, from number 1 on.
    rolled: u32,
    settled: Instant,
    /// Generations up to this one are of a program that ours does not understand ([`Legacy::is_opaque`]).
    opaque: Option<Generation>,
}

impl Fleet {
    /// A fleet that is to come to be as `plan` wants, with the first actions for that.
    #[must_use]
    pub fn start(plan: Plan, now: Instant) -> (Self, Vec<Action>) {
        let mut fleet = Self {
            phase: Phase::Starting,
            opening: Opening::Pending,
            lacks_app: false,
            told: false,
            serving: 0,
            latest: 0,
            plans: BTreeMap::from([(0, plan)]),
            manned: BTreeMap::new(),
            zygotes: Crew::default(),
            routers: Crew::default(),
            workers: Crew::default(),
            mules: Crew::default(),
            spoolers: Crew::default(),
            probes: Crew::default(),
            serial: 0,
            reload_again: None,
            headway: Headway::new(now),
            asked_to_roll: false,
            passed: false,
            rolled: 0,
            settled: now,
            opaque: None,
        };
        let mut out = Vec::new();
        fleet.man(0, plan);
        fleet.settle(now, &mut out);
        (fleet, out)
    }

    /// Takes note of an event.
    #[must_use]
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        if let Event::Said(Who::Worker(serial), Report::Ready) = event {
            self.advance(serial, now);
        }
        match event {
            Event::Born(who, pid) => self.born(who, pid, now, &mut out),
            Event::Said(who, report) => self.said(who, report, &mut out),
            Event::Gone(who, ending) => self.gone(who, ending, now, &mut out),
            Event::WantReload => self.want_reload(false, &mut out),
            Event::WantRollingReload => self.want_reload(true, &mut out),
            Event::Prepared(plan) => self.prepared(plan, now, &mut out),
            Event::Stop => self.stop(now, &mut out),
            Event::End => self.stop_with(Exit::Ok, &mut out),
            Event::Quit => self.quit(now, &mut out),
            Event::Relieve(who) => self.relieve(who, &mut out),
            Event::Scale(scale) => self.scale(scale),
            Event::Tick => {}
        }
        self.settle(now, &mut out);
        out
    }

    /// When the next [`Event::Tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.crews().into_iter().filter_map(|crew| crew.deadline(self.settled)).chain(self.patience()).min()
    }

    /// Workers that serve.
    #[must_use]
    pub fn ready_workers(&self) -> usize {
        self.workers.iter().filter(|(_, worker)| worker.state == State::Ready).count()
    }

    /// The generation that a reload asked for at this moment will bring, if it succeeds.
    #[must_use]
    pub const fn attempt(&self) -> Generation {
        // A reload on its way has its number already; what is asked now follows it.
        self.latest.saturating_add(1)
    }

    /// How the instance is, in a word.
    #[must_use]
    pub const fn mood(&self) -> Mood {
        match self.phase {
            Phase::Starting => Mood::Starting,
            Phase::Serving => Mood::Serving,
            Phase::Preparing | Phase::Reloading(_) => Mood::Reloading,
            Phase::Stopping(_) => Mood::Stopping,
        }
    }

    /// One line on how the instance is.
    #[must_use]
    pub fn status(&self) -> String {
        let phase = match self.phase {
            Phase::Starting => "starting".to_owned(),
            Phase::Serving => format!("serving generation {}", self.serving),
            Phase::Preparing => format!("serving generation {}, reading the next configuration", self.serving),
            Phase::Reloading(next) => format!("serving generation {}, starting generation {next}", self.serving),
            Phase::Stopping(_) => "stopping".to_owned(),
        };
        let count = |crew: &Crew| crew.iter().count();
        format!(
            "{phase}: {} of {} workers ready, {} routers, {} zygotes",
            self.ready_workers(),
            count(&self.workers),
            count(&self.routers),
            count(&self.zygotes)
        )
    }

    const fn crews(&self) -> [&Crew; 6] {
        [&self.zygotes, &self.routers, &self.workers, &self.mules, &self.spoolers, &self.probes]
    }

    fn crew(&mut self, who: Who) -> (&mut Crew, u64) {
        match who {
            Who::Zygote(serial) => (&mut self.zygotes, serial),
            Who::Router(serial) => (&mut self.routers, serial),
            Who::Worker(serial) => (&mut self.workers, serial),
            Who::Mule(serial) => (&mut self.mules, serial),
            Who::Spooler(serial) => (&mut self.spoolers, serial),
            Who::Probe(serial) => (&mut self.probes, serial),
        }
    }

    fn plan(&self, generation: Generation) -> Plan {
        // Every generation that has members has a plan; the serving one's is there from the start.
        self.plans.get(&generation).or_else(|| self.plans.get(&self.serving)).copied().unwrap_or(Plan {
            workers: 0,
            elastic: None,
            cores: 0,
            routers: 0,
            mules: 0,
            spoolers: 0,
            routed_by: generation,
            mercy: Duration::ZERO,
            mule_mercy: Duration::ZERO,
            pause: Duration::ZERO,
            need_app: false,
            check: false,
            lazy: false,
            rolling: false,
        })
    }

    fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping(_))
    }

    /// The generation that is being brought up beside the serving one.
    fn next(&self) -> Option<Generation> {
        match self.phase {
            Phase::Reloading(next) => Some(next),
            _ => None,
        }
    }

    /// Generations that are to have processes, the lasting one first.
    fn wanted(&self) -> Vec<Generation> {
        if self.is_stopping() { Vec::new() } else { std::iter::once(self.serving).chain(self.next()).collect() }
    }

    fn born(&mut self, who: Who, pid: u32, now: Instant, out: &mut Vec<Action>) {
        let (crew, serial) = self.crew(who);
        let Some(member) = crew.get_mut(serial) else { return };
        member.pid = pid;
        member.since = now;
        let (number, is_ready) = (member.number, member.state == State::Ready);
        // Of one that stands by it is said when it takes its place.
        let is_successor = member.succeeds.is_some();
        crew.born(serial);
        if !is_successor && !crew.is_first(serial) {
            out.push(Action::Say(respawned(&name(who, number), pid)));
        }
        if is_ready {
            self.announce(who, out);
        }
    }

    /// Says that a process serves. Its own word and the news of its birth come on different ways, in either order.
    fn announce(&mut self, who: Who, out: &mut Vec<Action>) {
        let (crew, serial) = self.crew(who);
        let Some(&Member { generation, number, pid, .. }) = crew.get_mut(serial).map(|member| &*member) else { return };
        let cores = self.plan(generation).cores;
        match who {
            Who::Worker(_) if pid != 0 => {
                let plural = if cores == 1 { "core" } else { "cores" };
                out.push(Action::Say(format!("worker {number} (pid {pid}, {cores} {plural}) ready")));
            }
            Who::Router(_) | Who::Mule(_) | Who::Spooler(_) if pid != 0 => {
                out.push(Action::Say(format!("{} (pid {pid}) ready", name(who, number))));
            }
            _ => {}
        }
    }

    fn said(&mut self, who: Who, report: Report, out: &mut Vec<Action>) {
        match report {
            Report::Ready => {
                let (crew, serial) = self.crew(who);
                match crew.get_mut(serial).filter(|member| member.state == State::Starting) {
                    Some(member) if member.succeeds.is_some() => member.state = State::StandsBy,
                    Some(member) => {
                        member.state = State::Ready;
                        self.announce(who, out);
                    }
                    None => {}
                }
                self.passed |= matches!(who, Who::Probe(_));
            }
            Report::WantsReload => self.want_reload(false, out),
            Report::WantsStop => self.stop_with(Exit::Ok, out),
            Report::NoApp => self.no_app(who, out),
            // When the instance stops, its turn comes.
            Report::WantsLeave if self.is_stopping() => {}
            Report::WantsLeave => out.push(Action::Tell(who, Order::Drain)),
            Report::WantsSuccessor => self.relieve(who, out),
            // The master's own concern.
            Report::HasDeadline | Report::LongQueue | Report::ShortQueue | Report::Queue(_) => {}
            Report::Bell(_) | Report::HasSources | Report::CannotAccept => {}
        }
    }

    fn no_app(&mut self, who: Who, out: &mut Vec<Action>) {
        let (crew, serial) = self.crew(who);
        let Some(generation) = crew.get_mut(serial).map(|member| member.generation) else { return };
        if !self.plan(generation).need_app {
            return;
        }
        if self.phase == Phase::Starting {
            out.push(Action::Warn(NEED_APP.into()));
            self.stop_with(Exit::NoApp, out);
        } else if generation == self.serving && self.opening != Opening::Over {
            // The reload on its way may bring one.
            self.lacks_app = true;
        } else if self.next() == Some(generation) {
            self.give_up(generation, "no application could be loaded", out);
        }
    }

    fn gone(&mut self, who: Who, ending: Ending, now: Instant, out: &mut Vec<Action>) {
        let (pause, is_stopping) = (self.plan(self.serving).pause, self.is_stopping());
        let wanted = self.wanted();
        let (crew, serial) = self.crew(who);
        let Some(member) = crew.remove(serial) else { return };
        let (generation, number, pid) = (member.generation, member.number, member.pid);
        if matches!(who, Who::Probe(_)) {
            return self.probe_gone(&member, ending, out);
        }
        let name = name(who, number);
        if member.is_leaving() || !wanted.contains(&generation) {
            if is_stopping && !matches!(who, Who::Zygote(_)) {
                let seconds = member.left_for(now).as_secs();
                out.push(Action::Say(format!("{name} buried after {seconds} seconds (pid: {pid})")));
            } else if who.forked().is_some() {
                out.push(Action::Say(format!("{name} killed successfully (pid: {pid})")));
            }
            let is_worker = matches!(who, Who::Worker(_));
            if is_worker && wanted.contains(&generation) && !self.is_manned(generation, number) {
                out.push(Action::Say(format!("rsgi {name} cheaped.")));
            }
            return;
        }
        if self.is_opaque(generation) {
            return self.opaque_gone(&name, pid, ending, out);
        }
        let was_ready = member.state == State::Ready;
        let (crew, _) = self.crew(who);
        if ending == Ending::Unborn {
            let is_news = crew.postpone(&member, now);
            return self.unborn(who, generation, &name, is_news, out);
        }
        let graceful = who.forked().is_some() && was_ready && is_graceful(ending);
        let pace = crew.mourn(&member, graceful, pause, now);
        if graceful {
            out.push(Action::Say(format!("{name} killed successfully (pid: {pid})")));
        } else {
            let fact = format!("{name} (pid: {pid}) died, {ending}");
            self.failed(who, generation, was_ready, ending, &fact, out);
        }
        if let (Pace::After(pause, deaths), false) = (pace, self.is_stopping() || !self.wanted().contains(&generation))
        {
            let seconds = pause.as_secs();
            out.push(Action::Warn(format!(
                "{name} respawning too fast !!! {deaths} deaths at birth in a row, the last one: {ending}; next try in \
                 {seconds} seconds"
            )));
        }
    }

    /// A process that is wanted could not be started. What serves goes on; it is tried again and again, and told once.
    fn unborn(&mut self, who: Who, generation: Generation, name: &str, is_news: bool, out: &mut Vec<Action>) {
        let fact = format!("{name} cannot be started");
        if self.next() == Some(generation) {
            self.give_up(generation, &fact, out);
        } else if self.phase == Phase::Starting && matches!(who, Who::Zygote(_)) {
            out.push(Action::Alarm(format!("DAMN ! {fact} :(")));
            self.stop_with(Exit::Config, out);
        } else if is_news {
            out.push(Action::Alarm(format!("DAMN ! {fact} :( it is tried again until it can be")));
        }
    }

    /// The probe has ended: by its own choice when it has passed the application, which it has said before.
    fn probe_gone(&mut self, member: &Member, ending: Ending, out: &mut Vec<Action>) {
        if member.state == State::Starting && self.next() == Some(member.generation) {
            let why = match ending {
                Ending::Exited(code) if code == Exit::Unhealthy.code() => "the check was not passed".to_owned(),
                _ => format!("the process of the check died, {ending}"),
            };
            self.give_up(member.generation, &why, out);
        }
    }

    /// A process that was wanted has failed.
    fn failed(
        &mut self,
        who: Who,
        generation: Generation,
        was_ready: bool,
        ending: Ending,
        fact: &str,
        out: &mut Vec<Action>,
    ) {
        let is_zygote = matches!(who, Who::Zygote(_));
        if self.next() == Some(generation) && !was_ready {
            let why = if is_zygote { "the application could not be loaded" } else { fact };
            self.give_up(generation, why, out);
        } else if self.phase == Phase::Starting && is_zygote && !was_ready {
            // It has logged why; how it left says which of our own codes fits.
            let exit = if ending.code() == Some(Exit::NoApp.code()) { Exit::NoApp } else { Exit::Config };
            if ending.code().is_none() {
                out.push(Action::Alarm(format!("DAMN ! {fact} :( while it loaded the application")));
            }
            self.stop_with(exit, out);
        } else if self.phase == Phase::Starting && ending.code() == Some(Exit::Hook.code()) {
            out.push(Action::Warn(format!("{fact}: a hook has failed, so the start ends")));
            self.stop_with(Exit::Config, out);
        } else {
            out.push(Action::Alarm(format!("DAMN ! {fact} :( trying respawn ...")));
        }
    }

    fn want_reload(&mut self, rolling: bool, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Starting if !self.has_loaded(self.serving) => self.reload_again = Some(rolling),
            Phase::Starting | Phase::Serving => {
                self.phase = Phase::Preparing;
                self.asked_to_roll = rolling;
                out.push(Action::Say(format!("...gracefully reloading: generation {}", self.latest + 1)));
                out.push(Action::Prepare(self.latest + 1));
            }
            Phase::Preparing | Phase::Reloading(_) => self.reload_again = Some(rolling),
            Phase::Stopping(_) => {}
        }
    }

    fn prepared(&mut self, plan: Option<Plan>, now: Instant, out: &mut Vec<Action>) {
        if self.phase != Phase::Preparing {
            return;
        }
        let next = self.latest + 1;
        match plan {
            Some(plan) => {
                self.latest = next;
                self.plans.insert(next, Plan { rolling: plan.rolling || self.asked_to_roll, ..plan });
                (self.passed, self.rolled) = (false, 0);
                self.man(next, plan);
                (self.phase, self.headway) = (Phase::Reloading(next), Headway::new(now));
            }
            None => {
                out.push(Action::Warn(format!("reload refused: {}", self.what_stays())));
                out.push(Action::ReloadFailed(next, "the new configuration cannot be used".into()));
                self.go_back(out);
            }
        }
    }

    /// Ends the attempt to bring up `next`; the serving generation stays.
    fn give_up(&mut self, next: Generation, why: &str, out: &mut Vec<Action>) {
        out.push(Action::Warn(format!("reload failed: {why}; {}", self.what_stays())));
        debug_assert_ne!(next, self.serving);
        out.push(Action::ReloadFailed(next, why.to_owned()));
        self.go_back(out);
    }

    fn what_stays(&self) -> String {
        let serves = self.opening == Opening::Over || self.is_complete(self.serving);
        let what = if serves { "serving" } else { "starting" };
        format!("generation {} goes on {what}", self.serving)
    }

    /// Goes on where a reload has come in between: with the start, as long as nothing has served.
    fn go_back(&mut self, out: &mut Vec<Action>) {
        if self.opening == Opening::Over {
            self.phase = Phase::Serving;
            return;
        }
        (self.phase, self.opening) = (Phase::Starting, Opening::Resumed);
        if self.lacks_app {
            out.push(Action::Warn(NEED_APP.into()));
            self.stop_with(Exit::NoApp, out);
        }
    }

    fn stop(&mut self, now: Instant, out: &mut Vec<Action>) {
        if std::mem::replace(&mut self.told, true) {
            self.quit(now, out);
        } else {
            self.stop_with(Exit::Ok, out);
        }
    }

    fn stop_with(&mut self, exit: Exit, out: &mut Vec<Action>) {
        if self.is_stopping() {
            return;
        }
        if exit == Exit::Ok {
            out.push(Action::Say("stopping gracefully (a second signal stops at once)...".into()));
        }
        self.phase = Phase::Stopping(exit);
    }

    fn quit(&mut self, now: Instant, out: &mut Vec<Action>) {
        out.push(Action::Say("stopping at once...".into()));
        let exit = if let Phase::Stopping(exit) = self.phase { exit } else { Exit::Ok };
        self.phase = Phase::Stopping(exit);
        for (who, member) in self.everyone() {
            let (crew, serial) = self.crew(who);
            if crew.get_mut(serial).is_some_and(|member| member.hurry(now, QUIT_MERCY)) {
                out.push(if member.state == State::Starting && matches!(who, Who::Zygote(_)) {
                    Action::Kill(who)
                } else {
                    Action::Tell(who, Order::Quit)
                });
            }
        }
    }

    fn everyone(&self) -> Vec<(Who, Member)> {
        let zygotes = self.zygotes.iter().map(|(serial, member)| (Who::Zygote(*serial), *member));
        let routers = self.routers.iter().map(|(serial, member)| (Who::Router(*serial), *member));
        let workers = self.workers.iter().map(|(serial, member)| (Who::Worker(*serial), *member));
        let mules = self.mules.iter().map(|(serial, member)| (Who::Mule(*serial), *member));
        let spoolers = self.spoolers.iter().map(|(serial, member)| (Who::Spooler(*serial), *member));
        let probes = self.probes.iter().map(|(serial, member)| (Who::Probe(*serial), *member));
        zygotes.chain(routers).chain(workers).chain(mules).chain(spoolers).chain(probes).collect()
    }

    fn has_loaded(&self, generation: Generation) -> bool {
        self.zygotes.iter().any(|(_, zygote)| zygote.generation == generation && zygote.state == State::Ready)
    }

    /// Whether every worker that the generation wants serves.
    fn has_workers(&self, generation: Generation) -> bool {
        self.workers.ready(generation) >= self.strength(generation)
    }

    /// Whether every process that the generation wants serves.
    fn is_complete(&self, generation: Generation) -> bool {
        let plan = self.plan(generation);
        let is_routed = self.routers.ready(plan.routed_by) >= plan.routers;
        // With workers that rest there is none whose absence would tell.
        let is_checked = !plan.check || self.passed || self.next() != Some(generation);
        self.has_loaded(generation) && is_checked && self.has_workers(generation) && is_routed
    }
}

/// Time for leaving when nobody wants to wait.
const QUIT_MERCY: Duration = Duration::from_millis(500);

/// What is said when the start ends for lack of an application.
pub const NEED_APP: &str = "no application could be loaded, so there is nothing to serve: see the lines above \
     (`need-app = false` starts anyway and answers 500, as uWSGI does)";

fn respawned(name: &str, pid: u32) -> String {
    format!("Respawned rsgi {name} (new pid: {pid})")
}

fn name(who: Who, number: u32) -> String {
    match who {
        Who::Zygote(_) => "zygote".to_owned(),
        Who::Router(_) => format!("http {number}"),
        Who::Worker(_) => format!("worker {number}"),
        Who::Mule(_) => format!("mule {number}"),
        Who::Spooler(_) => format!("spooler {number}"),
        Who::Probe(_) => "probe".to_owned(),
    }
}

/// Codes of a worker that has left in good order: asked by a signal, recycled, reloaded. 0 is not among them: it is what an
/// application leaves with that ends its own process, perhaps each time.
const fn is_graceful(ending: Ending) -> bool {
    match ending {
        Ending::Exited(code) => code == Exit::Reload.code() || code == Exit::WorkerEnd.code(),
        Ending::Killed(_) | Ending::Unknown | Ending::Unborn => false,
    }
}

#[cfg(test)]
mod tests;
