//! Listening sockets: made, bound, listening, non-blocking, close-on-exec.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::entry::Entry;

/// How sockets are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Length of the queue of connections that nobody has accepted yet.
    pub backlog: i32,
    /// Several sockets may be bound to one address, and the kernel divides connections among them.
    pub reuse_port: bool,
    /// An address that no interface has (yet) may be bound.
    pub freebind: bool,
    /// Connections that die silently are noticed.
    pub keepalive: bool,
    /// Length of the queue of TCP Fast Open.
    pub fast_open: Option<i32>,
    /// Send buffer in bytes.
    pub send_buffer: Option<usize>,
    /// Receive buffer in bytes.
    pub receive_buffer: Option<usize>,
    /// Mode of a unix socket's file; the umask decides when not given.
    pub mode: Option<u32>,
}

/// Listens on a TCP address.
///
/// # Errors
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES` and what else the kernel says.
pub fn tcp(address: SocketAddr, options: &Options) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if options.freebind && address.is_ipv4() {
        socket.set_freebind_v4(true)?;
    }
    if options.freebind && address.is_ipv6() {
        socket.set_freebind_v6(true)?;
    }
    if options.keepalive {
        socket.set_keepalive(true)?;
    }
    buffers(&socket, options)?;
    socket.bind(&address.into())?;
    if let Some(length) = options.fast_open {
        fast_open(&socket, length)?;
    }
    finish(socket, options)
}

/// Listens on a unix socket file. A file left behind by a listener that is gone is replaced; one that is being listened on
/// is not.
///
/// # Errors
/// `EADDRINUSE` when somebody listens there, `EEXIST` when the file is no socket, and what else the kernel says.
pub fn unix(path: &Path, options: &Options) -> io::Result<OwnedFd> {
    let address = SockAddr::unix(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            probe.set_nonblocking(true)?;
            match probe.connect(&address) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
                // EAGAIN says that its queue is full: it is very much alive.
                _ => return Err(io::ErrorKind::AddrInUse.into()),
            }
        }
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    buffers(&socket, options)?;
    socket.bind(&address)?;
    if let Some(mode) = options.mode {
        Entry::at(path)?.permit(mode)?;
    }
    finish(socket, options)
}

/// Listens on a name of Linux's abstract namespace.
///
/// # Errors
/// `EADDRINUSE` and what else the kernel says.
pub fn abstract_name(name: &str, options: &Options) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    buffers(&socket, options)?;
    socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
    finish(socket, options)
}

/// Takes over a socket that listens already.
///
/// # Errors
/// When the descriptor is no listening stream socket.
pub fn adopt(fd: OwnedFd) -> io::Result<OwnedFd> {
    let socket = Socket::from(fd);
    if !socket.is_listener()? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor is no listening socket"));
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The address a socket is bound to, for people: `127.0.0.1:3031`, `[::1]:80`, `/run/app.sock`, `@name`.
#[must_use]
pub fn local_name(fd: &OwnedFd) -> String {
    let Ok(address) = socket2::SockRef::from(fd).local_addr() else { return String::new() };
    if let Some(address) = address.as_socket() {
        return address.to_string();
    }
    if let Some(path) = address.as_pathname() {
        return path.to_string_lossy().into_owned();
    }
    address.as_abstract_namespace().map_or_else(String::new, |name| format!("@{}", String::from_utf8_lossy(name)))
}

fn buffers(socket: &Socket, options: &Options) -> io::Result<()> {
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(())
}

/// Linux's `TCP_FASTOPEN` (tcp(7)): length of the queue of connections whose first packet carried data.
fn fast_open(socket: &Socket, length: i32) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of_val(&length)).map_err(io::Error::other)?;
    let value = (&raw const length).cast();
    // SAFETY: the option takes an int, which outlives the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_FASTOPEN, value, size) };
    Ok(nix::errno::Errno::result(done).map(drop)?)
}

fn finish(socket: Socket, options: &Options) -> io::Result<OwnedFd> {
    socket.listen(options.backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    const PLAIN: Options = Options {
        backlog: 4,
        reuse_port: false,
        freebind: false,
        keepalive: false,
        fast_open: None,
        send_buffer: None,
        receive_buffer: None,
        mode: None,
    };

    fn place(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("rsgi-sys-{}-{name}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_port_is_chosen_and_then_in_use() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), &PLAIN).unwrap();
        let name = local_name(&first);
        assert!(name.starts_with("127.0.0.1:") && !name.ends_with(":0"), "{name}");
        let second = tcp(name.parse().unwrap(), &PLAIN);
        assert_eq!(second.map_err(|error| error.kind()).err(), Some(io::ErrorKind::AddrInUse));
    }

    #[test]
    fn only_a_dead_socket_file_is_replaced() {
        let path = place("stale");
        let first = unix(&path, &PLAIN).unwrap();
        assert_eq!(unix(&path, &PLAIN).map_err(|e| e.kind()).err(), Some(io::ErrorKind::AddrInUse));
        drop(first);
        let second = unix(&path, &Options { mode: Some(0o600), ..PLAIN }).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(local_name(&second), path.to_string_lossy());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_removed() {
        let path = place("file");
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(unix(&path, &PLAIN).map_err(|e| e.kind()).err(), Some(io::ErrorKind::AlreadyExists));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn abstract_names_have_no_file() {
        let name = format!("rsgi-test-{}", std::process::id());
        assert_eq!(local_name(&abstract_name(&name, &PLAIN).unwrap()), format!("@{name}"));
    }

    #[test]
    fn only_listeners_are_adopted() {
        assert!(adopt(tcp("127.0.0.1:0".parse().unwrap(), &PLAIN).unwrap()).is_ok());
        assert!(adopt(UnixStream::pair().unwrap().0.into()).is_err());
    }
}
