//! Where workers bring their links: each message is a HELLO frame with the link's far end beside it.

use std::os::fd::{AsFd, OwnedFd};

use bytes::BytesMut;
use nix::Error as Errno;
use rsgi_proto::link::{RouterEnd, ToRouter};
use rsgi_sys::fdpass::{self, Received};
use tokio::io::unix::AsyncFd;

use super::link::Link;
use super::shop::Shop;
use crate::control::Overdue;
use crate::passing::{PAUSE, is_passing};

/// Longest message. A HELLO is far shorter.
const MESSAGE: usize = 256;

/// Takes links until no worker can bring one any more.
///
/// # Errors
/// When the socket fails.
pub(super) async fn attend(shop: &Shop, socket: &AsyncFd<OwnedFd>) -> std::io::Result<()> {
    let mut message = BytesMut::with_capacity(MESSAGE);
    loop {
        let mut ready = socket.readable().await?;
        message.clear();
        message.reserve(MESSAGE);
        match fdpass::receive(socket.as_fd(), &mut message) {
            Ok(Received { len: 0, fd: None }) => return Ok(()),
            Ok(Received { fd, .. }) => match admit(shop, &message, fd) {
                Ok(()) => {}
                Err(reason) => tracing::warn!(reason, "refused a link"),
            },
            Err(Errno::EAGAIN) => ready.clear_ready(),
            Err(error) if is_passing(error) => tokio::time::sleep(PAUSE).await,
            Err(Errno::EMSGSIZE) => tracing::warn!(reason = "its hello is too long", "refused a link"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn admit(shop: &Shop, message: &[u8], fd: Option<OwnedFd>) -> Result<(), String> {
    let hello = match RouterEnd::new(0).decode(message) {
        Ok(Some((used, ToRouter::Hello(hello)))) if used == message.len() => hello,
        Ok(_) => return Err("its message is no hello".into()),
        Err(error) => return Err(error.to_string()),
    };
    let fd = fd.ok_or("its descriptor is missing")?;
    let link = Link::new(fd, hello).map_err(|error| error.to_string())?;
    tracing::debug!(worker = hello.worker, core = hello.core, pid = hello.pid, "link opened");
    // Whatever was said of an earlier process with this id is no longer true.
    shop.take_condemned(Overdue { pid: hello.pid, link: hello.core });
    shop.pool.admit(link);
    Ok(())
}
