//! Finds the instance that is meant, and asks it.

use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rsgi_config::{Address, Config};
use serde_json::Value;

use super::view::View;
use super::words::Target;
use crate::control_socket::client::{AskError, Client};
use crate::control_socket::place;
use crate::control_socket::protocol::Request;
use crate::startup::Sources;

/// Time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest stats document that is read.
const LARGEST: u64 = 256 << 20;

/// Why no instance can be shown.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// None runs.
    #[error("no instance of rsgi runs here that this user may control; name the address of its stats server otherwise")]
    None,
    /// Which one?
    #[error("several instances run; name one by its file, or by --pid:\n{0}")]
    Several(String),
    /// None with this file.
    #[error("{}: no instance runs with this file", .0.display())]
    NoneOf(PathBuf),
    /// A pid file that cannot be read.
    #[error("{}: the pid file cannot be read", .0.display())]
    PidFile(PathBuf, #[source] io::Error),
    /// A pid file with something else in it.
    #[error("{}: expected the number of a process in the pid file", .0.display())]
    NoPid(PathBuf),
    /// Nothing is served there.
    #[error("{0}: no stats can be read there")]
    Stats(Address, #[source] io::Error),
    /// Something else is served there.
    #[error("{0}: what is served there is no stats document")]
    Nonsense(Address, #[source] serde_json::Error),
    /// The control socket.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// An instance that can be asked.
#[derive(Debug)]
pub struct Instance {
    /// What it is called on the screen.
    pub name: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Control(Client),
    Stats(Address),
}

/// What is asked of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// With the lines of Python.
    pub lines: bool,
    /// Seconds until the next look, and some more; 0: there is none.
    pub watch: u32,
}

impl Instance {
    /// Finds the instance.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(target: &Target, sources: &Sources) -> Result<Self, InstanceError> {
        match target {
            Target::Pid(pid) => Self::of(*pid),
            Target::PidFile(path) => Self::of(read_pid(path)?),
            Target::File(path) => Self::of_file(path, sources),
            Target::Socket(path) => Ok(Self::of_socket(path)),
            Target::Stats(address) => Ok(Self::at(address)),
            Target::Only => Self::only(),
        }
    }

    fn of(pid: u32) -> Result<Self, InstanceError> {
        Ok(Self { name: format!("pid {pid}"), way: Way::Control(Client::to(pid)?) })
    }

    /// A control socket answers a line; a stats server says something else without being asked.
    fn of_socket(path: &Path) -> Self {
        match Client::at(path).and_then(|mut client| client.ask(&Request::Ping, Some(PATIENCE)).map(|_| client)) {
            Ok(client) => Self { name: path.display().to_string(), way: Way::Control(client) },
            Err(_) => Self::at(&Address::Unix(path.to_owned())),
        }
    }

    fn at(address: &Address) -> Self {
        let mut instance = Self { name: address.to_string(), way: Way::Stats(address.clone()) };
        // The control socket tells more, and takes commands. What is served on another machine is not ours to control.
        let is_here = match address {
            Address::Tcp { host, .. } => {
                host.is_empty() || host == "localhost" || host.starts_with("127.") || host == "::1"
            }
            _ => true,
        };
        if is_here
            && let Ok(view) = instance.look(Look { lines: false, watch: 0 })
            && let Ok(mut client) = Client::to(view.stats.pid)
            && client.ask(&Request::Ping, Some(PATIENCE)).is_ok()
        {
            instance.way = Way::Control(client);
        }
        instance
    }

    fn only() -> Result<Self, InstanceError> {
        let mut found = all();
        match (found.pop(), found.len()) {
            (None, _) => Err(InstanceError::None),
            (Some((instance, _)), 0) => Ok(instance),
            (last, _) => {
                let lines = found.iter().chain(&last).map(|(_, status)| line(status));
                Err(InstanceError::Several(lines.collect::<Vec<_>>().join("\n")))
            }
        }
    }

    /// By a pid file, or by the configuration.
    fn of_file(path: &Path, sources: &Sources) -> Result<Self, InstanceError> {
        if let Ok(pid) = read_pid(path) {
            return Self::of(pid);
        }
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_it = |status: &Value| {
            let files = status.get("files").and_then(Value::as_array).into_iter().flatten();
            let mut files = files.filter_map(|file| Path::new(file.as_str()?).canonicalize().ok());
            files.any(|file| file == full)
        };
        let mut found: Vec<_> = all().into_iter().filter(|(_, status)| is_it(status)).collect();
        if let (Some((instance, _)), 0) = (found.pop(), found.len()) {
            return Ok(Self { name: path.display().to_string(), ..instance });
        }
        // Several instances share the file, or none is found by its process id: what the file names may tell.
        let config = sources.config_of(path).ok_or_else(|| InstanceError::NoneOf(path.to_owned()))?;
        let place = |file: &PathBuf| config.start_dir.join(file);
        let pids = [&config.process.pidfile, &config.process.safe_pidfile];
        let pid = pids.into_iter().flatten().find_map(|file| read_pid(&place(file)).ok());
        if let Some(instance) = pid.and_then(|pid| Self::of(pid).ok()) {
            return Ok(Self { name: path.display().to_string(), ..instance });
        }
        if let Some(client) = config.stats.control.as_ref().and_then(|file| Client::at(&place(file)).ok()) {
            return Ok(Self { name: path.display().to_string(), way: Way::Control(client) });
        }
        stats_of(&config).ok_or_else(|| InstanceError::NoneOf(path.to_owned()))
    }

    /// Whether it takes commands, and tells the lines of Python.
    #[must_use]
    pub const fn is_controlled(&self) -> bool {
        matches!(self.way, Way::Control(_))
    }

    /// Looks at it: the whole answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn look_raw(&mut self, look: Look) -> Result<Value, InstanceError> {
        match &mut self.way {
            Way::Control(client) => {
                let Look { lines, watch } = look;
                Ok(client.ask(&Request::Look { lines, watch }, Some(PATIENCE))?)
            }
            Way::Stats(address) => {
                let text = fetch(address).map_err(|error| InstanceError::Stats(address.clone(), error))?;
                serde_json::from_slice(body(&text)).map_err(|error| InstanceError::Nonsense(address.clone(), error))
            }
        }
    }

    /// Looks at it.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn look(&mut self, look: Look) -> Result<View, InstanceError> {
        let answer = self.look_raw(look)?;
        let view = match &self.way {
            Way::Control(_) => serde_json::from_value(answer).map_err(AskError::Nonsense)?,
            Way::Stats(address) => {
                let stats = serde_json::from_value(answer);
                View::of_stats(stats.map_err(|error| InstanceError::Nonsense(address.clone(), error))?)
            }
        };
        Ok(view)
    }

    /// Gives it a command.
    ///
    /// # Errors
    /// When it refuses, or takes none.
    pub fn tell(&mut self, request: &Request) -> Result<Value, AskError> {
        self.ask(request, Some(PATIENCE))
    }

    /// Gives it a command whose answer may come late.
    ///
    /// # Errors
    /// When it refuses, or takes none.
    pub fn wait_for(&mut self, request: &Request) -> Result<Value, AskError> {
        self.ask(request, None)
    }

    fn ask(&mut self, request: &Request, patience: Option<Duration>) -> Result<Value, AskError> {
        match &mut self.way {
            Way::Control(client) => client.ask(request, patience),
            Way::Stats(_) => {
                Err(AskError::Refused("a stats server takes no commands: name the instance by --pid".into()))
            }
        }
    }
}

/// Every instance that this user may ask, with its status.
fn all() -> Vec<(Instance, Value)> {
    let ask = |pid| {
        let mut instance = Instance::of(pid).ok()?;
        let status = instance.tell(&Request::Status).ok()?;
        if let Some(file) = status.pointer("/files/0").and_then(Value::as_str) {
            instance.name = file.to_owned();
        }
        Some((instance, status))
    };
    place::masters().into_iter().filter_map(ask).collect()
}

fn line(status: &Value) -> String {
    let text = |key: &str| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let files = status.get("files").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let files = files.collect::<Vec<_>>().join(" ");
    let what = if files.is_empty() { format!("in {}", text("cwd")) } else { files };
    let pid = status.get("pid").and_then(Value::as_u64).unwrap_or(0);
    format!("  --pid {pid}  {what}  ({})", text("status"))
}

fn read_pid(path: &Path) -> Result<u32, InstanceError> {
    let text = std::fs::read_to_string(path).map_err(|error| InstanceError::PidFile(path.to_owned(), error))?;
    text.trim().parse().map_err(|_| InstanceError::NoPid(path.to_owned()))
}

fn stats_of(config: &Config) -> Option<Instance> {
    let address = match config.stats.address.clone()? {
        Address::Unix(path) => Address::Unix(config.start_dir.join(path)),
        other => other,
    };
    Some(Instance::at(&address))
}

/// Everything that is served at an address.
fn fetch(address: &Address) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match address {
        Address::Tcp { host, port } => {
            let host = if host.is_empty() { "127.0.0.1" } else { host };
            let to = (host, *port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
            let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.take(LARGEST).read_to_end(&mut text)?;
        }
        Address::Unix(_) | Address::Abstract(_) => {
            let stream = match address {
                Address::Unix(path) => UnixStream::connect(path)?,
                Address::Abstract(name) => UnixStream::connect_addr(&SocketAddr::from_abstract_name(name.as_bytes())?)?,
                _ => return Err(io::ErrorKind::Unsupported.into()),
            };
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.take(LARGEST).read_to_end(&mut text)?;
        }
        Address::Fd(_) | Address::Shared(_) => return Err(io::ErrorKind::Unsupported.into()),
    }
    Ok(text)
}

/// The document behind the HTTP head that `stats-http` puts in front of it.
fn body(text: &[u8]) -> &[u8] {
    let is_http = text.starts_with(b"HTTP/");
    let end = text.windows(4).position(|four| four == b"\r\n\r\n").filter(|_| is_http);
    end.and_then(|end| text.get(end + 4..)).unwrap_or(text)
}
