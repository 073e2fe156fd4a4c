//! Signals as bytes on a descriptor, without ever taking a signal away from an application that handles it itself.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

use nix::errno::Errno;
pub use nix::sys::signal::Signal;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction, sigprocmask};

const NOWHERE: RawFd = -1;

/// Descriptor that each signal is written to, by signal number.
static TARGETS: [AtomicI32; 65] = [const { AtomicI32::new(NOWHERE) }; 65];

/// The functions that [`call`] calls, of type `fn()`, by signal number.
static CALLED: [AtomicPtr<()>; 65] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 65];

/// Writes the signal's number as one byte to `target` (non-blocking) whenever `signal` comes. Returns `false` and changes
/// nothing when the application has a handler of its own. A handler that the application sets later wins as well.
///
/// The descriptor stays open for the rest of the process's life: a handler may be running at any moment.
///
/// # Errors
/// When the kernel refuses (`SIGKILL`, `SIGSTOP`).
pub fn on(signal: Signal, target: OwnedFd) -> nix::Result<bool> {
    if !is_free(signal)? {
        return Ok(false);
    }
    let target = target.into_raw_fd();
    if let Some(slot) = TARGETS.get(signal as usize) {
        slot.store(target, Relaxed);
    }
    install(signal)?;
    Ok(true)
}

/// Lets `signal` pass without effect, while programs started from here still get the default. Returns `false` and
/// changes nothing when the application has a handler of its own.
///
/// # Errors
/// When the kernel refuses (`SIGKILL`, `SIGSTOP`).
pub fn disregard(signal: Signal) -> nix::Result<bool> {
    if !is_free(signal)? {
        return Ok(false);
    }
    if let Some(slot) = TARGETS.get(signal as usize) {
        slot.store(NOWHERE, Relaxed);
    }
    install(signal)?;
    Ok(true)
}

/// The signal by which a process is asked for its stacks: a real-time signal, of which libraries take the first ones and the
/// Python plugin the last but one.
#[must_use]
pub fn stacks() -> c_int {
    libc::SIGRTMAX() - 2
}

/// The signal by which the main thread of a process beside the workers is asked to leave; the plugin handles it.
#[must_use]
pub fn leave() -> c_int {
    libc::SIGRTMAX() - 3
}

/// The signal by which a thread is asked where it is in the application. The plugin may take the one before it.
#[must_use]
pub fn locate() -> c_int {
    libc::SIGRTMAX() - 4
}

/// Whether a process handles `signal`, so that sending it does not end the process (proc(5), `SigCgt`).
#[must_use]
pub fn is_handled_by(process: u32, signal: c_int) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).is_some_and(|bits| bits & 1 == 1)
}

/// Calls `function` in the handler of `signal`. Returns `false` and changes nothing when the application has a handler of
/// its own.
///
/// `function` runs between any two instructions of any thread, so it must not take locks, allocate or panic.
///
/// # Errors
/// When the kernel refuses the signal.
pub fn call(signal: c_int, function: fn()) -> nix::Result<bool> {
    // SAFETY: an all-zero sigaction is valid memory for the kernel to write into.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: reads the present action only.
    Errno::result(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) })?;
    let handler = to_function as extern "C" fn(c_int);
    if old.sa_sigaction != libc::SIG_DFL && old.sa_sigaction != libc::SIG_IGN && old.sa_sigaction != handler as usize {
        return Ok(false);
    }
    let slot = usize::try_from(signal).ok().and_then(|number| CALLED.get(number)).ok_or(Errno::EINVAL)?;
    slot.store(function as *mut (), Relaxed);
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only calls a function that is fit for handlers by the contract above.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })?;
    Ok(true)
}

extern "C" fn to_function(signal: c_int) {
    let Some(slot) = usize::try_from(signal).ok().and_then(|number| CALLED.get(number)) else { return };
    let function = slot.load(Relaxed);
    if function.is_null() {
        return;
    }
    let before = Errno::last_raw();
    // SAFETY: only ever set from a `fn()`.
    let function = unsafe { std::mem::transmute::<*mut (), fn()>(function) };
    function();
    Errno::set_raw(before);
}

/// Unblocks every signal: masks are inherited through fork and exec.
///
/// # Errors
/// Never on Linux.
pub fn unblock_all() -> nix::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

/// Whether nobody but this file has a handler for the signal.
fn is_free(signal: Signal) -> nix::Result<bool> {
    // SAFETY: an all-zero sigaction is valid memory for the kernel to write into.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: reads the present action only.
    Errno::result(unsafe { libc::sigaction(signal as c_int, std::ptr::null(), &raw mut old) })?;
    let ours = to_descriptor as extern "C" fn(c_int);
    Ok(old.sa_sigaction == libc::SIG_DFL || old.sa_sigaction == libc::SIG_IGN || old.sa_sigaction == ours as usize)
}

fn install(signal: Signal) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(to_descriptor), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler only does what is async-signal-safe.
    unsafe { sigaction(signal, &action) }.map(drop)
}

extern "C" fn to_descriptor(signal: c_int) {
    let Some(target) = usize::try_from(signal).ok().and_then(|number| TARGETS.get(number)) else { return };
    let target = target.load(Relaxed);
    if target == NOWHERE {
        return;
    }
    let before = Errno::last_raw();
    let byte = signal.to_le_bytes();
    // SAFETY: write is async-signal-safe; the descriptor is never closed; a full or broken one is no concern here.
    unsafe { libc::write(target, byte.as_ptr().cast(), 1) };
    Errno::set_raw(before);
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;
    use std::io::Read;

    #[test]
    fn a_signal_becomes_its_byte() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        assert_eq!(on(Signal::SIGURG, writer.into()), Ok(true));
        raise(Signal::SIGURG).unwrap();
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [Signal::SIGURG as u8]);
    }

    #[test]
    fn handlers_of_others_stay() {
        extern "C" fn theirs(_: c_int) {}
        let action = SigAction::new(SigHandler::Handler(theirs), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        unsafe { sigaction(Signal::SIGWINCH, &action) }.unwrap();
        assert_eq!(on(Signal::SIGWINCH, std::io::pipe().unwrap().1.into()), Ok(false));
        assert_eq!(disregard(Signal::SIGWINCH), Ok(false));
    }

    #[test]
    fn a_function_is_called_in_the_thread_that_gets_the_signal() {
        static COUNT: AtomicI32 = AtomicI32::new(0);
        fn count() {
            COUNT.fetch_add(1, Relaxed);
        }
        assert_eq!(call(stacks(), count), Ok(true));
        assert_eq!(call(stacks(), count), Ok(true));
        crate::thread::signal(std::process::id(), crate::thread::this().1, stacks()).unwrap();
        assert_eq!(COUNT.load(Relaxed), 1);
        assert!(call(libc::SIGKILL, count).is_err());
        let handles = |signal| is_handled_by(std::process::id(), signal);
        assert!(handles(stacks()) && !handles(locate()) && !handles(0) && !is_handled_by(u32::MAX, stacks()));
        fn other() {}
        assert_eq!(call(locate(), other), Ok(true));
        crate::thread::signal(std::process::id(), crate::thread::this().1, locate()).unwrap();
        assert_eq!((COUNT.load(Relaxed), handles(locate())), (1, true));
    }

    #[test]
    fn a_disregarded_signal_does_nothing() {
        assert_eq!(disregard(Signal::SIGUSR2), Ok(true));
        raise(Signal::SIGUSR2).unwrap();
    }

    #[test]
    fn what_nobody_can_handle_is_refused() {
        assert!(on(Signal::SIGKILL, std::io::pipe().unwrap().1.into()).is_err());
    }
}
