//! Where the configuration of an instance comes from, at the start and at each reload.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::socket::{SockaddrStorage, getsockname};
use rsgi_config::{Address, Config, Diagnostic, Loaded, Protocol, Socket};

use super::announce::say;
use crate::process::RELOADS;

/// Where the configuration comes from, so that a reload can read it again.
#[derive(Debug, Clone)]
pub struct Sources {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: PathBuf,
}

impl Sources {
    /// This process's command line, environment and directory.
    ///
    /// # Errors
    /// When the directory is gone.
    pub fn here() -> io::Result<Self> {
        let args = std::env::args_os().skip(1).collect();
        // Who was started by a process of another instance has not been reloaded for that.
        let env = std::env::vars_os().filter(|(name, _)| name != RELOADS).collect();
        Ok(Self { args, env, cwd: std::env::current_dir()? })
    }

    /// A command line (without the program's name) and a directory, with this process's environment.
    #[must_use]
    pub fn of(args: Vec<OsString>, cwd: PathBuf) -> Self {
        let env = std::env::vars_os().filter(|(name, _)| name != RELOADS).collect();
        Self { args, env, cwd }
    }

    /// The command line, without the program's name.
    #[must_use]
    pub fn args(&self) -> &[OsString] {
        &self.args
    }

    /// The environment.
    #[must_use]
    pub fn env(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// The directory.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Reads the configuration for the first time.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Loaded, rsgi_config::ConfigError> {
        rsgi_config::load(self.args.clone(), self.env.clone(), &self.cwd)
    }

    /// The configuration that a file alone describes; `None` when it is wrong.
    #[must_use]
    pub fn config_of(&self, file: &Path) -> Option<Config> {
        match rsgi_config::load([file.as_os_str().to_owned()], self.env.clone(), &self.cwd) {
            Ok(Loaded::Run { config, .. }) => Some(config),
            _ => None,
        }
    }

    /// Reads the configuration again, for the reload of this number; warnings go to the log. The configuration may ask for the
    /// number (`if-reload`).
    ///
    /// # Errors
    /// Everything that is wrong with it, as text for the log.
    pub fn reload(&self, number: u32) -> Result<Config, String> {
        let reloads = (RELOADS.into(), number.to_string().into());
        let (mut config, warnings, printed) = self.server([reloads])?;
        say(&warnings, &printed);
        adopt_passed_sockets(&mut config);
        config.reloads = number;
        Ok(config)
    }

    /// Reads the configuration of a server, and says nothing: the configuration, warnings, lines to print.
    ///
    /// # Errors
    /// Everything that is wrong with it, as text for the log.
    pub fn read(&self) -> Result<(Config, Vec<Diagnostic>, Vec<String>), String> {
        self.server([])
    }

    fn server<const N: usize>(
        &self,
        more: [(OsString, OsString); N],
    ) -> Result<(Config, Vec<Diagnostic>, Vec<String>), String> {
        let env = self.env.iter().cloned().chain(more);
        match rsgi_config::load(self.args.clone(), env, &self.cwd) {
            Ok(Loaded::Run { config, warnings, printed }) => Ok((config, warnings, printed)),
            Ok(Loaded::Print { .. } | Loaded::Tell { .. } | Loaded::Tool { .. }) => {
                Err("error: the configuration no longer describes a server".into())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Adds sockets that the process was started with: standard input (inetd), and those of systemd's socket activation.
///
/// Source: uWSGI 2.0 "Socket addresses"; sd_listen_fds(3).
pub(crate) fn adopt_passed_sockets(config: &mut Config) {
    let passed = passed_by_systemd().into_iter().map(|number| (number, None));
    let stdin = io::stdin();
    let is_listener = socket2::SockRef::from(&stdin).is_listener().unwrap_or(false);
    for (number, _) in passed.chain(is_listener.then_some((0, Some(())))) {
        let address = Address::Fd(number);
        if let Some(named) = same_place(config, number) {
            *named = address;
            continue;
        }
        let routed = config.router.binds.iter().map(|bind| &bind.address);
        let named = config.sockets.iter().map(|socket| &socket.address).chain(routed).any(|known| *known == address);
        if !named {
            let protocol = config.protocol.unwrap_or(Protocol::Uwsgi);
            config.sockets.push(Socket { protocol, text: address.to_string(), address, tls: None });
        }
    }
}

/// The address in the configuration at which the descriptor listens already: it is meant, and could not be bound again.
fn same_place(config: &mut Config, number: i32) -> Option<&mut Address> {
    let there = getsockname::<SockaddrStorage>(number).ok()?;
    let path = there.as_unix_addr().and_then(|unix| Some(unix.path()?.to_owned()));
    let name = there.to_string();
    let workers = config.sockets.iter_mut().map(|socket| &mut socket.address);
    let router = config.router.binds.iter_mut().map(|bind| &mut bind.address);
    let start_dir = &config.start_dir;
    workers.chain(router).find(|address| match address {
        Address::Unix(named) => path.as_ref().is_some_and(|path| start_dir.join(named) == *path),
        Address::Tcp { host, port } if host.is_empty() => name == format!("0.0.0.0:{port}"),
        Address::Tcp { .. } => address.to_string() == name,
        Address::Abstract(_) | Address::Fd(_) | Address::Shared(_) => false,
    })
}

fn passed_by_systemd() -> Vec<i32> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
    let is_for_us = number("LISTEN_PID").is_some_and(|pid| u32::try_from(pid) == Ok(std::process::id()));
    let count = if is_for_us { number("LISTEN_FDS").unwrap_or(0) } else { 0 };
    (3..3_i32.saturating_add(count.clamp(0, 1024))).collect()
}
