//! The signals of the master, as a stream.

use std::io;

use nix::sys::signal::SigSet;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The master's runtime. Signals come to its own thread alone: so when that one blocks them, before an exec, none is lost to
/// a helper.
pub(super) fn runtime() -> io::Result<Runtime> {
    let deafen = || {
        // Fails for signals alone that do not exist.
        let _ = SigSet::all().thread_block();
    };
    Builder::new_current_thread().enable_all().on_thread_start(deafen).build()
}

/// A signal that means something to the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// A child has ended.
    Child,
    /// SIGINT.
    Stop,
    /// SIGTERM.
    Terminate,
    /// SIGQUIT.
    Quit,
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Counters,
    /// SIGUSR2.
    Status,
    /// SIGTSTP.
    Pause,
    /// SIGTTIN.
    Grow,
    /// SIGTTOU.
    Shrink,
}

pub(super) struct Signals(Vec<(Signal, Heard)>);

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        let meanings = [
            (SignalKind::terminate(), Heard::Terminate),
            (SignalKind::interrupt(), Heard::Stop),
            (SignalKind::quit(), Heard::Quit),
            (SignalKind::hangup(), Heard::Reload),
            (SignalKind::user_defined1(), Heard::Counters),
            (SignalKind::user_defined2(), Heard::Status),
            (SignalKind::from_raw(nix::libc::SIGTSTP), Heard::Pause),
            (SignalKind::from_raw(nix::libc::SIGTTIN), Heard::Grow),
            (SignalKind::from_raw(nix::libc::SIGTTOU), Heard::Shrink),
            // Last: what killed a child may have been meant for us too, and then it was no accident.
            (SignalKind::child(), Heard::Child),
        ];
        meanings.into_iter().map(|(kind, heard)| Ok((signal(kind)?, heard))).collect::<io::Result<_>>().map(Self)
    }

    pub(super) async fn next(&mut self) -> Heard {
        std::future::poll_fn(|context| {
            for (signal, heard) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*heard);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal::SIGTERM;

    #[test]
    fn helpers_hear_no_signals() {
        let runtime = runtime().unwrap();
        let helper = runtime.spawn_blocking(SigSet::thread_get_mask);
        assert!(runtime.block_on(helper).unwrap().unwrap().contains(SIGTERM));
        assert!(!SigSet::thread_get_mask().unwrap().contains(SIGTERM));
    }
}
