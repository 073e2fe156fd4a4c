//! System calls, by filters of the kernel (seccomp).
//!
//! A router's calls are listed, because they are few and ours; one that is missing here looks to it as if the kernel did not know
//! it. An application's are those of Python, of libraries and of libraries' libraries, which nobody can list: there, what nothing
//! on the web needs is refused.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::libc::{self, c_long};
use rsgi_sys::seccomp::{Instruction, install};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum CallsError {
    /// A defect of ours.
    #[error("the filter cannot be made")]
    Made(#[from] BackendError),
    /// The kernel does not want it.
    #[error("seccomp: {0}")]
    Refused(Errno),
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Leaves a router what it does; `false`: the kernel has no filters.
pub(super) fn router() -> Result<bool, CallsError> {
    let mut rules: Rules = ROUTER.iter().chain(ROUTER_HERE).map(|&call| (call, Vec::new())).collect();
    // Threads, and no processes. Of `clone3` nothing can be seen here: the C library falls back to `clone`.
    let is_thread = condition(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_thread])?]);
    confine(rules, SeccompAction::Errno(ENOSYS), SeccompAction::Allow)
}

/// Refuses an application what none on the web needs; `false`: the kernel has no filters.
pub(super) fn web(runs_nothing: bool) -> Result<bool, CallsError> {
    let mut rules: Rules = WEB.iter().chain(WEB_HERE).map(|&call| (call, Vec::new())).collect();
    if runs_nothing {
        rules.extend([libc::SYS_execve, libc::SYS_execveat].map(|call| (call, Vec::new())));
    }
    // Any of these bits: `clone` makes a new name space.
    let namespaces = (0..32).map(|bit| 1_u64 << bit).filter(|bit| NAMESPACES & bit != 0);
    let new = namespaces.map(|bit| Ok(SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(bit), bit)?])?));
    rules.insert(libc::SYS_clone, new.collect::<Result<_, CallsError>>()?);
    let foreign = FAMILIES.map(|family| condition(0, SeccompCmpOp::Ne, u64::from(family.unsigned_abs())));
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(foreign.into_iter().collect::<Result<_, _>>()?)?]);
    // Puts words into somebody's terminal.
    let typed = condition(1, SeccompCmpOp::Eq, libc::TIOCSTI)?;
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(vec![typed])?]);
    let unseen = Rules::from([(libc::SYS_clone3, Vec::new())]);
    Ok(confine(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM))?
        && confine(unseen, SeccompAction::Allow, SeccompAction::Errno(ENOSYS))?
        && put(NO_X32)?)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn confine(rules: Rules, otherwise: SeccompAction, listed: SeccompAction) -> Result<bool, CallsError> {
    let filter = SeccompFilter::new(rules, otherwise, listed, std::env::consts::ARCH.try_into()?)?;
    let program: Vec<Instruction> = BpfProgram::try_from(filter)?
        .iter()
        .map(|step| Instruction { code: step.code, jt: step.jt, jf: step.jf, k: step.k })
        .collect();
    put(&program)
}

fn put(program: &[Instruction]) -> Result<bool, CallsError> {
    nix::sys::prctl::set_no_new_privs().map_err(CallsError::Refused)?;
    match install(program) {
        Ok(()) => Ok(true),
        Err(Errno::EINVAL | Errno::ENOSYS) => Ok(false),
        Err(errno) => Err(CallsError::Refused(errno)),
    }
}

/// Refuses the calls of x32, which are those of x86-64 under other numbers: a list of what is refused knows nothing of them. For
/// seccompiler, and for the kernel, both are one processor.
///
/// Source: seccomp(2), "Caveats"; `__X32_SYSCALL_BIT` of `asm/unistd.h`.
#[cfg(target_arch = "x86_64")]
const NO_X32: &[Instruction] = &[
    // The number of the call: at least that bit, or else one instruction further.
    Instruction { code: LOAD_WORD, jt: 0, jf: 0, k: 0 },
    Instruction { code: IS_AT_LEAST, jt: 0, jf: 1, k: 0x4000_0000 },
    Instruction { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | EPERM },
    Instruction { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
];
#[cfg(not(target_arch = "x86_64"))]
const NO_X32: &[Instruction] = &[Instruction { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];

// Source: `linux/bpf_common.h`.
#[cfg(target_arch = "x86_64")]
const LOAD_WORD: u16 = 0x20;
#[cfg(target_arch = "x86_64")]
const IS_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

const ENOSYS: u32 = libc::ENOSYS.unsigned_abs();
const EPERM: u32 = libc::EPERM.unsigned_abs();
const THREAD: u64 = libc::CLONE_THREAD.unsigned_abs() as u64;

/// Name spaces that `clone` can make.
const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP)
    .unsigned_abs() as u64;

/// Sockets of the web: unix, internet, and the list of network interfaces, which the resolver reads.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// What a router does: connections, timers, files that it sends, memory, its own end.
const ROUTER: &[c_long] = &[
    // Connections.
    libc::SYS_accept4,
    libc::SYS_accept,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_socketpair,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_ioctl,
    libc::SYS_fcntl,
    // Reading and writing.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    // Files.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_fadvise64,
    libc::SYS_getcwd,
    libc::SYS_umask,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_ftruncate,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    // Memory and threads.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_getaffinity,
    libc::SYS_memfd_create,
    libc::SYS_set_tid_address,
    // Itself.
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals, also the one by which it ends itself when it is broken.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // Filters of its own, on top of this one.
    libc::SYS_seccomp,
];

/// Calls of this processor alone.
#[cfg(target_arch = "x86_64")]
const ROUTER_HERE: &[c_long] = &[
    libc::SYS_epoll_wait,
    libc::SYS_poll,
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_access,
    libc::SYS_time,
    libc::SYS_arch_prctl,
    libc::SYS_pipe,
    libc::SYS_dup2,
];
#[cfg(not(target_arch = "x86_64"))]
const ROUTER_HERE: &[c_long] = &[];

/// What no application on the web needs, and who breaks out of one does.
const WEB: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // Other worlds.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // The kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
    libc::SYS_personality,
];

/// Calls of this processor alone.
#[cfg(target_arch = "x86_64")]
const WEB_HERE: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const WEB_HERE: &[c_long] = &[];

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    /// What the kernel would make of a call of that number.
    fn verdict(number: u32) -> u32 {
        let mut at = 0;
        let mut word = None;
        loop {
            let step = NO_X32[at];
            match step.code {
                LOAD_WORD => word = (step.k == 0).then_some(number),
                IS_AT_LEAST => at += usize::from(if word.unwrap() >= step.k { step.jt } else { step.jf }),
                RETURN => return step.k,
                other => panic!("{other:#x}"),
            }
            at += 1;
        }
    }

    #[test]
    fn no_call_has_a_second_number() {
        for number in [0, 39, 101, 0x3fff_ffff] {
            assert_eq!(verdict(number), libc::SECCOMP_RET_ALLOW, "{number}");
        }
        for number in [0x4000_0000, 0x4000_0000 | 101, u32::MAX] {
            assert_eq!(verdict(number), libc::SECCOMP_RET_ERRNO | EPERM, "{number}");
        }
    }
}
