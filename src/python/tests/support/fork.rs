//! A fork between the plugin's hooks, as the zygote does it.
#![allow(unsafe_code)]

use rsgi_abi::host::Language;

/// Runs `work` in a child that is worker `worker`, and returns its exit code.
pub(crate) fn in_child(language: Language, worker: u32, work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: cases fork on their only serving thread; the child ends in `_exit` below.
    let pid = language.around_fork(worker, || unsafe { libc::fork() }, |&pid| pid == 0);
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(101);
        // SAFETY: ends the child without running this program's exit handlers twice.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}
