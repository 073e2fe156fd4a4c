//! A program that is run for another user, with the rights of that user and no others.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// Version of the capability sets below: two words each. Source: capget(2), `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;

/// Runs the program of `command` as this user and group, without further groups and without a capability.
///
/// [`CommandExt::uid`] would not do: between users who are not root the kernel keeps capabilities, and from one who is not root
/// the library keeps the groups.
pub fn run_as(command: &mut Command, uid: u32, gid: u32) {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let change = move || -> std::io::Result<()> {
        setgroups(&[])?;
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
