//! A spooler: runs the tasks in a directory, one after the other.
//!
//! A task is locked while it runs, as uWSGI does, and its file is removed when the application has confirmed it. Whatever
//! happens before that, it is there to be run again.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use rsgi_abi::host::{Language, Verdict};
use rsgi_abi::types::{UNKNOWN, Var};
use rsgi_config::Config;

use super::desk::{Desk, desk};
use super::hold::Hold;
use super::leave::{self, Leave};
use super::queue::Queue;
use super::{Job, task};
use crate::control::Report;
use crate::exit::Exit;
use crate::harakiri;
use crate::identity::identity;
use crate::memory::core_slot::CoreSlot;
use crate::memory::scoreboard::WorkerSlot;
use crate::worker::stacks;

/// Pause before a file that is no whole task is looked at again.
const BROKEN: Duration = Duration::from_secs(600);

/// The same for one that was empty: somebody is writing it at this moment.
const EMPTY: Duration = Duration::from_secs(1);

/// The spooler that this process is.
struct Spooler {
    config: Config,
    language: Language,
    desk: &'static Desk,
    directory: PathBuf,
    leave: Arc<Leave>,
    block: Option<WorkerSlot>,
    slot: Option<CoreSlot>,
    done: u64,
    /// Tasks whose files cannot be opened, which was said.
    told: HashSet<PathBuf>,
}

/// Lives as a spooler until it is told to leave, or has run as many tasks as it may. The caller ends the process with the
/// result.
#[must_use]
pub fn run(job: Job) -> Exit {
    let Job { id, config, control, language, board } = job;
    let (block, slot) = (board.worker(id), board.core(id, 0));
    if let (Some(block), Some(slot)) = (block, slot) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        block.born(std::process::id(), now.as_secs());
        slot.clear();
        let (thread, number) = rsgi_sys::thread::this();
        slot.set_thread(thread, number);
    }
    let leave = match leave::listen(control, config.clone(), || ()) {
        Ok(leave) => leave,
        Err(error) => return cannot_start(id, &error.to_string()),
    };
    let Some(desk) = desk() else { return cannot_start(id, "there are no directories") };
    let Some(directory) = desk.directory_of(id, config.aside.spooler_processes) else {
        return cannot_start(id, "it has no directory");
    };
    stacks::answer(language.remote(), board, id, &format!("spooler {id}"));
    if config.workers.lazy_apps {
        // What fails has been logged; a spooler serves no application.
        let _ = language.load_apps();
    }
    language.spooler();
    let mercy = config.workers.worker_reload_mercy.0;
    let _ = identity().is_some_and(|identity| identity.report(Report::Ready));
    let mut spooler = Spooler { config, language, desk, directory, leave, block, slot, done: 0, told: HashSet::new() };
    let exit = spooler.serve().unwrap_or_else(|error| cannot_start(id, &error.to_string()));
    language.shutdown(u32::try_from(mercy.saturating_mul(1000)).unwrap_or(u32::MAX));
    exit
}

fn cannot_start(id: u32, why: &str) -> Exit {
    tracing::error!("spooler {id} cannot run: {why}");
    Exit::Config
}

impl Spooler {
    fn serve(&mut self) -> std::io::Result<Exit> {
        // Before the first look: what comes later is announced.
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut queue = Queue::new(self.directory.clone(), self.config.aside.spooler_ordered);
        self.enter(&self.directory);
        loop {
            for directory in queue.directories()? {
                let news = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
                // One that is watched already stays so; one that has vanished needs no watching.
                let _ = watch.add_watch(&directory, news | AddWatchFlags::IN_ONLYDIR);
            }
            let look = queue.look()?;
            for path in &look.due {
                self.handle_signals();
                if self.leave.is_due() {
                    return Ok(Exit::WorkerEnd);
                }
                if let Some(pause) = self.manage(path) {
                    queue.hold(path, pause);
                }
                if self.config.aside.spooler_max_tasks.is_some_and(|most| self.done >= most) {
                    tracing::info!("{} maximum number of tasks reached ({}) recycling ...", self.name(), self.done);
                    return Ok(Exit::Reload);
                }
            }
            if look.due.is_empty() {
                self.told.retain(|path| path.exists());
                let longest = self.desk.frequency(&self.config.aside);
                self.wait(&watch, look.next.map_or(longest, |next| next.min(longest)));
            }
            if self.leave.is_due() {
                return Ok(Exit::WorkerEnd);
            }
        }
    }

    /// Runs the handlers of the signals that have come.
    fn handle_signals(&self) {
        while let Some(number) = self.leave.bell() {
            self.language.remote().signal(number);
        }
    }

    fn wait(&self, watch: &Inotify, longest: Duration) {
        let all = [self.leave.as_fd(), self.leave.bells(), watch.as_fd()];
        let mut polled = all.map(|one| PollFd::new(one, PollFlags::POLLIN));
        // Rounded up: a task must be due when its time has come.
        let timeout = PollTimeout::try_from(longest + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        if poll(&mut polled, timeout) == Err(Errno::EINTR) {
            self.language.check_signals();
        }
        self.handle_signals();
        // What has happened is seen by looking; more events come as more happens.
        while watch.read_events().is_ok_and(|events| !events.is_empty()) {}
    }

    /// Runs a task, unless another spooler has it. The pause before it may be tried again, when it is not done.
    fn manage(&mut self, path: &Path) -> Option<Duration> {
        let pause = self.desk.frequency(&self.config.aside);
        let file = match open(path) {
            Ok(Some(file)) => {
                self.told.remove(path);
                file
            }
            Ok(None) => {
                self.told.remove(path);
                return None;
            }
            Err(error) => {
                if self.told.insert(path.to_owned()) {
                    tracing::error!(
                        "{} cannot open {}: {error}; it is tried again and again",
                        self.name(),
                        path.display()
                    );
                }
                return Some(pause);
            }
        };
        // Until this function returns.
        let Some(_hold) = Hold::take(&file) else { return Some(pause) };
        if file.metadata().is_ok_and(|metadata| metadata.nlink() == 0) {
            return None;
        }
        let mut bytes = Vec::new();
        if let Err(error) = (&file).read_to_end(&mut bytes) {
            tracing::error!("{} cannot read {}: {error}", self.name(), path.display());
            return Some(pause);
        }
        if bytes.is_empty() {
            return Some(EMPTY);
        }
        let Some(task) = task::decode(&bytes) else {
            tracing::error!("{} leaves {} alone: it is no task, or not whole", self.name(), path.display());
            return Some(BROKEN);
        };
        let verdict = self.run_task(path, &task);
        match verdict {
            Verdict::Done => match std::fs::remove_file(path) {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!("{} cannot remove {}: {error}", self.name(), path.display());
                    Some(BROKEN)
                }
            },
            Verdict::Unknown => {
                tracing::warn!("unable to find the spooler function, have you loaded it into the spooler process ?");
                Some(pause)
            }
            Verdict::Again => Some(pause),
        }
    }

    fn run_task(&mut self, path: &Path, task: &task::Task<'_>) -> Verdict {
        let name = path.file_name().unwrap_or_default();
        let (shown, quiet) = (name.to_string_lossy(), self.config.aside.spooler_quiet);
        if !quiet {
            tracing::info!("{} managing request {shown} ...", self.name());
        }
        self.enter(self.config.aside.spooler_chdir.as_deref().unwrap_or(&self.directory));
        let began = Instant::now();
        self.begin(name.as_bytes(), task);
        let vars: Vec<_> = task.vars.iter().map(|(key, value)| Var::new(key, value, UNKNOWN)).collect();
        let verdict = self.language.run_task(name.as_bytes(), &vars, task.body);
        if let Some(slot) = self.slot {
            slot.end();
        }
        if let Some(block) = self.block {
            let _ = block.count_request();
        }
        self.done += 1;
        if verdict == Verdict::Done && !quiet {
            tracing::info!("{} done with task {shown} after {} seconds", self.name(), began.elapsed().as_secs());
        }
        verdict
    }

    fn begin(&self, name: &[u8], task: &task::Task<'_>) {
        let Some(slot) = self.slot else { return };
        let facts = std::iter::once((&b"TASK"[..], name)).chain(task.vars.iter().copied());
        slot.describe(facts, true, &mut Vec::new());
        let span = self.config.aside.spooler_harakiri.map(|span| harakiri::micros(span.duration()));
        let now = harakiri::now();
        slot.begin(now, span.map(|span| now.saturating_add(span)));
    }

    fn enter(&self, directory: &Path) {
        let directory = self.config.start_dir.join(directory);
        if let Err(errno) = nix::unistd::chdir(&directory) {
            tracing::error!("{} cannot enter {}: {errno}", self.name(), directory.display());
        }
    }

    fn name(&self) -> String {
        format!("[spooler {} pid: {}]", self.directory.display(), std::process::id())
    }
}

/// Opens the file of a task; `None`: somebody else has run it.
fn open(path: &Path) -> std::io::Result<Option<File>> {
    match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_cannot_be_opened_is_not_taken_for_one_that_is_done() {
        let directory = tempfile::tempdir().unwrap();
        assert!(open(&directory.path().join("gone")).unwrap().is_none());
        assert!(open(directory.path()).is_err(), "a directory cannot be written to");
        std::fs::write(directory.path().join("task"), "").unwrap();
        assert!(open(&directory.path().join("task")).unwrap().is_some());
    }
}
