//! Refusals of the system that pass: memory, buffers or descriptors are short for a moment, or a signal came in between. Who gives up
//! for one of these would be deaf or dumb for the rest of its life.

use std::io;
use std::time::Duration;

use nix::errno::Errno;

/// When it makes sense to try again.
pub const PAUSE: Duration = Duration::from_millis(50);

/// How often [`insist`] tries: for some seconds.
const TRIES: u32 = 100;

/// Whether the same call may well do a little later.
#[must_use]
pub const fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::EINTR | Errno::ENOMEM | Errno::ENOBUFS | Errno::EMFILE | Errno::ENFILE)
}

/// The same of an error of the library.
#[must_use]
pub fn is_passing_error(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| is_passing(Errno::from_raw(code)))
}

/// Makes a call again and again while what refuses it passes, and waits in between: for what is said once and must arrive.
///
/// # Errors
/// What the call says in the end.
pub fn insist<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 0..TRIES {
        match call() {
            Err(errno) if is_passing(errno) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    call()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes() {
        assert!(is_passing(Errno::EINTR) && is_passing_error(&Errno::ENOBUFS.into()));
        let mut answers = vec![Ok(7), Err(Errno::ENOBUFS), Err(Errno::EINTR)];
        assert_eq!(insist(|| answers.pop().unwrap()), Ok(7));
        assert_eq!(insist(|| Err::<(), _>(Errno::EPIPE)), Err(Errno::EPIPE));
        assert!(!is_passing(Errno::EBADF) && !is_passing_error(&io::Error::other("a defect")));
    }
}
