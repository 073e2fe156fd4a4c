//! The listening sockets of an instance: bound by the master before anything else, kept over reloads.
//!
//! A reload takes over every socket whose address is still wanted, so no connection in a queue is lost.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{Group, User};
use rsgi_config::{Address, Config, Limits};
use rsgi_sys::entry::Entry;
use rsgi_sys::socket::{self, Options};

use super::vacuum::Litter;

/// A bound socket.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Address as wanted.
    pub(super) address: Address,
    /// The socket.
    pub fd: Arc<OwnedFd>,
    /// Address as bound, for people.
    pub name: String,
    /// Its file, when this instance made one.
    pub file: Option<Litter>,
}

/// All sockets of a generation.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    /// Those bound for others to use, in the order of `config.shared_sockets`.
    pub(super) shared: Vec<Bound>,
    /// In the order of `config.sockets`.
    pub workers: Vec<Bound>,
    /// In the order of `config.router.binds`.
    pub router: Vec<Bound>,
    /// The stats server's.
    pub stats: Option<Bound>,
    /// The metrics'.
    pub metrics: Option<Bound>,
    /// The control socket's file.
    pub control: Option<Bound>,
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error(
        "{0} is in use: probably another instance of rsgi (or another server) is running on the same address; stop it or choose another address"
    )]
    InUse(String),
    /// The file exists and is no socket.
    #[error("{0} exists and is not a socket: remove it or choose another path")]
    NotASocket(String),
    /// A port that needs rights.
    #[error("{0} needs the right to bind ports below 1024: start as root, or give the binary CAP_NET_BIND_SERVICE")]
    Privileged(String),
    /// No interface has the address.
    #[error("{0} is no address of this machine (`freebind = true` binds it anyway)")]
    NotHere(String),
    /// A host name that leads nowhere.
    #[error("the host of {0} cannot be resolved to an address")]
    NoHost(String),
    /// A number that no shared socket has.
    #[error("there is no shared-socket {0}: shared sockets are counted from 0, and {1} were given")]
    NoShared(usize, usize),
    /// The queue is longer than the kernel allows.
    #[error(
        "Listen queue size is greater than the system max net.core.somaxconn ({max}): lower listen = {wanted}, or raise it by sysctl"
    )]
    Backlog {
        /// `listen`.
        wanted: u32,
        /// The kernel's limit.
        max: u32,
    },
    /// Nobody with that name.
    #[error("chown-socket: there is no user or group {0}")]
    NoUser(String),
    /// A path that does not fit into a socket address (unix(7)).
    #[error("{0} is too long for a unix socket: a path may have 107 bytes (108 with its end), this one has {len}", len = .0.len())]
    TooLong(String),
    /// Anything else.
    #[error("{0} cannot be bound")]
    Other(String, #[source] io::Error),
}

impl Sockets {
    /// Binds everything that `config` names; sockets of `before` with the same address are taken over, the first ones first.
    ///
    /// # Errors
    /// When an address cannot be bound. Nothing of `before` has changed then.
    pub fn bind<'a>(config: &Config, before: impl IntoIterator<Item = &'a Self>) -> Result<Self, BindError> {
        let before = before.into_iter().flat_map(Self::all).cloned().collect();
        let mut binder = Binder { config, options: options(config)?, before };
        let mut sockets = Self::default();
        for address in &config.shared_sockets {
            sockets.shared.push(binder.bind_as(address, &[], true)?);
        }
        for socket in &config.sockets {
            sockets.workers.push(binder.bind(&socket.address, &sockets.shared)?);
        }
        for bind in &config.router.binds {
            sockets.router.push(binder.bind(&bind.address, &sockets.shared)?);
        }
        if let Some(address) = &config.stats.address {
            sockets.stats = Some(binder.bind(address, &sockets.shared)?);
        }
        if let Some(address) = &config.monitoring.metrics {
            sockets.metrics = Some(binder.bind(address, &sockets.shared)?);
        }
        if let Some(path) = config.stats.control.as_ref().filter(|_| !config.stats.no_control) {
            sockets.control = Some(binder.bind_control(path)?);
        }
        Ok(sockets)
    }

    /// Leaves what routers are started with.
    pub fn take_all_but_routers(&mut self) -> Self {
        let (shared, router) = (self.shared.clone(), self.router.clone());
        std::mem::replace(self, Self { shared, router, ..Self::default() })
    }

    /// Every socket once.
    pub fn all(&self) -> impl Iterator<Item = &Bound> {
        let doors = self.shared.iter().chain(&self.workers).chain(&self.router);
        doors.chain(&self.stats).chain(&self.metrics).chain(&self.control)
    }
}

struct Binder<'a> {
    config: &'a Config,
    options: Options,
    before: Vec<Bound>,
}

impl Binder<'_> {
    fn bind(&mut self, address: &Address, shared: &[Bound]) -> Result<Bound, BindError> {
        self.bind_as(address, shared, false)
    }

    fn bind_as(&mut self, address: &Address, shared: &[Bound], is_shared: bool) -> Result<Bound, BindError> {
        if let Address::Shared(number) = address {
            let found = shared.get(*number).ok_or(BindError::NoShared(*number, shared.len()))?;
            return Ok(Bound { file: None, ..found.clone() });
        }
        if let Some(index) = self.before.iter().position(|bound| bound.address == *address) {
            return Ok(self.before.remove(index));
        }
        let fail = |error| explain(address, error);
        let fd = match address {
            Address::Tcp { host, port } => socket::tcp(resolve(address, host, *port)?, &self.options).map_err(fail)?,
            Address::Unix(path) => socket::unix(&self.place(path, is_shared), &self.options).map_err(fail)?,
            Address::Abstract(name) => socket::abstract_name(name, &self.options).map_err(fail)?,
            Address::Fd(number) => socket::adopt(inherited(*number).map_err(fail)?).map_err(fail)?,
            Address::Shared(_) => return Err(BindError::NoShared(0, 0)),
        };
        let file = if let Address::Unix(path) = address {
            let path = self.place(path, is_shared);
            self.chown(&path)?;
            Litter::of(&path)
        } else {
            None
        };
        Ok(Bound { address: address.clone(), name: socket::local_name(&fd), fd: Arc::new(fd), file })
    }

    /// The control socket is for its owner alone, whatever the options say about the files of other sockets.
    fn bind_control(&mut self, path: &Path) -> Result<Bound, BindError> {
        let address = Address::Unix(path.to_owned());
        if let Some(index) = self.before.iter().position(|bound| bound.address == address) {
            return Ok(self.before.remove(index));
        }
        let place = self.config.start_dir.join(path);
        let options = Options { mode: Some(0o600), ..self.options };
        let fd = socket::unix(&place, &options).map_err(|error| explain(&address, error))?;
        Ok(Bound { name: socket::local_name(&fd), fd: Arc::new(fd), file: Litter::of(&place), address })
    }

    /// Where the file of a socket is. As in uWSGI, only shared sockets are bound before the root directory changes.
    fn place(&self, path: &Path, is_shared: bool) -> PathBuf {
        if is_shared { self.config.start_dir.join(path) } else { self.config.inside(path) }
    }

    fn chown(&self, path: &Path) -> Result<(), BindError> {
        let Some(owner) = &self.config.process.chown_socket else { return Ok(()) };
        let (user, group) = match owner.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (owner.as_str(), None),
        };
        let unknown = |name: &str| BindError::NoUser(name.to_owned());
        let user_id = match user.parse() {
            Ok(id) => nix::unistd::Uid::from_raw(id),
            Err(_) => User::from_name(user).ok().flatten().ok_or_else(|| unknown(user))?.uid,
        };
        let group_id = group.map(|name| match name.parse() {
            Ok(id) => Ok(nix::unistd::Gid::from_raw(id)),
            Err(_) => Ok(Group::from_name(name).ok().flatten().ok_or_else(|| unknown(name))?.gid),
        });
        let group_id = group_id.transpose()?;
        Entry::at(path)
            .and_then(|entry| entry.give(Some(user_id), group_id))
            .map_err(|errno| BindError::Other(format!("chown-socket: {}", path.display()), errno.into()))
    }
}

/// A descriptor that this process was started with; 0 is standard input (inetd).
fn inherited(number: i32) -> io::Result<OwnedFd> {
    match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        _ => rsgi_sys::inherit::take(number).map_err(io::Error::other),
    }
}

fn options(config: &Config) -> Result<Options, BindError> {
    let limits: &Limits = &config.limits;
    let wanted = limits.listen;
    let max = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok().and_then(|text| text.trim().parse().ok());
    if let Some(max) = max.filter(|&max| wanted > max) {
        return Err(BindError::Backlog { wanted, max });
    }
    Ok(Options {
        backlog: i32::try_from(wanted).unwrap_or(i32::MAX),
        reuse_port: limits.reuse_port,
        freebind: limits.freebind,
        keepalive: limits.so_keepalive,
        fast_open: limits.tcp_fast_open.and_then(|length| i32::try_from(length).ok()),
        send_buffer: limits.socket_sndbuf.and_then(|bytes| usize::try_from(bytes).ok()),
        receive_buffer: limits.socket_rcvbuf.and_then(|bytes| usize::try_from(bytes).ok()),
        mode: config.process.chmod_socket,
    })
}

fn resolve(address: &Address, host: &str, port: u16) -> Result<SocketAddr, BindError> {
    let nowhere = || BindError::NoHost(address.to_string());
    if host.is_empty() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok((ip, port).into());
    }
    if let Some((prefix, _)) = host.split_once('*') {
        let interfaces = nix::ifaddrs::getifaddrs().map_err(|_| nowhere())?;
        let ips = interfaces.filter_map(|one| Some(one.address?.as_sockaddr_in()?.ip()));
        let found = ips.into_iter().find(|ip| ip.to_string().starts_with(prefix)).ok_or_else(nowhere)?;
        return Ok((found, port).into());
    }
    (host, port).to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or_else(nowhere)
}

fn explain(address: &Address, error: io::Error) -> BindError {
    let name = address.to_string();
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(name),
        io::ErrorKind::AlreadyExists => BindError::NotASocket(name),
        io::ErrorKind::AddrNotAvailable => BindError::NotHere(name),
        io::ErrorKind::PermissionDenied if matches!(address, Address::Tcp { .. }) => BindError::Privileged(name),
        io::ErrorKind::InvalidInput if matches!(address, Address::Unix(path) if path.as_os_str().len() > 107) => {
            BindError::TooLong(name)
        }
        _ => BindError::Other(name, error),
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsgi_config::{Bind, Protocol, Socket};

    fn config(addresses: &[&str]) -> Config {
        let socket = |text: &&str| Socket {
            protocol: Protocol::Http,
            address: text.parse().unwrap(),
            tls: None,
            text: (*text).into(),
        };
        Config { sockets: addresses.iter().map(socket).collect(), ..Config::default() }
    }

    fn bind(config: &Config) -> Result<Sockets, BindError> {
        Sockets::bind(config, [])
    }

    #[test]
    fn a_reload_keeps_the_sockets_it_still_wants() {
        let first = bind(&config(&["127.0.0.1:0", "127.0.0.1:0"])).unwrap();
        let second = Sockets::bind(&config(&["127.0.0.1:0", "127.0.0.1:0", "[::1]:0"]), [&first]).unwrap();
        let names = |sockets: &Sockets| {
            let mut names: Vec<_> = sockets.workers.iter().map(|bound| bound.name.clone()).collect();
            names.sort();
            names
        };
        assert!(names(&first).iter().all(|name| names(&second).contains(name)));
        assert!(second.workers[2].name.starts_with("[::1]:"));
    }

    #[test]
    fn routers_that_go_on_keep_only_their_own() {
        let mut config = config(&["127.0.0.1:0"]);
        let address: Address = "127.0.0.1:0".parse().unwrap();
        config.router.binds.push(Bind { address: address.clone(), tls: None, to_https: false, text: String::new() });
        config.stats.address = Some(address.clone());
        config.monitoring.metrics = Some(address);
        let mut sockets = bind(&config).unwrap();
        assert_eq!(sockets.take_all_but_routers().all().count(), 4);
        assert_eq!((sockets.all().count(), sockets.router.len()), (1, 1));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let taken = bind(&config(&["127.0.0.1:0"])).unwrap();
        let name = taken.workers[0].name.clone();
        let error = bind(&config(&[&name])).unwrap_err().to_string().replace(&name, "ADDRESS");
        insta::assert_snapshot!(error, @"ADDRESS is in use: probably another instance of rsgi (or another server) is running on the same address; stop it or choose another address");
        let error = bind(&config(&["=1"])).unwrap_err();
        insta::assert_snapshot!(error, @"there is no shared-socket 1: shared sockets are counted from 0, and 0 were given");
        let error = bind(&config(&["192.0.2.1:80"])).unwrap_err();
        insta::assert_snapshot!(error, @"192.0.2.1:80 is no address of this machine (`freebind = true` binds it anyway)");
        let mut long = config(&["127.0.0.1:0"]);
        long.limits.listen = 1 << 30;
        assert!(bind(&long).unwrap_err().to_string().starts_with("Listen queue size is greater than the system max"));
        let mut owned = config(&["/dev/null"]);
        insta::assert_snapshot!(bind(&owned).unwrap_err(), @"/dev/null exists and is not a socket: remove it or choose another path");
        owned.sockets.clear();
    }

    #[test]
    fn shared_sockets_are_bound_once_and_used_by_number() {
        let mut shared = config(&["=0"]);
        shared.shared_sockets.push("127.0.0.1:0".parse().unwrap());
        shared.router.binds.push(Bind {
            address: "=0".parse().unwrap(),
            tls: None,
            to_https: false,
            text: "=0".into(),
        });
        let sockets = bind(&shared).unwrap();
        assert!(Arc::ptr_eq(&sockets.workers[0].fd, &sockets.router[0].fd));
    }
}
