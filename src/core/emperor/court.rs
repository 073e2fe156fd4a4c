//! Who is a vassal and what is to be done about it. Pure: events in, actions out; no clock of its own, no process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Exit code of a vassal that does not want to be started again (uWSGI's number).
const GONE_FOR_GOOD: i32 = 26;
/// What a look at a vassal's file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Time of the last change.
    pub changed: SystemTime,
    /// Its inode: what takes a file's place may be as old as that one, as all files of Nix's store are.
    pub inode: u64,
    /// Owner: the user that a tyrant runs the vassal as.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// It has a socket at which the emperor waits, and runs only when somebody has knocked there.
    pub on_demand: bool,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The files were looked at; these are there.
    Seen(BTreeMap<PathBuf, Stamp>),
    /// The same, and every vassal is to reload.
    Renewed(BTreeMap<PathBuf, Stamp>),
    /// A vassal serves.
    Loyal(u64),
    /// A vassal says that it lives.
    Heartbeat(u64),
    /// Somebody waits at the socket of a vassal that sleeps.
    Knock(PathBuf),
    /// The socket of a vassal cannot be had.
    NoDoor(PathBuf),
    /// A vassal ended: its exit code, `None` when a signal killed it.
    Died(u64, Option<i32>),
    /// The emperor is to leave, says somebody. Who says it a second time does not want to wait.
    Stop,
    /// Its end has come about without anybody saying so; however often, this hurries nobody.
    End,
    /// At once.
    Quit,
    /// Time has passed.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a vassal.
    Spawn(u64, PathBuf, Stamp),
    /// Wait at the vassal's socket, and report [`Event::Knock`] once.
    Watch(PathBuf, Stamp),
    /// Its file has changed: let it read it.
    Reload(u64),
    /// Let it finish and leave.
    Leave(u64),
    /// Let it leave at once.
    Quit(u64),
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
    past: Past,
}

/// What is remembered of a vassal for the stats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When its file was found.
    pub born: Instant,
    /// Its first process, and the last one.
    pub runs: Option<(Instant, Instant)>,
    /// When it last began to serve.
    pub loyal: Option<Instant>,
    /// When it last said that it lives.
    pub heartbeat: Option<Instant>,
    /// Processes after the first one.
    pub respawns: u32,
    /// Processes in a row that ended too early, and when the first and the last of them did.
    pub failures: Option<(u32, Instant, Instant)>,
}

/// One vassal as the stats show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    /// Its file.
    pub path: PathBuf,
    /// Its file when last looked at.
    pub stamp: Stamp,
    /// Serial number of its process, if it has one.
    pub serial: Option<u64>,
    /// It serves.
    pub is_loyal: bool,
    /// It was told to leave.
    pub is_cursed: bool,
    /// For how long it rests after its last failure; `None` when it runs, or sleeps until it is asked.
    pub pause: Option<Duration>,
    /// What was before.
    pub past: Past,
}

#[derive(Debug)]
enum State {
    /// It runs; `loyal` once it serves, `heard` once it has said that it lives.
    Running { serial: u64, since: Instant, loyal: bool, heard: Option<Instant> },
    /// It runs only when asked, and nobody has asked.
    Sleeping,
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
    manners: Manners,
    stopping: bool,
    /// Somebody has said so.
    told: bool,
}

/// How patient the emperor is.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// `emperor-throttle`: the first pause of a vassal that fails.
    pub first_pause: Duration,
    /// `emperor-max-throttle`: the longest one.
    pub longest_pause: Duration,
    /// `emperor-required-heartbeat`: silence after which a vassal that has spoken is replaced.
    pub silence: Duration,
    /// `emperor-curse-tolerance`: time for leaving.
    pub tolerance: Duration,
    /// `emperor-tyrant`: a vassal runs as the owner of its file.
    pub tyrant: bool,
}

impl Court {
    /// An empty court.
    #[must_use]
    pub const fn new(manners: Manners) -> Self {
        Self { vassals: BTreeMap::new(), serial: 0, manners, stopping: false, told: false }
    }

    /// Takes note of an event and says what is to be done.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Seen(files) if !self.stopping => self.seen(files, false, now, &mut out),
            Event::Renewed(files) if !self.stopping => self.seen(files, true, now, &mut out),
            Event::Seen(_) | Event::Renewed(_) | Event::Tick => {}
            Event::Loyal(serial) => self.loyal(serial, now, &mut out),
            Event::Heartbeat(serial) => self.heartbeat(serial, now),
            Event::Knock(path) => self.knock(path, now, &mut out),
            Event::NoDoor(path) => self.no_door(&path, now, &mut out),
            Event::Died(serial, code) => self.died(serial, code, now, &mut out),
            Event::Stop if std::mem::replace(&mut self.told, true) => {
                let cursed = self.vassals.values().filter_map(Vassal::serial);
                out.extend(cursed.map(Action::Leave));
            }
            Event::Stop | Event::End => self.end(now, &mut out),
            Event::Quit => {
                self.end(now, &mut Vec::new());
                out.extend(self.vassals.values().filter_map(Vassal::serial).map(Action::Quit));
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
            State::Cursed { since, .. } => Some(since + self.manners.tolerance),
            State::Running { heard, .. } => heard.map(|heard| heard + self.manners.silence),
            State::Sleeping => None,
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

    /// Whether a vassal was started on demand when it was last looked at.
    #[must_use]
    pub fn is_on_demand(&self, path: &Path) -> bool {
        self.vassals.get(path).is_some_and(|vassal| vassal.stamp.on_demand)
    }

    /// Every vassal, in the order of the files.
    pub fn portraits(&self) -> impl Iterator<Item = Portrait> {
        self.vassals.iter().map(|(path, vassal)| Portrait {
            path: path.clone(),
            stamp: vassal.stamp,
            serial: vassal.serial(),
            is_loyal: matches!(vassal.state, State::Running { loyal: true, .. }),
            is_cursed: matches!(vassal.state, State::Cursed { .. }),
            pause: match (&vassal.state, vassal.past.failures) {
                (State::Resting { until: Some(until) }, Some((_, _, last))) => Some(*until - last),
                _ => None,
            },
            past: vassal.past,
        })
    }

    fn seen(&mut self, files: BTreeMap<PathBuf, Stamp>, all: bool, now: Instant, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            if !files.contains_key(path) && !matches!(vassal.state, State::Cursed { again: None, .. }) {
                out.push(Action::Say(format!("[emperor] removed vassal {}", path.display())));
                vassal.curse(now, out);
            }
        }
        self.vassals.retain(|path, vassal| files.contains_key(path) || vassal.has_process());
        for (path, stamp) in files {
            let Some(vassal) = self.vassals.get_mut(&path) else {
                let past = Past { born: now, runs: None, loyal: None, heartbeat: None, respawns: 0, failures: None };
                let state = State::Resting { until: Some(now) };
                let vassal = Vassal { stamp, state, pause: self.manners.first_pause, past };
                self.vassals.insert(path, vassal);
                continue;
            };
            // To change the owner changes neither of them.
            let has_moved = self.manners.tyrant && (vassal.stamp.uid, vassal.stamp.gid) != (stamp.uid, stamp.gid);
            let has_changed = has_moved || (vassal.stamp.changed, vassal.stamp.inode) != (stamp.changed, stamp.inode);
            match &mut vassal.state {
                State::Cursed { again, .. } => *again = Some(stamp),
                // Its process stays who it is: only another one can be the new owner's.
                State::Running { .. } if has_moved => {
                    out.push(Action::Say(format!(
                        "[emperor] vassal {} has another owner: starting it anew",
                        path.display()
                    )));
                    vassal.curse(now, out);
                    if let State::Cursed { again, .. } = &mut vassal.state {
                        *again = Some(stamp);
                    }
                }
                State::Running { serial, .. } if has_changed || all => {
                    out.push(Action::Say(format!("[emperor] reload the vassal {}", path.display())));
                    out.push(Action::Reload(*serial));
                }
                // A file that was mended is tried at once.
                State::Resting { until } if has_changed => {
                    *until = Some(now);
                    vassal.pause = self.manners.first_pause;
                }
                // It has lost its socket, or got another one.
                State::Sleeping if !stamp.on_demand || has_changed => {
                    vassal.state = State::Resting { until: Some(now) };
                }
                State::Running { .. } | State::Resting { .. } | State::Sleeping => {}
            }
            vassal.stamp = stamp;
        }
    }

    /// Every vassal is to leave; who was told before is not told again.
    fn end(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.stopping = true;
        self.vassals.retain(|_, vassal| vassal.has_process());
        self.vassals.values_mut().for_each(|vassal| vassal.curse(now, out));
    }

    fn loyal(&mut self, serial: u64, now: Instant, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            if let State::Running { serial: other, loyal, .. } = &mut vassal.state
                && *other == serial
                && !std::mem::replace(loyal, true)
            {
                vassal.past.loyal = Some(now);
                out.push(Action::Say(format!("[emperor] vassal {} is now loyal", path.display())));
            }
        }
    }

    fn heartbeat(&mut self, serial: u64, now: Instant) {
        for vassal in self.vassals.values_mut() {
            if let State::Running { serial: other, heard, .. } = &mut vassal.state
                && *other == serial
            {
                *heard = Some(now);
                vassal.past.heartbeat = Some(now);
            }
        }
    }

    fn knock(&mut self, path: PathBuf, now: Instant, out: &mut Vec<Action>) {
        if let Some(vassal) = self.vassals.get_mut(&path)
            && matches!(vassal.state, State::Sleeping)
            && !self.stopping
        {
            self.serial += 1;
            out.push(vassal.spawn(self.serial, path, now));
        }
    }

    fn no_door(&mut self, path: &Path, now: Instant, out: &mut Vec<Action>) {
        if let Some(vassal) = self.vassals.get_mut(path).filter(|vassal| matches!(vassal.state, State::Sleeping)) {
            out.push(vassal.rest(path, "its socket cannot be had", self.manners.longest_pause, now));
        }
    }

    fn died(&mut self, serial: u64, code: Option<i32>, now: Instant, out: &mut Vec<Action>) {
        let found = self.vassals.iter_mut().find(|(_, vassal)| vassal.serial() == Some(serial));
        let Some((path, vassal)) = found else { return };
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
            // It has ended in good order, being idle: the next request starts it again.
            State::Running { loyal: true, .. } if vassal.stamp.on_demand && code == Some(0) => {
                vassal.pause = self.manners.first_pause;
                vassal.state = State::Resting { until: Some(now) };
                out.push(Action::Say(format!("[emperor] vassal {} sleeps until it is asked", path.display())));
            }
            State::Running { since, loyal, .. } => {
                // Whoever served for a while starts again at once; who never did, later and later.
                if loyal && now.duration_since(since) > vassal.pause {
                    vassal.pause = self.manners.first_pause;
                    vassal.past.failures = None;
                    vassal.state = State::Resting { until: Some(now) };
                    let path = path.display();
                    out.push(Action::Say(format!("[emperor] vassal {path} died ({how}), starting it again")));
                } else {
                    out.push(vassal.rest(path, &format!("ended too early ({how})"), self.manners.longest_pause, now));
                }
            }
            State::Resting { .. } | State::Sleeping => {}
        }
    }

    /// Starts whoever has rested, kills whoever does not leave or is silent for too long.
    fn due(&mut self, now: Instant, out: &mut Vec<Action>) {
        for (path, vassal) in &mut self.vassals {
            match &mut vassal.state {
                State::Resting { until: Some(until) } if *until <= now && !self.stopping => {
                    if vassal.stamp.on_demand {
                        vassal.state = State::Sleeping;
                        out.push(Action::Watch(path.clone(), vassal.stamp));
                    } else {
                        self.serial += 1;
                        out.push(vassal.spawn(self.serial, path.clone(), now));
                    }
                }
                State::Running { serial, heard, .. }
                    if heard.is_some_and(|heard| now.duration_since(heard) >= self.manners.silence) =>
                {
                    *heard = None;
                    out.push(Action::Say(format!(
                        "[emperor] vassal {} sent no heartbeat in the last {} seconds: replacing it",
                        path.display(),
                        self.manners.silence.as_secs()
                    )));
                    out.push(Action::Kill(*serial));
                }
                State::Cursed { serial, since, .. } if now.duration_since(*since) >= self.manners.tolerance => {
                    *since = now;
                    out.push(Action::Kill(*serial));
                }
                _ => {}
            }
        }
    }
}

impl Vassal {
    /// Serial number of its process.
    const fn serial(&self) -> Option<u64> {
        match self.state {
            State::Running { serial, .. } | State::Cursed { serial, .. } => Some(serial),
            State::Resting { .. } | State::Sleeping => None,
        }
    }

    const fn has_process(&self) -> bool {
        self.serial().is_some()
    }

    fn spawn(&mut self, serial: u64, path: PathBuf, now: Instant) -> Action {
        let first = self.past.runs.map_or(now, |(first, _)| first);
        self.past.respawns += u32::from(self.past.runs.is_some());
        self.past.runs = Some((first, now));
        self.state = State::Running { serial, since: now, loyal: false, heard: None };
        Action::Spawn(serial, path, self.stamp)
    }

    /// Lets it rest after a failure, the next time for longer.
    fn rest(&mut self, path: &Path, what: &str, longest: Duration, now: Instant) -> Action {
        let pause = self.pause;
        let (count, first) = self.past.failures.map_or((0, now), |(count, first, _)| (count, first));
        self.past.failures = Some((count + 1, first, now));
        self.state = State::Resting { until: Some(now + pause) };
        self.pause = (pause * 2).min(longest).max(pause);
        Action::Say(format!("[emperor] vassal {} {what}, next try in {} ms", path.display(), pause.as_millis()))
    }

    fn curse(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &mut self.state {
            State::Running { serial, .. } => {
                out.push(Action::Leave(*serial));
                self.state = State::Cursed { serial: *serial, since: now, again: None };
            }
            // It leaves already. To hear it twice would make it drop its requests.
            State::Cursed { again, .. } => *again = None,
            State::Resting { .. } | State::Sleeping => {}
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
            let court = Court::new(Manners {
                first_pause: Duration::from_secs(1),
                longest_pause: Duration::from_secs(8),
                silence: Duration::from_secs(30),
                tolerance: Duration::from_secs(75),
                tyrant: true,
            });
            Self { court, now: Instant::now(), files: BTreeMap::new() }
        }

        fn touch(&mut self, name: &str, second: u64) -> &mut Self {
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            self.files.insert(name.into(), Stamp { changed, inode: 1, uid: 0, gid: 0, on_demand: false });
            self
        }

        fn on_demand(&mut self, name: &str) -> &mut Self {
            self.touch(name, 1);
            self.files.get_mut(Path::new(name)).unwrap().on_demand = true;
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
    fn to_quit_is_to_stop_at_once() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        assert_eq!(scene.on(Event::Quit), [Action::Quit(1)]);
        assert_eq!(scene.on(Event::Died(1, Some(0))).last(), Some(&Action::Done));
    }

    #[test]
    fn files_become_vassals_and_touching_reloads() {
        let mut scene = Scene::new();
        assert_eq!(spawned(&scene.touch("a.ini", 1).touch("b.ini", 1).look()), [1, 2]);
        assert_eq!(scene.look(), []);
        assert_eq!(scene.touch("b.ini", 2).look(), [Action::Reload(2)]);
    }

    #[test]
    fn another_file_of_the_same_age_reloads() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).look();
        scene.files.get_mut(Path::new("a.ini")).unwrap().inode = 2;
        assert_eq!(scene.look(), [Action::Reload(1)]);
    }

    #[test]
    fn a_file_of_another_owner_is_started_anew() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).on_demand("b.ini").look();
        for name in ["a.ini", "b.ini"] {
            scene.files.get_mut(Path::new(name)).unwrap().uid = 7;
        }
        let (a, b) = (scene.files[Path::new("a.ini")], scene.files[Path::new("b.ini")]);
        assert_eq!(scene.look(), [Action::Leave(1), Action::Watch("b.ini".into(), b)]);
        assert_eq!(scene.look(), [], "it was told once");
        assert_eq!(scene.on(Event::Died(1, Some(0))), [Action::Spawn(2, "a.ini".into(), a)]);
        scene.court.manners.tyrant = false;
        scene.files.get_mut(Path::new("a.ini")).unwrap().uid = 8;
        assert_eq!(scene.look(), [], "all run as the emperor");
    }

    #[test]
    fn a_reload_of_all_passes_over_who_is_to_leave() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).touch("b.ini", 1).touch("c.ini", 1).look();
        scene.files.get_mut(Path::new("a.ini")).unwrap().uid = 7;
        scene.files.remove(Path::new("b.ini"));
        let files = scene.files.clone();
        assert_eq!(scene.on(Event::Renewed(files)), [Action::Leave(2), Action::Leave(1), Action::Reload(3)]);
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
    fn only_who_says_it_twice_hurries_a_vassal_that_leaves() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).touch("b.ini", 1).look();
        scene.files.remove(Path::new("a.ini"));
        assert_eq!(scene.look(), [Action::Leave(1)]);
        assert_eq!(scene.touch("a.ini", 1).look(), []);
        scene.files.remove(Path::new("a.ini"));
        assert_eq!(scene.look(), [], "it is gone again");
        assert_eq!(scene.on(Event::End), [Action::Leave(2)]);
        assert_eq!(scene.on(Event::End), []);
        assert_eq!(scene.on(Event::Stop), [], "the first word of a person");
        assert_eq!(scene.on(Event::End), []);
        assert_eq!(scene.on(Event::Stop), [Action::Leave(1), Action::Leave(2)]);
        assert_eq!(scene.on(Event::Quit), [Action::Quit(1), Action::Quit(2)]);
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

    #[test]
    fn a_vassal_on_demand_runs_when_asked_and_sleeps_when_idle() {
        let mut scene = Scene::new();
        let watched = |actions: Vec<Action>| matches!(actions[..], [Action::Watch(..)]);
        assert!(watched(scene.on_demand("a.ini").look()));
        assert_eq!((scene.look(), scene.court.count()), (vec![], (0, 0)));
        assert_eq!(spawned(&scene.on(Event::Knock("a.ini".into()))), [1]);
        assert_eq!(scene.on(Event::Knock("a.ini".into())), [], "it runs already");
        scene.on(Event::Loyal(1));
        assert!(watched(scene.on(Event::Died(1, Some(0)))), "it went to sleep");
        assert_eq!(spawned(&scene.on(Event::Knock("a.ini".into()))), [2]);
        assert_eq!(scene.on(Event::Died(2, Some(1))), [], "it could not start");
        assert_eq!(scene.on(Event::Knock("a.ini".into())), []);
        assert!(watched(scene.pass(1)));
        assert_eq!(scene.on(Event::NoDoor("a.ini".into())), []);
        assert!(watched(scene.pass(2)), "later and later");
        assert_eq!(scene.court.portraits().next().unwrap().past.respawns, 1);
        assert_eq!(scene.on(Event::Stop), [Action::Done]);
    }

    #[test]
    fn a_vassal_that_falls_silent_is_replaced() {
        let mut scene = Scene::new();
        scene.touch("a.ini", 1).touch("b.ini", 1).look();
        for serial in [1, 2] {
            scene.on(Event::Loyal(serial));
        }
        scene.on(Event::Heartbeat(1));
        assert_eq!(scene.pass(29), []);
        scene.on(Event::Heartbeat(1));
        assert_eq!(scene.pass(29), []);
        assert_eq!(scene.pass(1), [Action::Kill(1)], "the other one never said anything");
        assert_eq!(scene.pass(1), []);
        assert_eq!(spawned(&scene.on(Event::Died(1, None))), [3]);
    }
}
