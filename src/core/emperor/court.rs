//! Who is a vassal and what is to be done about it. Pure: events in, actions out; no clock of its own, no process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Exit code of a vassal that does not want to be started again (uWSGI's number).
const GONE_FOR_GOOD: i32 = 26;
/// A vassal that was told to leave and is still there after this time is killed. Its own mercy is 60 s.
const PATIENCE: Duration = Duration::from_secs(75);

/// What a look at a vassal's file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Time of the last change.
    pub changed: SystemTime,
    /// Owner: the user that a tyrant runs the vassal as.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The files were looked at; these are there.
    Seen(BTreeMap<PathBuf, Stamp>),
    /// A vassal serves.
    Loyal(u64),
    /// A vassal ended: its exit code, `None` when a signal killed it.
    Died(u64, Option<i32>),
    /// The emperor is to leave.
    Stop,
    /// Time has passed.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a vassal.
    Spawn(u64, PathBuf, Stamp),
    /// Its file has changed: let it read it.
    Reload(u64),
    /// Let it finish and leave.
    Leave(u64),
    /// It had its time.
    Kill(u64),
    /// A line for the log.
    Say(String),
    /// All vassals are gone.
    Done,
}

/// One vassal.
#[derive(Debug)]
struct Vassal {
    stamp: Stamp,
    state: State,
    /// Pause before the next start, should this one end badly.
    pause: Duration,
}

#[derive(Debug)]
enum State {
    /// It runs; `loyal` once it serves.
    Running { serial: u64, since: Instant, loyal: bool },
    /// It ended too early and is not tried again before this moment (`None`: before its file changes).
    Resting { until: Option<Instant> },
    /// Its file is gone, or the emperor leaves; `again`: the file has come back meanwhile.
    Cursed { serial: u64, since: Instant, again: Option<Stamp> },
}

/// All vassals.
#[derive(Debug)]
pub struct Court {
    vassals: BTreeMap<PathBuf, Vassal>,
    serial: u64,
    first_pause: Duration,
    longest_pause: Duration,
    stopping: bool,
}

impl Court {
    /// An empty court. The pauses are `emperor-throttle` and `emperor-max-throttle`.
    #[must_use]
    pub const fn new(first_pause: Duration, longest_pause: Duration) -> Self {
        Self { vassals: BTreeMap::new(), serial: 0, first_pause, longest_pause, stopping: false }
    }

    /// Takes note of an event and says what is to be done.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Seen(files) if !self.stopping => self.seen(files, now, &mut out),
            Event::Seen(_) | Event::Tick => {}
            Event::Loyal(serial) => self.loyal(serial, &mut out),
            Event::Died(serial, code) => self.died(serial, code, now, &mut out),
            Event::Stop => {
                self.stopping = true;
                self.vassals.retain(|_, vassal| !matches!(vassal.state, State::Resting { .. }));
                for vassal in self.vassals.values_mut() {
                    vassal.curse(now, &mut out);
                }
            }
        }
        self.due(now, &mut out);
        if self.stopping && self.vassals.is_empty() {
            out.push(Action::Done);
        }
        out
    }

    /// When [`Event::Tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let moments = self.vassals.values().filter_map(|vassal| match vassal.state {
            State::Resting { until } => until,
            State::Cursed { since, .. } => Some(since + PATIENCE),
            State::Running { .. } => None,
        });
        moments.min()
    }

    /// Running vassals, and how many of them serve.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let running = |vassal: &&Vassal| matches!(vassal.state, State::Running { .. });
        let loyal = |vassal: &&Vassal| matches!(vassal.state, State::Running { loyal: true, .. });
        (self.vassals.values().filter(running).count(), self.vassals.values().filter(loyal).count())
    }

    fn seen(&mut self, files: BTreeMap<PathBuf, Stamp>, now: Instant, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            if !files.contains_key(path) && !matches!(vassal.state, State::Cursed { again: None, .. }) {
                out.push(Action::Say(format!("[emperor] removed vassal {}", path.display())));
                vassal.curse(now, out);
            }
        }
        self.vassals.retain(|path, vassal| files.contains_key(path) || !matches!(vassal.state, State::Resting { .. }));
        for (path, stamp) in files {
            let Some(vassal) = self.vassals.get_mut(&path) else {
                let vassal = Vassal { stamp, state: State::Resting { until: Some(now) }, pause: self.first_pause };
                self.vassals.insert(path, vassal);
                continue;
            };
            let has_changed = vassal.stamp.changed != stamp.changed;
            match &mut vassal.state {
                State::Cursed { again, .. } => *again = Some(stamp),
                State::Running { serial, .. } if has_changed => {
                    out.push(Action::Say(format!("[emperor] reload the vassal {}", path.display())));
                    out.push(Action::Reload(*serial));
                }
                // A file that was mended is tried at once.
                State::Resting { until } if has_changed => {
                    *until = Some(now);
                    vassal.pause = self.first_pause;
                }
                State::Running { .. } | State::Resting { .. } => {}
            }
            vassal.stamp = stamp;
        }
    }

    fn loyal(&mut self, serial: u64, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            if let State::Running { serial: other, loyal, .. } = &mut vassal.state
                && *other == serial
                && !std::mem::replace(loyal, true)
            {
                out.push(Action::Say(format!("[emperor] vassal {} is now loyal", path.display())));
            }
        }
    }

    fn died(&mut self, serial: u64, code: Option<i32>, now: Instant, out: &mut Vec<Action>) {
        let is_it = |vassal: &Vassal| match vassal.state {
            State::Running { serial: other, .. } | State::Cursed { serial: other, .. } => other == serial,
            State::Resting { .. } => false,
        };
        let Some((path, vassal)) = self.vassals.iter_mut().find(|(_, vassal)| is_it(vassal)) else { return };
        let how = code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit code {code}"));
        match vassal.state {
            State::Cursed { again: Some(stamp), .. } if !self.stopping => {
                vassal.stamp = stamp;
                vassal.state = State::Resting { until: Some(now) };
            }
            State::Cursed { .. } => {
                let path = path.clone();
                out.push(Action::Say(format!("[emperor] vassal {} is gone", path.display())));
                self.vassals.remove(&path);
            }
            State::Running { .. } if code == Some(GONE_FOR_GOOD) => {
                out.push(Action::Say(format!("[emperor] vassal {} wants to be gone", path.display())));
                vassal.state = State::Resting { until: None };
            }
            State::Running { since, loyal, .. } => {
                // Whoever served for a while starts again at once; who never did, later and later.
                if loyal && now.duration_since(since) > vassal.pause {
                    vassal.pause = self.first_pause;
                    vassal.state = State::Resting { until: Some(now) };
                    out.push(Action::Say(format!(
                        "[emperor] vassal {} died ({how}), starting it again",
                        path.display()
                    )));
                } else {
                    let pause = vassal.pause;
                    vassal.state = State::Resting { until: Some(now + pause) };
                    vassal.pause = (pause * 2).min(self.longest_pause).max(self.first_pause);
                    out.push(Action::Say(format!(
                        "[emperor] vassal {} ended too early ({how}), next try in {} ms",
                        path.display(),
                        pause.as_millis()
                    )));
                }
            }
            State::Resting { .. } => {}
        }
    }

    /// Starts whoever has rested, kills whoever does not leave.
    fn due(&mut self, now: Instant, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            match &mut vassal.state {
                State::Resting { until: Some(until) } if *until <= now && !self.stopping => {
                    self.serial += 1;
                    vassal.state = State::Running { serial: self.serial, since: now, loyal: false };
                    out.push(Action::Spawn(self.serial, path.clone(), vassal.stamp));
                }
                State::Cursed { serial, since, .. } if now.duration_since(*since) >= PATIENCE => {
                    *since = now;
                    out.push(Action::Kill(*serial));
                }
                _ => {}
            }
        }
    }
}

impl Vassal {
    fn curse(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &mut self.state {
            State::Running { serial, .. } => {
                out.push(Action::Leave(*serial));
                self.state = State::Cursed { serial: *serial, since: now, again: None };
            }
            State::Cursed { serial, again, .. } => {
                *again = None;
                out.push(Action::Leave(*serial));
            }
            State::Resting { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        court: Court,
        now: Instant,
        files: BTreeMap<PathBuf, Stamp>,
    }

    impl Scene {
        fn new() -> Self {
            let court = Court::new(Duration::from_secs(1), Duration::from_secs(8));
            Self { court, now: Instant::now(), files: BTreeMap::new() }
        }

        fn touch(&mut self, name: &str, second: u64) -> &mut Self {
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            self.files.insert(name.into(), Stamp { changed, uid: 0, gid: 0 });
            self
        }

        /// Actions but what is only said.
        fn on(&mut self, event: Event) -> Vec<Action> {
            let mut actions = self.court.on(event, self.now);
            actions.retain(|action| !matches!(action, Action::Say(_)));
            actions
        }

        fn look(&mut self) -> Vec<Action> {
            let files = self.files.clone();
            self.on(Event::Seen(files))
        }

        fn pass(&mut self, seconds: u64) -> Vec<Action> {
            self.now += Duration::from_secs(seconds);
            self.on(Event::Tick)
        }
    }

    fn spawned(actions: &[Action]) -> Vec<u64> {
        actions
            .iter()
            .filter_map(|action| if let Action::Spawn(serial, ..) = action { Some(*serial) } else { None })
            .collect()
    }

    #[test]
    fn files_become_vassals_and_touching_reloads() {
        let mut scene = Scene::new();
        assert_eq!(spawned(&scene.touch("a.ini", 1).touch("b.ini", 1).look()), [1, 2]);
        assert_eq!(scene.look(), []);
        assert_eq!(scene.touch("b.ini", 2).look(), [Action::Reload(2)]);
    }

    #[test]
    fn a_removed_file_is_a_curse_and_a_file_that_returns_a_new_start() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        scene.files.clear();
        assert_eq!(scene.look(), [Action::Leave(1)]);
        assert_eq!(scene.look(), [], "it was told once");
        assert_eq!(scene.touch("a.ini", 1).look(), []);
        assert_eq!(spawned(&scene.on(Event::Died(1, Some(0)))), [2]);
    }

    #[test]
    fn a_cursed_vassal_that_stays_is_killed() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        scene.files.clear();
        scene.look();
        assert_eq!(scene.pass(74), []);
        assert_eq!(scene.pass(1), [Action::Kill(1)]);
        assert_eq!(scene.on(Event::Died(1, None)), []);
        assert_eq!(scene.court.count(), (0, 0));
    }

    #[test]
    fn a_vassal_that_never_serves_is_tried_later_and_later() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        let mut serial = 1;
        for pause in [1, 2, 4, 8, 8] {
            assert_eq!(scene.on(Event::Died(serial, Some(22))), []);
            assert_eq!(scene.court.deadline(), Some(scene.now + Duration::from_secs(pause)));
            assert_eq!(scene.pass(pause - 1), []);
            serial += 1;
            assert_eq!(spawned(&scene.pass(1)), [serial]);
        }
        scene.on(Event::Died(serial, Some(22)));
        assert_eq!(spawned(&scene.touch("a.ini", 2).look()), [serial + 1], "a mended file is tried at once");
    }

    #[test]
    fn a_loyal_vassal_starts_again_at_once() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        assert_eq!(scene.on(Event::Loyal(1)), []);
        assert_eq!(scene.court.count(), (1, 1));
        scene.pass(10);
        assert_eq!(spawned(&scene.on(Event::Died(1, None))), [2]);
        assert_eq!(spawned(&scene.on(Event::Died(2, None))), Vec::<u64>::new(), "but not in a loop");
    }

    #[test]
    fn a_vassal_may_want_to_be_gone() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        assert_eq!(scene.on(Event::Died(1, Some(26))), []);
        assert_eq!((scene.pass(1000), scene.look()), (vec![], vec![]));
        assert_eq!(spawned(&scene.touch("a.ini", 2).look()), [2]);
    }

    #[test]
    fn stopping_waits_for_all_and_starts_nobody() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).touch("b.ini", 1).touch("c.ini", 1).look();
        scene.on(Event::Died(3, Some(1)));
        assert_eq!(scene.on(Event::Stop), [Action::Leave(1), Action::Leave(2)]);
        assert_eq!(scene.touch("d.ini", 1).look(), []);
        assert_eq!(scene.on(Event::Died(1, Some(0))), []);
        assert_eq!(scene.on(Event::Died(2, Some(0))), [Action::Done]);
    }
}
