//! What the master and a zygote tell each other: one JSON document a message over a `SOCK_SEQPACKET` pair.

use std::io::{self, IoSlice};
use std::os::fd::{BorrowedFd, OwnedFd};

use bytes::BytesMut;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ending::Ending;
use crate::master::fleet::Kind;

/// Largest message in bytes.
const LARGEST: usize = 4096;

/// From the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Fork. The child's end of its control stream comes with it.
    Fork {
        /// What the child is to be.
        kind: Kind,
        /// Its number among its kind, 1 first.
        number: u32,
        /// Serial number of this birth.
        birth: u64,
        /// A worker that loads the application and then waits for [`crate::control::Order::Begin`].
        stands_by: bool,
    },
    /// The log file was moved away: open it anew.
    ReopenLog,
}

/// To the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The interpreter runs, and the applications are loaded unless each worker does that.
    Loaded {
        /// Applications that serve.
        apps: u32,
    },
    /// A process was forked.
    Born {
        /// What it is.
        kind: Kind,
        /// Serial number of the birth.
        birth: u64,
        /// Its process id.
        pid: u32,
    },
    /// A process could not be forked.
    Unborn {
        /// What it was to be.
        kind: Kind,
        /// Serial number of the birth.
        birth: u64,
        /// The kernel's error number.
        errno: i32,
    },
    /// A process has ended.
    Died {
        /// What it was.
        kind: Kind,
        /// Serial number of its birth.
        birth: u64,
        /// How.
        ending: Ending,
    },
}

/// Sends one message.
///
/// # Errors
/// When the other side is gone, or a non-blocking socket is full.
pub fn send<T: Serialize>(socket: BorrowedFd<'_>, message: &T, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    loop {
        match rsgi_sys::fdpass::send(socket, &[IoSlice::new(&text)], fd) {
            Err(nix::Error::EINTR) => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Receives one message with the descriptor beside it; `None` when the other side is gone.
///
/// # Errors
/// `WouldBlock` when a non-blocking socket has none; others mean that the channel is of no use any more.
pub fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut buffer = BytesMut::with_capacity(LARGEST);
    let received = loop {
        match rsgi_sys::fdpass::receive(socket, &mut buffer) {
            Err(nix::Error::EINTR) => {}
            other => break other?,
        }
    };
    if received.len == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer)?, received.fd)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::os::fd::AsFd;

    #[test]
    fn messages_arrive_whole_and_in_order() {
        let (master, zygote) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let answers = [
            Answer::Loaded { apps: 1 },
            Answer::Born { kind: Kind::Worker, birth: 3, pid: 7 },
            Answer::Died { kind: Kind::Mule, birth: 3, ending: Ending::Killed(9) },
        ];
        for answer in &answers {
            send(zygote.as_fd(), answer, None).unwrap();
        }
        drop(zygote);
        for answer in answers {
            assert_eq!(receive::<Answer>(master.as_fd()).unwrap().unwrap().0, answer);
        }
        assert!(receive::<Answer>(master.as_fd()).unwrap().is_none());
    }
}
