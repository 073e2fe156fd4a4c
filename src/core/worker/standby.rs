//! A worker that has loaded the application before the one that it replaces has ended, and waits for that.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, recv};

use super::Job;
use crate::control::{Order, Report};
use crate::exit::Exit;

/// Waits until the worker is to serve: `None`. Otherwise it is to leave, with this code.
pub(super) fn wait(job: &Job, signals: BorrowedFd<'_>) -> Option<Exit> {
    let control = job.control.as_fd();
    let ready = [Report::Ready.byte()];
    if nix::unistd::write(control, &ready).is_err() {
        return Some(Exit::WorkerEnd);
    }
    loop {
        let mut polled = [PollFd::new(control, PollFlags::POLLIN), PollFd::new(signals, PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(errno) => {
                tracing::error!("worker {} cannot wait for its turn: {errno}", job.id);
                return Some(Exit::WorkerEnd);
            }
        }
        if is_told_to_leave(signals) {
            return Some(Exit::WorkerEnd);
        }
        // What comes after the order is for the worker that serves, so no byte more is taken.
        let mut byte = [0];
        match recv(control.as_raw_fd(), &mut byte, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return Some(Exit::WorkerEnd),
            Ok(_) => match Order::from_byte(byte[0]) {
                Some(Order::Begin) => return None,
                Some(Order::Drain | Order::Retire | Order::Quit) => return Some(Exit::WorkerEnd),
                Some(Order::ReopenLog) => crate::logging::reopen_inside(&job.config),
                // It is told again when it serves.
                Some(Order::Pause | Order::Resume) => {}
                Some(Order::Accept | Order::TellQueue | Order::Rest | Order::Overdue) | None => {}
            },
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
            Err(_) => return Some(Exit::WorkerEnd),
        }
    }
}

/// Whether a signal has come that lets a worker leave.
fn is_told_to_leave(signals: BorrowedFd<'_>) -> bool {
    let mut numbers = [0_u8; 16];
    let count = nix::unistd::read(signals, &mut numbers).unwrap_or(0);
    let leaves = |number: &u8| Signal::try_from(i32::from(*number)).is_ok_and(|signal| signal != Signal::SIGUSR2);
    numbers.get(..count).unwrap_or_default().iter().any(leaves)
}
