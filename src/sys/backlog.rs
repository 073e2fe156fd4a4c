//! How many connections wait in a listening socket's queue, for TCP and unix sockets.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// The queue of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Connections that nobody has accepted yet.
    pub waiting: u32,
    /// How many may wait.
    pub room: u32,
}

/// Looks at the queue of a listening socket.
///
/// # Errors
/// When the descriptor is no listening socket, or the kernel lacks `sock_diag` for unix sockets.
pub fn of(listener: BorrowedFd<'_>) -> io::Result<Backlog> {
    let domain = socket2::SockRef::from(&listener).domain()?;
    if domain == socket2::Domain::UNIX { unix(listener) } else { tcp(listener) }
}

/// As [`of`], for a descriptor known by its number only: whatever that is by now, it is looked at and nothing more.
///
/// # Errors
/// As for [`of`], and when the number is no open descriptor.
pub fn of_number(listener: RawFd) -> io::Result<Backlog> {
    if listener < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: not negative; the kernel refuses a descriptor that is not open, and one of another kind.
    of(unsafe { BorrowedFd::borrow_raw(listener) })
}

fn tcp(listener: BorrowedFd<'_>) -> io::Result<Backlog> {
    // SAFETY: an all-zero tcp_info is valid memory for the kernel to write into.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut size = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).unwrap_or(0);
    // SAFETY: the kernel writes at most `size` bytes into `info`.
    let done = unsafe {
        libc::getsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast::<libc::c_void>(),
            &raw mut size,
        )
    };
    Errno::result(done)?;
    // For listeners the kernel puts the queue and its limit into these fields (tcp_get_info).
    Ok(Backlog { waiting: info.tcpi_unacked, room: info.tcpi_sacked })
}

/// Asks by sock_diag(7) for the socket with this one's inode number.
fn unix(listener: BorrowedFd<'_>) -> io::Result<Backlog> {
    const BY_FAMILY: u16 = 20;
    const REQUEST: u16 = 1;
    const LISTENING: u32 = 1 << 10;
    const SHOW_QUEUE: u32 = 0x10;

    let inode = nix::sys::stat::fstat(listener)?.st_ino;
    let inode = u32::try_from(inode).map_err(|_| Errno::EOVERFLOW)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
    // struct nlmsghdr: length, type, flags, number, sender.
    let mut request = Vec::with_capacity(40);
    request.extend_from_slice(&40_u32.to_ne_bytes());
    request.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    request.extend_from_slice(&REQUEST.to_ne_bytes());
    request.extend_from_slice(&[0; 8]);
    // struct unix_diag_req: family, protocol, padding, states, inode, what to show, cookie (any).
    request.extend_from_slice(&[libc::AF_UNIX as u8, 0, 0, 0]);
    for number in [LISTENING, inode, SHOW_QUEUE, u32::MAX, u32::MAX] {
        request.extend_from_slice(&number.to_ne_bytes());
    }
    send(netlink.as_raw_fd(), &request, MsgFlags::empty())?;
    let mut answer = [0; 512];
    // The kernel has answered when `send` returns.
    let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    let answer = answer.get(..length).unwrap_or_default();
    Ok(queue(answer).ok_or(Errno::ENOENT)?)
}

/// The queue attribute of an answer: behind the header (16 bytes) and `struct unix_diag_msg` (16 bytes) come attributes,
/// each with its length and kind.
fn queue(answer: &[u8]) -> Option<Backlog> {
    const QUEUE: u16 = 4;
    let mut rest = answer.get(32..)?;
    while let Some((head, _)) = rest.split_first_chunk::<4>() {
        let [length, kind] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_ne_bytes);
        if kind == QUEUE {
            let number = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
            return Some(Backlog { waiting: number(4)?, room: number(8)? });
        }
        rest = rest.get(usize::from(length).next_multiple_of(4).max(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn waiting_tcp_connections_are_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(of(listener.as_fd()).unwrap().waiting, 0);
        let address = listener.local_addr().unwrap();
        let _clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        let backlog = of(listener.as_fd()).unwrap();
        assert!(backlog.waiting == 2 && backlog.room >= 2, "{backlog:?}");
    }

    #[test]
    fn waiting_unix_connections_are_counted() {
        let path = std::env::temp_dir().join(format!("rsgi-backlog-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        match of(listener.as_fd()) {
            Ok(backlog) => assert!(backlog.waiting == 1 && backlog.room >= 1, "{backlog:?}"),
            // A kernel without unix_diag says so, in one of these ways.
            Err(error) => assert!(
                matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EPROTONOSUPPORT | libc::EINVAL)),
                "{error}"
            ),
        }
    }

    #[test]
    fn other_descriptors_are_refused() {
        assert!(of(std::fs::File::open("/dev/null").unwrap().as_fd()).is_err());
        assert!(of_number(-1).is_err());
        assert_eq!(queue(&[0; 40]), None);
    }
}
