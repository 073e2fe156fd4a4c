//! What the configuration may ask of the machine: environment, host name, user, processors, time. Gathered once, so that
//! a test can give other answers.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Facts about where and as whom the command runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// The environment, in order.
    pub env: Vec<(OsString, OsString)>,
    /// The directory of the command.
    pub cwd: PathBuf,
    /// The host name.
    pub host: String,
    /// Processors at hand.
    pub cpus: usize,
    /// Time since 1970.
    pub now: Duration,
    /// Number and name of the user.
    pub user: (u32, String),
    /// Number and name of the group.
    pub group: (u32, String),
    /// The program's file.
    pub program: PathBuf,
    /// A stranger writes the configuration: no command is run, and nothing outside of `cwd` is read.
    pub is_confined: bool,
}

impl Machine {
    /// Asks the system.
    pub(crate) fn here(env: Vec<(OsString, OsString)>, cwd: &Path) -> Self {
        let (uid, gid) = (nix::unistd::getuid(), nix::unistd::getgid());
        let user = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
        let group = nix::unistd::Group::from_gid(gid).ok().flatten().map(|group| group.name);
        Self {
            env,
            cwd: cwd.into(),
            host: nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            now: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            user: (uid.as_raw(), user.unwrap_or_else(|| uid.to_string())),
            group: (gid.as_raw(), group.unwrap_or_else(|| gid.to_string())),
            program: std::env::current_exe().unwrap_or_default(),
            is_confined: false,
        }
    }

    /// A machine that is the same everywhere, for configurations of strangers.
    pub(crate) fn confined(env: Vec<(OsString, OsString)>, cwd: &Path) -> Self {
        Self {
            env,
            cwd: cwd.canonicalize().unwrap_or_else(|_| cwd.into()),
            host: "box".into(),
            cpus: 2,
            now: Duration::from_secs(784_111_777),
            user: (1000, "web".into()),
            group: (1000, "web".into()),
            program: "/usr/bin/rsgi".into(),
            is_confined: true,
        }
    }

    /// The value of an environment variable, if it is set and text.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.to_str())
    }

    /// A path that is to be read.
    pub(crate) fn readable(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        match self.is_confined && !path.canonicalize()?.starts_with(&self.cwd) {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => Ok(path),
        }
    }

    /// A path as the command sees it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.cwd.join(name)
    }
}
