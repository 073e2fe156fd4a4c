//! Bytes over unix sockets with a descriptor beside them (`SCM_RIGHTS`). What arrives belongs to the receiver from the
//! first moment: it is close-on-exec, and it is closed when nobody takes it.
#![allow(unsafe_code)]

use std::io::IoSlice;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use bytes::BytesMut;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// What one receive brought.
#[derive(Debug)]
pub struct Received {
    /// Number of bytes; 0 is the end of a stream.
    pub len: usize,
    /// The descriptor that came with them.
    pub fd: Option<OwnedFd>,
}

/// Sends `parts` one after the other, with `fd` beside the first byte; returns how many bytes went. No SIGPIPE is raised.
///
/// # Errors
/// Those of `sendmsg`.
pub fn send(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>], fd: Option<BorrowedFd<'_>>) -> nix::Result<usize> {
    let raw = fd.map(|fd| [fd.as_raw_fd()]);
    let rights = raw.as_ref().map(|fds| [ControlMessage::ScmRights(fds)]);
    let control = rights.as_ref().map_or(&[][..], |rights| &rights[..]);
    sendmsg::<UnixAddr>(socket.as_raw_fd(), parts, control, MsgFlags::MSG_NOSIGNAL, None)
}

/// Receives into the spare capacity of `buffer`, which must have some. One receive takes one descriptor at most; the kernel
/// closes what is sent beyond.
///
/// # Errors
/// Those of `recvmsg`; `EMSGSIZE` when a message was longer than the room for it (its rest is lost).
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut BytesMut) -> nix::Result<Received> {
    let spare = buffer.spare_capacity_mut();
    if spare.is_empty() {
        return Err(nix::Error::ENOBUFS);
    }
    let mut part = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    let mut control = Control([0; CONTROL]);
    // SAFETY: all zeroes is a valid msghdr: null pointers with lengths of 0.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL as _;
    // SAFETY: `message` points to one iovec over spare bytes that we may write, and to `control`, of the length given.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let len = usize::try_from(len).map_err(|_| nix::Error::last())?;
    let fd = descriptor(&message);
    // SAFETY: the kernel has written `len` bytes, never more than the spare capacity it was given.
    unsafe { buffer.set_len(buffer.len() + len) };
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(nix::Error::EMSGSIZE);
    }
    Ok(Received { len, fd })
}

/// Room for the header and exactly one descriptor.
const CONTROL: usize = mem::size_of::<libc::cmsghdr>() + mem::size_of::<RawFd>();

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// The descriptor in the control data of a message that `recvmsg` has filled in.
fn descriptor(message: &libc::msghdr) -> Option<OwnedFd> {
    // SAFETY: `message` is what recvmsg left: `msg_control` is valid for `msg_controllen` bytes.
    let first = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: null, or the header within those bytes.
    let header = unsafe { first.as_ref() }?;
    let is_fd = header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_RIGHTS;
    if !is_fd || (header.cmsg_len as usize) < CONTROL {
        return None;
    }
    let mut raw = MaybeUninit::<RawFd>::uninit();
    // SAFETY: the length just checked says that a descriptor follows the header; it may be unaligned.
    let raw = unsafe {
        std::ptr::copy_nonoverlapping(libc::CMSG_DATA(first), raw.as_mut_ptr().cast(), mem::size_of::<RawFd>());
        raw.assume_init()
    };
    // SAFETY: the kernel has just installed this descriptor for us, and nobody else knows it.
    (raw >= 0).then(|| unsafe { OwnedFd::from_raw_fd(raw) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    fn room(bytes: usize) -> BytesMut {
        BytesMut::with_capacity(bytes)
    }

    #[test]
    fn a_descriptor_travels_with_its_bytes() {
        let (here, there) = UnixStream::pair().unwrap();
        let (read, write) = nix::unistd::pipe().unwrap();
        assert_eq!(send(here.as_fd(), &[IoSlice::new(b"ab"), IoSlice::new(b"c")], Some(read.as_fd())), Ok(3));
        drop(read);
        let mut buffer = room(16);
        let received = receive(there.as_fd(), &mut buffer).unwrap();
        assert_eq!((received.len, &buffer[..]), (3, &b"abc"[..]));
        nix::unistd::write(&write, b"x").unwrap();
        drop(write);
        let mut text = String::new();
        std::fs::File::from(received.fd.unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }

    #[test]
    fn what_arrives_is_not_inherited_and_not_leaked() {
        let (here, there) = UnixStream::pair().unwrap();
        let (read, write) = nix::unistd::pipe().unwrap();
        let fds = [read.as_raw_fd(), read.as_raw_fd(), read.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<UnixAddr>(here.as_raw_fd(), &[IoSlice::new(b"x")], &rights, MsgFlags::empty(), None).unwrap();
        drop(read);
        let fd = receive(there.as_fd(), &mut room(16)).unwrap().fd.unwrap();
        let flags = nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags & nix::libc::FD_CLOEXEC, nix::libc::FD_CLOEXEC);
        drop(fd);
        // The two that nobody asked for are closed too: the pipe has no reader left.
        assert_eq!(nix::unistd::write(&write, b"x"), Err(nix::Error::EPIPE));
    }

    #[test]
    fn the_end_and_too_long_messages_are_told_apart() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        let received = receive(there.as_fd(), &mut room(16)).unwrap();
        assert_eq!((received.len, received.fd.is_none()), (0, true));

        let (here, there) = UnixDatagram::pair().unwrap();
        here.send(&[0; 100]).unwrap();
        assert_eq!(receive(there.as_fd(), &mut room(16)).unwrap_err(), nix::Error::EMSGSIZE);
        assert_eq!(receive(there.as_fd(), &mut BytesMut::new()).unwrap_err(), nix::Error::ENOBUFS);
    }
}
