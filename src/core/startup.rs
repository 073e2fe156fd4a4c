//! The order of birth: title, log, detaching, limits, pid file, sockets, and only then the master's loop.
//!
//! Source: uWSGI 2.0, start-up order, with one change: every socket is bound before rights are dropped.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Group, User};
use rsgi_config::{Address, Config, Diagnostic, Loaded, Process, Protocol, Socket};
use rsgi_sys::fork::{Fork, exit_now, fork};
use tracing::{info, warn};

use crate::exit::Exit;
use crate::logging::{self, sink};
use crate::master::sockets::{BindError, Sockets};
use crate::master::vacuum::{Litter, write_pid};
use crate::role::{Titled, title};

/// Where the configuration comes from, so that a reload can read it again.
#[derive(Debug, Clone)]
pub struct Sources {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
}

/// An instance that is ready for its processes.
#[derive(Debug)]
pub struct Started {
    /// Where the configuration comes from.
    pub sources: Sources,
    /// The configuration that serves.
    pub config: Config,
    /// Its sockets.
    pub sockets: Sockets,
    /// Start of the instance, seconds since the epoch.
    pub since: u64,
    pid_files: Vec<Litter>,
    waiting: Option<io::PipeWriter>,
}

/// Why an instance could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be served.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Nothing to listen on.
    #[error(
        "The -s/--socket option is missing and stdin is not a socket: name an address, for example --http :9090 or --socket 127.0.0.1:3031"
    )]
    NoSocket,
    /// A file that an option names cannot be written.
    #[error("{option}: {} cannot be written", path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A limit of the operating system.
    #[error("{0}: the limit cannot be set")]
    Limit(&'static str, #[source] nix::Error),
    /// Nobody of that name, in uWSGI's words.
    #[error("{0} {1} not found.")]
    Nobody(&'static str, String),
    /// The process cannot detach.
    #[error("daemonize: the process cannot detach")]
    Detach(#[source] io::Error),
}

impl Sources {
    /// This process's command line, environment and directory.
    ///
    /// # Errors
    /// When the directory is gone.
    pub fn here() -> io::Result<Self> {
        let args = std::env::args_os().skip(1).collect();
        Ok(Self { args, env: std::env::vars_os().collect(), cwd: std::env::current_dir()? })
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, rsgi_config::ConfigError> {
        rsgi_config::load(self.args.clone(), self.env.clone(), &self.cwd)
    }

    /// Reads the configuration again, for a reload; warnings go to the log.
    ///
    /// # Errors
    /// Everything that is wrong with it, as text for the log.
    pub fn reload(&self) -> Result<Config, String> {
        match self.load() {
            Ok(Loaded::Run { mut config, warnings, printed }) => {
                say(&warnings, &printed);
                adopt_passed_sockets(&mut config);
                Ok(config)
            }
            Ok(Loaded::Print { .. }) => Err("error: the configuration no longer describes a server".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Prepares an instance: everything up to its first process.
///
/// # Errors
/// The first thing that stands in the way. What was made until then is removed again where `vacuum` says so.
pub fn start(
    sources: Sources,
    mut config: Config,
    warnings: &[Diagnostic],
    printed: &[String],
) -> Result<Started, StartError> {
    if let Some(title) = title(&config.process, Titled::Master) {
        rsgi_sys::title::set(&title);
    }
    adopt_passed_sockets(&mut config);
    if !has_socket(&config) {
        return Err(StartError::NoSocket);
    }
    check_names(&config.process)?;
    let waiting = open_log(&config)?;
    logging::date_lines(config.log.date.as_deref());
    say(warnings, printed);
    info!("{}", banner(&config));
    if config.show_config {
        for line in rsgi_config::show_config(&config).lines() {
            logging::line(line.as_bytes());
        }
    }
    set_limits(&config)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut started = Started { sources, config, sockets: Sockets::default(), since, pid_files: Vec::new(), waiting };
    let bound = started.write_pid_files(false).and_then(|()| Ok(Sockets::bind(&started.config, [])?));
    started.sockets = match bound {
        Ok(sockets) => sockets,
        Err(error) => {
            started.clean_up(&Sockets::default());
            return Err(error);
        }
    };
    for line in addresses(&started.config, &started.sockets) {
        info!("{line}");
    }
    // The place where uid, gid and capabilities are to be dropped: sockets are bound, nothing foreign has been read.
    if nix::unistd::geteuid().is_root() && started.config.process.uid.is_none() {
        warn!("you are running rsgi as root: give it a user of its own with uid and gid");
    }
    Ok(started)
}

impl Started {
    /// Every process serves: whoever waits for that may know.
    pub fn serving(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            // The one who started us may be gone by now.
            let _ = waiting.write_all(b"!");
        }
        if self.pid_files.len() < 4
            && let Err(error) = self.write_pid_files(true)
        {
            warn!("{error}");
        }
    }

    /// Removes pid files and socket files, when `vacuum` says so.
    pub fn clean_up(&self, sockets: &Sockets) {
        if self.config.process.vacuum {
            let files = sockets.all().filter_map(|bound| bound.file.as_ref());
            files.chain(&self.pid_files).for_each(Litter::remove);
        }
    }

    /// Writes the pid files of the start, or (`safe`) those that wait until the start has succeeded.
    fn write_pid_files(&mut self, safe: bool) -> Result<(), StartError> {
        let process = &self.config.process;
        let wanted = if safe {
            [("safe-pidfile", &process.safe_pidfile), ("safe-pidfile2", &process.safe_pidfile2)]
        } else {
            [("pidfile", &process.pidfile), ("pidfile2", &process.pidfile2)]
        };
        let pid = std::process::id();
        for (option, path) in wanted {
            let Some(path) = path else { continue };
            let path = self.config.start_dir.join(path);
            let written = write_pid(&path, pid).map_err(|source| StartError::File { option, path, source })?;
            if let Some(written) = written.filter(|written| !self.pid_files.contains(written)) {
                self.pid_files.push(written);
            }
        }
        Ok(())
    }
}

fn say(warnings: &[Diagnostic], printed: &[String]) {
    let texts = warnings.iter().map(ToString::to_string).chain(printed.iter().cloned());
    for text in texts {
        for line in text.lines() {
            logging::line(line.as_bytes());
        }
    }
}

fn banner(config: &Config) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = if cpus == 1 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") };
    let (version, machine, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let mut text = format!("rsgi {version} on {machine}-{system}, {cpus}, pid {}", std::process::id());
    for (index, file) in config.files.iter().enumerate() {
        let label = if index == 0 { ", config " } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{label}{}", file.display());
    }
    text
}

/// One line for each address, with a URL where a browser can be pointed at it.
fn addresses(config: &Config, sockets: &Sockets) -> Vec<String> {
    let mut lines = Vec::new();
    for (bound, bind) in sockets.router.iter().zip(&config.router.binds) {
        let scheme = if bind.tls.is_some() { "https" } else { "http" };
        lines.push(format!("{scheme} {bound}{}", url(scheme, &bound.name)));
    }
    for (index, (bound, socket)) in sockets.workers.iter().zip(&config.sockets).enumerate() {
        let url = match socket.protocol {
            Protocol::Http | Protocol::Http11 => url("http", &bound.name),
            Protocol::Https => url("https", &bound.name),
            _ => String::new(),
        };
        lines.push(format!("{} socket {index}: {bound}{url}", protocol_name(socket.protocol)));
    }
    lines
}

fn url(scheme: &str, name: &str) -> String {
    let Ok(address) = name.parse::<SocketAddr>() else { return String::new() };
    let port = address.port();
    if address.ip().is_unspecified() {
        format!(" -> {scheme}://localhost:{port}/")
    } else {
        format!(" -> {scheme}://{address}/")
    }
}

const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Uwsgi | Protocol::Puwsgi | Protocol::Suwsgi => "uwsgi",
        Protocol::Http | Protocol::Http11 => "http",
        Protocol::Https => "https",
        Protocol::Fastcgi | Protocol::FastcgiNph => "fastcgi",
        Protocol::Scgi | Protocol::ScgiNph => "scgi",
        Protocol::Raw => "raw",
    }
}

fn has_socket(config: &Config) -> bool {
    let listens = !config.sockets.is_empty() || !config.router.binds.is_empty();
    listens || config.no_server || !config.emperor.sources.is_empty()
}

/// Adds sockets that the process was started with: standard input (inetd), and those of systemd's socket activation.
///
/// Source: uWSGI 2.0 "Socket addresses"; sd_listen_fds(3).
fn adopt_passed_sockets(config: &mut Config) {
    let passed = passed_by_systemd().into_iter().map(|number| (number, None));
    let stdin = io::stdin();
    let is_listener = socket2::SockRef::from(&stdin).is_listener().unwrap_or(false);
    for (number, _) in passed.chain(is_listener.then_some((0, Some(())))) {
        let address = Address::Fd(number);
        let routed = config.router.binds.iter().map(|bind| &bind.address);
        let named = config.sockets.iter().map(|socket| &socket.address).chain(routed).any(|known| *known == address);
        if !named {
            config.sockets.push(Socket { protocol: Protocol::Uwsgi, text: address.to_string(), address, tls: None });
        }
    }
}

fn passed_by_systemd() -> Vec<i32> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
    let is_for_us = number("LISTEN_PID").is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()));
    let count = if is_for_us { number("LISTEN_FDS").unwrap_or(0) } else { 0 };
    (3..3_i32.saturating_add(count.clamp(0, 1024))).collect()
}

/// A user or group that does not exist is found out before anything is made.
fn check_names(process: &Process) -> Result<(), StartError> {
    let is_number = |name: &str| name.parse::<u32>().is_ok();
    if let Some(user) = process.uid.as_deref().filter(|user| !is_number(user))
        && !matches!(User::from_name(user), Ok(Some(_)))
    {
        return Err(StartError::Nobody("user", user.to_owned()));
    }
    let groups = process.gid.iter().chain(&process.add_gid).filter(|group| !is_number(group));
    match groups.into_iter().find(|group| !matches!(Group::from_name(group), Ok(Some(_)))) {
        Some(group) => Err(StartError::Nobody("group", group.clone())),
        None => Ok(()),
    }
}

/// Sends the log where the options say; with `daemonize`, detaches from whoever started this process.
fn open_log(config: &Config) -> Result<Option<io::PipeWriter>, StartError> {
    let log = &config.log;
    let open = |option: &'static str, path: &Path| {
        let path = config.start_dir.join(path);
        sink::open_file(&path, log).map_err(|source| StartError::File { option, path, source })
    };
    let redirect = |file: &File| sink::redirect(file).map_err(StartError::Detach);
    for (option, path) in [("logto", &log.to), ("logto2", &log.to2)] {
        if let Some(path) = path {
            redirect(&open(option, path)?)?;
        }
    }
    for (option, path) in [("daemonize", &log.daemonize), ("daemonize2", &log.daemonize2)] {
        if let Some(path) = path {
            let file = open(option, path)?;
            let waiting = detach(path).map_err(StartError::Detach)?;
            redirect(&file)?;
            return Ok(Some(waiting));
        }
    }
    Ok(None)
}

/// Goes on in a new session. The process that was started waits until the instance serves, then ends with 0; when the
/// instance ends before that, it says where to look and ends with 1.
fn detach(log: &Path) -> io::Result<io::PipeWriter> {
    let (mut outcome, waiting) = io::pipe()?;
    if let Fork::Parent(_) = fork()? {
        drop(waiting);
        let served = outcome.read(&mut [0]).is_ok_and(|count| count == 1);
        if !served {
            sink::write(format!("rsgi did not start: see {}\n", log.display()).as_bytes());
        }
        exit_now(if served { Exit::Ok } else { Exit::Config }.code());
    }
    nix::unistd::setsid()?;
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(waiting)
}

fn set_limits(config: &Config) -> Result<(), StartError> {
    if let Some(bits) = config.process.umask {
        umask(Mode::from_bits_truncate(bits));
    }
    let limits = [
        ("max-fd", Resource::RLIMIT_NOFILE, config.limits.max_fd),
        ("limit-as", Resource::RLIMIT_AS, config.limits.address_space.map(|mib| mib.saturating_mul(1 << 20))),
        ("limit-nproc", Resource::RLIMIT_NPROC, config.limits.nproc),
    ];
    for (option, resource, wanted) in limits {
        if let Some(wanted) = wanted {
            let (_, hard) = getrlimit(resource).map_err(|errno| StartError::Limit(option, errno))?;
            let set = setrlimit(resource, wanted, hard.max(wanted)).or_else(|_| setrlimit(resource, wanted, hard));
            set.map_err(|errno| StartError::Limit(option, errno))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_with_the_url_to_open() {
        assert_eq!(url("http", "127.0.0.1:9090"), " -> http://127.0.0.1:9090/");
        assert_eq!(url("https", "0.0.0.0:443"), " -> https://localhost:443/");
        assert_eq!(url("http", "[::]:80"), " -> http://localhost:80/");
        assert_eq!(url("http", "[::1]:80"), " -> http://[::1]:80/");
        assert_eq!(url("http", "/run/app.sock"), "");
    }

    #[test]
    fn the_banner_names_the_files() {
        let config = Config { files: vec!["/srv/app.ini".into(), "/srv/common.ini".into()], ..Config::default() };
        let banner = banner(&config);
        assert!(banner.starts_with("rsgi 0.1.0 on ") && banner.ends_with(", config /srv/app.ini, /srv/common.ini"));
    }

    #[test]
    fn names_are_checked_before_anything_is_made() {
        let mut process = Process { uid: Some("root".into()), gid: Some("12345".into()), ..Process::default() };
        assert!(check_names(&process).is_ok());
        process.add_gid.push("no-such-group".into());
        assert_eq!(check_names(&process).unwrap_err().to_string(), "group no-such-group not found.");
        process.uid = Some("nobody-of-that-name".into());
        assert_eq!(check_names(&process).unwrap_err().to_string(), "user nobody-of-that-name not found.");
    }

    #[test]
    fn nothing_to_listen_on_is_refused() {
        assert!(!has_socket(&Config::default()));
        assert!(has_socket(&Config { no_server: true, ..Config::default() }));
        assert!(
            StartError::NoSocket.to_string().starts_with("The -s/--socket option is missing and stdin is not a socket")
        );
    }
}
