//! A vassal's side: its emperor hears when it serves, and when the emperor is gone it leaves.

use std::io;
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use std::os::fd::{AsFd, BorrowedFd};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tracing::warn;

use super::vassal::{HEARTBEAT, LOYAL, SOCKET};

/// The socket to the emperor; nothing in an instance that has none.
#[derive(Debug, Default)]
pub struct Lord {
    socket: Option<UnixStream>,
    told: bool,
}

/// Hands the socket to the emperor on to a program that takes this one's place, unless this one has taken it.
///
/// # Errors
/// When it cannot be handed on.
pub fn hand_on(command: &mut Command) -> io::Result<()> {
    let number = std::env::var(SOCKET).ok().and_then(|number| number.parse().ok());
    let Some((fd, child_fd)) = number.and_then(|number| Some((rsgi_sys::inherit::take(number).ok()?, number))) else {
        return Ok(());
    };
    command.fd_mappings(vec![FdMapping { parent_fd: fd, child_fd }]).map(drop).map_err(io::Error::other)
}

impl Lord {
    /// Takes the socket that this process was started with.
    #[must_use]
    pub fn of_this_process() -> Self {
        let number = std::env::var(SOCKET).ok().and_then(|number| number.parse().ok());
        let socket = number.and_then(|number| rsgi_sys::inherit::take(number).ok()).and_then(|fd| {
            let stream = std::os::unix::net::UnixStream::from(fd);
            stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream)).ok()
        });
        Self { socket, told: false }
    }

    /// The socket, for the program that this process becomes.
    #[must_use]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Tells the emperor, once, that this vassal serves.
    pub async fn swear(&mut self) {
        if let Some(socket) = &mut self.socket
            && !std::mem::replace(&mut self.told, true)
            && let Err(error) = socket.write_all(&[LOYAL]).await
        {
            warn!("the emperor cannot be told: {error}");
        }
    }

    /// Tells the emperor that this vassal lives.
    pub fn live(&self) {
        if let Some(socket) = &self.socket {
            // An emperor that does not read has a full socket, and no need of more.
            let _ = socket.try_write(&[HEARTBEAT]);
        }
    }

    /// Waits until the emperor is gone; for ever without one.
    pub async fn fall(&mut self) {
        let Some(socket) = &mut self.socket else { return std::future::pending().await };
        let mut byte = [0];
        while matches!(socket.read(&mut byte).await, Ok(1..)) {}
        self.socket = None;
        warn!("lost the connection with the emperor: leaving");
    }
}
