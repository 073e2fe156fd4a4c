//! Filters of system calls for the whole process, for good.
//!
//! Source: seccomp(2), with `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: without it Linux before 5.16 slows the processor down in every process
//! that has a filter, which is a price for code that is not trusted, and ours is.
#![allow(unsafe_code)]

use nix::errno::Errno;

/// One instruction of a classic BPF program: operation, where to go on when it holds and when not, operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to pass over when a test holds.
    pub jt: u8,
    /// Instructions to pass over when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Has every system call of every thread of this process, and of all its children, decided by `program` from now on, beside the filters
/// that there are. The process must have given up gaining rights (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// `EINVAL` when the program is none or the kernel knows no filters, `EACCES` when rights may still be gained.
pub fn install(program: &[Instruction]) -> nix::Result<()> {
    let mut program: Vec<libc::sock_filter> =
        program.iter().map(|&Instruction { code, jt, jf, k }| libc::sock_filter { code, jt, jf, k }).collect();
    let len = u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the kernel reads `len` instructions, which live here until the call has returned, and checks each.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match done {
        0 => Ok(()),
        -1 => Err(Errno::last()),
        // A thread that cannot be brought in line: it has a filter of its own.
        _ => Err(Errno::ESRCH),
    }
}
