//! Who a fork of the zygote is: known from its first moment, before any hook of the application runs.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use nix::sys::socket::MsgFlags;

use crate::control::{Bell, Report};
use crate::master::fleet::Kind;
use crate::passing::insist;

/// Who this process is, for the plugin's questions.
#[derive(Debug)]
pub struct Identity {
    /// What it is.
    pub kind: Kind,
    /// Its number among its kind, 1 first.
    pub id: u32,
    /// Stream to the master, for the application's wishes.
    pub control: OwnedFd,
}

static IDENTITY: OnceLock<Identity> = OnceLock::new();

/// Becomes somebody, once in a process's life.
pub fn become_one(kind: Kind, id: u32, control: OwnedFd) {
    IDENTITY.get_or_init(|| Identity { kind, id, control });
}

/// Who this process is; `None` in those that are no fork of a zygote.
pub fn identity() -> Option<&'static Identity> {
    IDENTITY.get()
}

/// The number of this process among its kind, 0 when it is of another.
#[must_use]
pub fn number(kind: Kind) -> u32 {
    identity().filter(|identity| identity.kind == kind).map_or(0, |identity| identity.id)
}

impl Identity {
    /// Tells the master something; `false` when it is gone.
    #[must_use]
    pub fn report(&self, report: Report) -> bool {
        insist(|| self.try_send(&[report.byte()])) == Ok(1)
    }

    /// Has the master see to a signal of the application; `false` when it is gone, or too busy to take more.
    #[must_use]
    pub fn raise(&self, bell: Bell) -> bool {
        let message = bell.message();
        self.try_send(&message) == Ok(message.len())
    }

    fn try_send(&self, message: &[u8]) -> nix::Result<usize> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        nix::sys::socket::send(self.control.as_raw_fd(), message, flags)
    }
}
