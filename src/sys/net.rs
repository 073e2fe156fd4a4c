//! Accepting connections with one system call each.
#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use socket2::SockAddr;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An internet address; IPv4 in IPv6 clothes is given as IPv4.
    Ip(SocketAddr),
    /// A unix socket.
    Unix,
}

/// Connections that may have gone away one after the other. More than that is no client's doing, and would be a busy loop.
const IN_A_ROW: u32 = 64;

/// Takes one connection from a non-blocking listener, itself non-blocking and close-on-exec. `None`: nobody waits.
///
/// # Errors
/// What `accept4(2)` says, but for connections that went away while they waited (those are passed over, so many of them).
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<Option<(OwnedFd, Peer)>> {
    let mut passed_over = 0;
    loop {
        // SAFETY: try_init hands out storage large enough for any address, and accept4 writes at most `len` bytes of it.
        let accepted = unsafe {
            SockAddr::try_init(|storage, len| {
                let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
                let fd = libc::accept4(listener.as_raw_fd(), storage.cast(), len, flags);
                if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
            })
        };
        return match accepted {
            Ok((fd, address)) => {
                // SAFETY: accept4 made this descriptor for us alone.
                let socket = unsafe { OwnedFd::from_raw_fd(fd) };
                Ok(Some((socket, address.as_socket().map_or(Peer::Unix, |address| Peer::Ip(canonical(address))))))
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => Ok(None),
                Some(libc::EINTR | libc::ECONNABORTED | libc::EPROTO | libc::EPERM) if passed_over < IN_A_ROW => {
                    passed_over += 1;
                    continue;
                }
                _ => Err(error),
            },
        };
    }
}

/// Bytes that were sent over a unix socket and that nobody has received yet (`SIOCOUTQ`).
///
/// # Errors
/// When the descriptor is no socket.
pub fn unreceived(socket: BorrowedFd<'_>) -> nix::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: SIOCOUTQ writes one int.
    nix::errno::Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(address, |ip| SocketAddr::new(IpAddr::V4(ip), address.port())),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn takes_connections_until_nobody_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        assert!(accept(listener.as_fd()).unwrap().is_none());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_socket, peer) = accept(listener.as_fd()).unwrap().unwrap();
        assert_eq!(peer, Peer::Ip(client.local_addr().unwrap()));
        assert!(accept(listener.as_fd()).unwrap().is_none());
    }

    #[test]
    fn a_unix_peer_has_no_address() {
        let dir = std::env::temp_dir().join(format!("rsgi-net-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&dir).unwrap();
        let _client = std::os::unix::net::UnixStream::connect(&dir).unwrap();
        let (_socket, peer) = accept(listener.as_fd()).unwrap().unwrap();
        assert_eq!(peer, Peer::Unix);
        std::fs::remove_file(&dir).unwrap();
    }

    #[test]
    fn what_nobody_received_is_counted() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(unreceived(ours.as_fd()), Ok(0));
        std::io::Write::write_all(&mut &ours, b"abc").unwrap();
        assert!(unreceived(ours.as_fd()).unwrap() >= 3);
        std::io::Read::read_exact(&mut &theirs, &mut [0; 3]).unwrap();
        assert_eq!(unreceived(ours.as_fd()), Ok(0));
    }

    #[test]
    fn mapped_addresses_are_shown_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:80".parse().unwrap();
        assert_eq!(canonical(mapped), "10.0.0.1:80".parse().unwrap());
    }
}
