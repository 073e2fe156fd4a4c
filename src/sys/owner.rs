//! A program that is run for another user, with the rights of that user and no others.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};

/// Version of the capability sets below: two words each. Source: capget(2), `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;

/// Runs the program of `command` as this user and group, without further groups and without a capability.
///
/// [`CommandExt::uid`] would not do: between users who are not root the kernel keeps capabilities, and from one who is not root
/// the library keeps the groups.
pub fn run_as(command: &mut Command, uid: u32, gid: u32) {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let change = move || -> std::io::Result<()> {
        match setgroups(&[]) {
            // Who runs its own program, and may not change anything, has no more than its own rights to hand on.
            Err(Errno::EPERM) if (uid, gid) == (geteuid(), getegid()) => {}
            done => done?,
        }
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        // Effective, permitted and inheritable ones; those that are ambient go with them (capabilities(7)).
        let (header, none) = ([VERSION, 0], [0_u32; 6]);
        // SAFETY: both are as large as the kernel reads for this version, and live until the call has returned.
        let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
        Ok(Errno::result(done).map(drop)?)
    };
    // SAFETY: between fork and exec it makes system calls, and neither allocates nor locks.
    unsafe { command.pre_exec(change) };
}

#[cfg(test)]
mod tests {
    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;
    use crate::fork::{Fork, exit_now, fork};

    /// In a process of its own, which becomes an ordinary user.
    #[test]
    fn an_ordinary_user_may_run_its_own_programs() {
        if let Fork::Parent(pid) = fork().expect("a child") {
            assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 0)));
            return;
        }
        if geteuid().is_root() {
            let (uid, gid) = (Uid::from_raw(54321), Gid::from_raw(54321));
            setresgid(gid, gid, gid).expect("root may");
            setresuid(uid, uid, uid).expect("root may");
        }
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let run = |uid| {
            let mut command = Command::new("true");
            run_as(&mut command, uid, gid);
            command.status()
        };
        let own = run(uid).is_ok_and(|status| status.success());
        let others = run(uid + 1).is_err_and(|error| error.raw_os_error() == Some(libc::EPERM));
        exit_now(i32::from(!own || !others));
    }
}
