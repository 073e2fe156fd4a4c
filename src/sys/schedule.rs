//! How the kernel shares processors out: niceness, and on which processors a process runs.
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Sets the niceness of the calling thread, which everything inherits that it starts: -20 is served first, 19 last. What lies
/// beyond is drawn near.
///
/// # Errors
/// `EACCES` when it is to be served sooner than now without the right to that.
pub fn set_niceness(niceness: i32) -> nix::Result<()> {
    // SAFETY: a system call on numbers. 0 is the calling thread.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) }).map(drop)
}

/// The processors that the calling thread may run on.
///
/// # Errors
/// When the machine has more of them than the kernel's interface takes here (1024).
pub fn processors() -> nix::Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|&processor| set.is_set(processor) == Ok(true)).collect())
}

/// Ties the calling thread to these processors, and every thread that it starts from then on.
///
/// # Errors
/// `EINVAL` when there is none of them.
pub fn run_on(processors: &[usize]) -> nix::Result<()> {
    let mut set = CpuSet::new();
    processors.iter().try_for_each(|&processor| set.set(processor))?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_tied_to_one_processor() {
        let all = processors().unwrap();
        let last = all.last().copied().unwrap();
        let tied = move || run_on(&[last]).and_then(|()| processors());
        assert_eq!(std::thread::spawn(tied).join().unwrap(), Ok(vec![last]));
        assert_eq!(processors().unwrap(), all, "this one is not");
        assert_eq!(std::thread::spawn(|| run_on(&[])).join().unwrap(), Err(Errno::EINVAL));
    }

    #[test]
    fn anybody_may_become_nicer() {
        let become_nice = || set_niceness(19).map(|()| std::fs::read_to_string("/proc/thread-self/stat").unwrap());
        let stat = std::thread::spawn(become_nice).join().unwrap().unwrap();
        // Field 19 of proc_pid_stat(5); the name in field 2 may contain blanks.
        let behind = stat.rsplit_once(')').unwrap().1;
        assert_eq!(behind.split_whitespace().nth(16), Some("19"));
    }
}
