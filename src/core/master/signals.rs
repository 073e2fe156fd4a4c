//! The signals of the master, as a stream.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
