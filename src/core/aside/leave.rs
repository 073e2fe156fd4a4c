//! How a process beside the workers learns that it is to leave: by an order of the master, or by the master's end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use rsgi_config::Config;

use crate::control::{Bell, Bells, Order, Report};
use crate::exit::Exit;
use crate::identity::identity;
use crate::worker;

/// Whether this process is to leave. Its descriptor becomes readable at that moment, and stays so.
#[derive(Debug)]
pub(super) struct Leave {
    is_due: AtomicBool,
    reader: OwnedFd,
    writer: OwnedFd,
    /// Signals of the application that wait for their handlers, a byte each.
    bells: (OwnedFd, OwnedFd),
}

impl Leave {
    fn new() -> io::Result<Self> {
        let pipe = || nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
        let ((reader, writer), bells) = (pipe()?, pipe()?);
        Ok(Self { is_due: AtomicBool::new(false), reader, writer, bells })
    }

    /// Whether it is time.
    pub(super) fn is_due(&self) -> bool {
        self.is_due.load(Acquire)
    }

    /// Becomes readable when there is a signal of the application.
    pub(super) fn bells(&self) -> BorrowedFd<'_> {
        self.bells.0.as_fd()
    }

    /// The next signal of the application.
    pub(super) fn bell(&self) -> Option<u8> {
        let mut number = [0];
        (nix::unistd::read(&self.bells.0, &mut number) == Ok(1)).then_some(number[0])
    }

    fn ring(&self, Bell(number): Bell) {
        if nix::unistd::write(&self.bells.1, &[number]).is_err() {
            tracing::warn!("signal {number} is lost: too many wait for their handlers");
        }
    }

    fn now(&self) {
        self.is_due.store(true, Release);
        // One byte is enough for ever; a full pipe is readable as well.
        let _ = nix::unistd::write(&self.writer, b"x");
    }
}

impl AsFd for Leave {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Listens to the master and to signals on a thread of its own. `hurry` is called there when it is time to leave.
///
/// # Errors
/// When descriptors or threads are short.
pub(super) fn listen(control: OwnedFd, config: Config, hurry: impl Fn() + Send + 'static) -> io::Result<Arc<Leave>> {
    let signals = worker::catch_signals()?;
    let leave = Arc::new(Leave::new()?);
    let told = Arc::clone(&leave);
    let ear = move || {
        let (mut control, mut bells) = (Some(control), Bells::default());
        while let Some(stream) = &control {
            let mut polled =
                [PollFd::new(stream.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            let [order, signal] = polled.map(|one| one.any().unwrap_or(true));
            if signal {
                heed(&signals);
            }
            if order && !obey(stream, &config, &told, &mut bells, &hurry) {
                control = None;
            }
        }
    };
    std::thread::Builder::new().name("rsgi-ear".into()).spawn(ear)?;
    Ok(leave)
}

/// Does what the master says; `false` when the master is gone.
fn obey(control: &OwnedFd, config: &Config, leave: &Leave, bells: &mut Bells, hurry: &impl Fn()) -> bool {
    let mut orders = [0_u8; 16];
    let count = match nix::unistd::read(control, &mut orders) {
        Ok(count) => count,
        Err(Errno::EINTR | Errno::EAGAIN) => return true,
        Err(_) => 0,
    };
    for &byte in orders.iter().take(count) {
        if let Some(bell) = bells.take(byte) {
            leave.ring(bell);
        }
        let Some(order) = Order::from_byte(byte) else { continue };
        match order {
            Order::Drain | Order::Retire => {
                leave.now();
                hurry();
            }
            Order::Quit => rsgi_sys::fork::exit_now(Exit::WorkerEnd.code()),
            Order::ReopenLog => crate::logging::reopen(config),
            Order::Accept
            | Order::Begin
            | Order::Overdue
            | Order::Pause
            | Order::Resume
            | Order::TellQueue
            | Order::Rest => {}
        }
    }
    if count == 0 {
        leave.now();
        hurry();
    }
    count > 0
}

/// A signal to this very process: the master decides, for it may have been meant for the whole instance.
fn heed(signals: &OwnedFd) {
    let mut numbers = [0_u8; 16];
    let count = nix::unistd::read(signals, &mut numbers).unwrap_or(0);
    for &number in numbers.iter().take(count) {
        match Signal::try_from(i32::from(number)) {
            Ok(Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP) => {
                let _ = identity().is_some_and(|identity| identity.report(Report::WantsLeave));
            }
            Ok(Signal::SIGQUIT) => rsgi_sys::fork::exit_now(Exit::WorkerEnd.code()),
            _ => {}
        }
    }
}
