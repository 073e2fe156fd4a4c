//! Makes system calls of a running process fail: strace lies in wait for them, and the kernel never sees those that are to fail.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// strace takes milliseconds; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls a second that may fail when nothing spins: those of some clients who ask all the time, and 64 in a row now and then.
const OFTEN: u128 = 1500;

/// Who is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// All threads of a process, and what it forks.
    Whole(i32),
    /// The first thread of a process alone: what it forks is spared.
    Alone(i32),
}

/// A fault that lasts until [`Self::end`].
pub(super) struct Injector {
    target: Target,
    began: Instant,
    strace: Child,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

/// What strace has said.
#[derive(Default)]
struct Seen {
    is_attached: bool,
    is_over: bool,
    injected: usize,
    /// Threads that a SIGSTOP has stopped.
    stopped: usize,
    /// The first lines, for when it cannot attach.
    said: Vec<String>,
}

impl Injector {
    /// Begins a fault: `faults` in the words of strace(1), `accept4:error=EMFILE`, `recvfrom:error=EINTR:when=1+2`.
    #[track_caller]
    pub(super) fn attach(target: Target, faults: &[&str]) -> Self {
        let mut command = Command::new("strace");
        let (Target::Whole(pid) | Target::Alone(pid)) = target;
        if matches!(target, Target::Whole(_)) {
            command.arg("--follow-forks");
        }
        let calls: Vec<_> = faults.iter().map(|fault| fault.split(':').next().expect("a call")).collect();
        command.args(["--attach", &pid.to_string(), "-e", &format!("trace={}", calls.join(","))]);
        command.args(["-e", "signal=SIGSTOP", "--string-limit=0"]);
        command.args(faults.iter().flat_map(|fault| ["-e".to_owned(), format!("inject={fault}")]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn().unwrap_or_else(|error| panic!("strace: {error}"));
        let lines = BufReader::new(strace.stderr.take().expect("a pipe")).lines();
        let seen = Arc::<(Mutex<Seen>, Condvar)>::default();
        let noted = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| noted.0.lock().expect("no panic while held").take(line, &noted.1));
            noted.0.lock().expect("no panic while held").is_over = true;
            noted.1.notify_all();
        });
        let injector = Self { target, began: Instant::now(), strace, seen, reader: Some(reader) };
        injector.wait("it is attached", |seen| seen.is_attached);
        injector
    }

    /// Waits until a call has been made to fail.
    #[track_caller]
    pub(super) fn bites(&self) -> &Self {
        self.wait("a call fails", |seen| seen.injected > 0);
        self
    }

    /// How many calls have failed so far.
    pub(super) fn failed(&self) -> usize {
        self.seen.0.lock().expect("no panic while held").injected
    }

    #[track_caller]
    fn wait(&self, what: &str, mut holds: impl FnMut(&Seen) -> bool) {
        let seen = self.seen.0.lock().expect("no panic while held");
        let waits = |seen: &mut Seen| !holds(seen) && !seen.is_over;
        let (seen, _) = self.seen.1.wait_timeout_while(seen, PATIENCE, waits).expect("no panic while held");
        let (holds, said) = (holds(&seen), seen.said.join("\n"));
        drop(seen);
        assert!(holds, "strace has not come so far that {what}:\n{said}");
    }

    /// Ends the fault, and tells how many calls have failed.
    pub(super) fn end(mut self) -> usize {
        self.detach();
        self.failed()
    }

    /// The same, and it has been tried no more often than makes sense: how much processor time a busy loop takes cannot be seen
    /// while strace holds it up at each step.
    #[track_caller]
    pub(super) fn end_calmly(self, what: &str) -> usize {
        let most = OFTEN * self.began.elapsed().as_millis() / 1000;
        let failed = self.end();
        assert!(failed > 0, "{what}: nothing has failed");
        assert!((failed as u128) < most, "{what}: {failed} calls have failed, of {most} at most");
        failed
    }

    fn detach(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        // strace lets go in the middle of a call that was to fail, which then ends with an error of no sense: nobody is to be in one.
        let (Target::Whole(pid) | Target::Alone(pid)) = self.target;
        let (process, threads) = (Pid::from_raw(pid), self.target.threads());
        let is_there = kill(process, Signal::SIGSTOP).is_ok();
        let runs = |seen: &mut Seen| is_there && seen.stopped < threads && !seen.is_over;
        let seen = self.seen.0.lock().expect("no panic while held");
        drop(self.seen.1.wait_timeout_while(seen, PATIENCE, runs));
        let pid = i32::try_from(self.strace.id()).expect("a pid");
        // It has ended already when the process has: then this is a zombie of ours.
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("a child of ours");
        self.strace.wait().expect("a child of ours");
        // It may have ended, too.
        let _ = kill(process, Signal::SIGCONT);
        reader.join().expect("no panic");
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.detach();
    }
}

impl Target {
    fn threads(self) -> usize {
        match self {
            Self::Whole(pid) => std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count),
            Self::Alone(_) => 1,
        }
    }
}

impl Seen {
    fn take(&mut self, line: String, told: &Condvar) {
        self.is_attached |= line.contains(" attached");
        self.injected += usize::from(line.contains("(INJECTED)"));
        self.stopped += usize::from(line.contains("--- stopped by SIGSTOP ---"));
        if self.said.len() < 20 {
            self.said.push(line);
        }
        told.notify_all();
    }
}
