//! What is to be done in a directory of tasks: which files, in which order, and when the next one is due.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::spool::PREFIX;

/// The tasks of a directory, as one spooler sees them.
#[derive(Debug)]
pub(super) struct Queue {
    directory: PathBuf,
    by_name: bool,
    /// Tasks that failed, and when to try them again.
    held: HashMap<PathBuf, Instant>,
}

/// The file of a task. The clock of files is coarse, so that tasks of one moment follow the time in their names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    at: SystemTime,
    stamp: (u64, u64),
    path: PathBuf,
}

/// A look into the directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Tasks to run now, in order.
    pub(super) due: Vec<PathBuf>,
    /// Time until the next one is due, if one is known.
    pub(super) next: Option<Duration>,
}

impl Queue {
    pub(super) fn new(directory: PathBuf, by_name: bool) -> Self {
        Self { directory, by_name, held: HashMap::new() }
    }

    /// Directories to watch: the queue's own, and those of priorities, the lowest number first.
    pub(super) fn directories(&self) -> io::Result<Vec<PathBuf>> {
        let mut priorities: Vec<(u32, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                priorities.push((number, entry.path()));
            }
        }
        priorities.sort();
        let own = std::iter::once(self.directory.clone());
        Ok(priorities.into_iter().map(|(_, path)| path).chain(own).collect())
    }

    /// Looks what is due.
    pub(super) fn look(&mut self) -> io::Result<Look> {
        self.look_into(&self.directories()?)
    }

    fn look_into(&mut self, directories: &[PathBuf]) -> io::Result<Look> {
        let (now, clock) = (Instant::now(), SystemTime::now());
        self.held.retain(|path, until| *until > now && path.exists());
        let mut look = Look::default();
        for directory in directories {
            let mut tasks = match tasks(directory) {
                Ok(tasks) => tasks,
                Err(error) if *directory == self.directory => return Err(error),
                // One of a priority that has just vanished, or is not ours to read.
                Err(_) => continue,
            };
            tasks.sort_by(|a, b| if self.by_name { a.path.cmp(&b.path) } else { a.cmp(b) });
            for Found { at, path, .. } in tasks {
                let held = self.held.get(&path).map(|until| until.saturating_duration_since(now));
                let wait = held.or_else(|| at.duration_since(clock).ok().filter(|wait| !wait.is_zero()));
                match wait {
                    None => look.due.push(path),
                    Some(wait) => look.next = Some(look.next.map_or(wait, |next| next.min(wait))),
                }
            }
        }
        Ok(look)
    }

    /// Leaves a task alone for a while.
    pub(super) fn hold(&mut self, task: &Path, pause: Duration) {
        self.held.insert(task.to_owned(), Instant::now() + pause);
    }
}

/// The tasks in one directory, with the time they are meant for. What vanishes meanwhile was somebody else's.
fn tasks(directory: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if let Some(modified) = metadata.modified().ok().filter(|_| metadata.is_file()) {
            let stamp = stamp(&entry.file_name().to_string_lossy());
            found.push(Found { at: modified, stamp, path: entry.path() });
        }
    }
    Ok(found)
}

/// Seconds and microseconds at the end of a task's name.
fn stamp(name: &str) -> (u64, u64) {
    let mut parts = name.rsplit('_').map(|part| part.parse().unwrap_or(0));
    let micros = parts.next().unwrap_or(0);
    (parts.next().unwrap_or(0), micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn put(directory: &Path, name: &str, seconds_ago: i64) -> PathBuf {
        std::fs::create_dir_all(directory).unwrap();
        let path = directory.join(format!("{PREFIX}{name}"));
        let file = std::fs::File::create(&path).unwrap();
        let span = Duration::from_secs(seconds_ago.unsigned_abs());
        let now = SystemTime::now();
        file.set_modified(if seconds_ago < 0 { now + span } else { now - span }).unwrap();
        path
    }

    #[test]
    fn priorities_come_first_then_age_or_name() {
        let dir = tempfile::tempdir().unwrap();
        let (old, young) = (put(dir.path(), "b", 60), put(dir.path(), "a", 30));
        let (ten, two) = (put(&dir.path().join("10"), "x", 1), put(&dir.path().join("2"), "x", 1));
        put(&dir.path().join("other"), "x", 1);
        std::fs::write(dir.path().join("notes"), "").unwrap();
        let due = |by_name| Queue::new(dir.path().to_owned(), by_name).look().unwrap().due;
        assert_eq!(due(false), [two.clone(), ten.clone(), old.clone(), young.clone()]);
        assert_eq!(due(true), [two, ten, young, old]);
    }

    #[test]
    fn tasks_of_one_moment_follow_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let later = put(dir.path(), "vm_7_10_1_100_2000", 5);
        let sooner = put(dir.path(), "vm_7_9_1_100_300", 5);
        let moment = std::fs::metadata(&later).unwrap().modified().unwrap();
        File::open(&sooner).unwrap().set_modified(moment).unwrap();
        assert_eq!(Queue::new(dir.path().to_owned(), false).look().unwrap().due, [sooner, later]);
    }

    #[test]
    fn what_is_for_later_and_what_failed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "later", -100);
        let failed = put(dir.path(), "failed", 1);
        let mut queue = Queue::new(dir.path().to_owned(), false);
        assert_eq!(queue.look().unwrap().due, std::slice::from_ref(&failed));
        queue.hold(&failed, Duration::from_secs(20));
        let look = queue.look().unwrap();
        assert!(look.due.is_empty() && look.next.is_some_and(|next| next <= Duration::from_secs(20)), "{look:?}");
        std::fs::remove_file(&failed).unwrap();
        assert!(queue.look().unwrap().next.is_some_and(|next| next > Duration::from_secs(90)));
    }

    #[test]
    fn a_priority_that_cannot_be_read_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let task = put(dir.path(), "a", 1);
        let mut queue = Queue::new(dir.path().to_owned(), false);
        let directories = [dir.path().join("1"), dir.path().to_owned()];
        assert_eq!(queue.look_into(&directories).unwrap().due, [task]);
        let mut gone = Queue::new(dir.path().join("gone"), false);
        assert!(gone.look().is_err() && gone.look_into(&[dir.path().join("gone")]).is_err());
    }
}
