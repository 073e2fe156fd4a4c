//! Directories of tasks, and how a task gets there: whole or not at all.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::{AccessFlags, access};
use rsgi_config::Config;

use super::task;

/// What the names of tasks begin with.
pub const PREFIX: &str = "uwsgi_spoolfile_on_";

/// A directory of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// The directory, without links.
    pub directory: PathBuf,
    /// Another instance runs its tasks.
    pub is_external: bool,
}

/// Why tasks cannot be taken, or one cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The directory cannot be used.
    #[error("spooler: {} cannot be used: {source}; make it a directory that the user of the workers may write to", directory.display())]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No spooler has this directory.
    #[error("there is no spooler with the directory {0}")]
    NoSuch(String),
    /// The priority is no number.
    #[error("the priority {0} is no number")]
    Priority(String),
    /// The time is no number.
    #[error("the time {0} is no number of seconds since 1970")]
    Time(String),
    /// The variables are too many or too long.
    #[error("the variables of a task may have 65535 bytes; put what is large into the body")]
    TooLarge,
    /// The file cannot be written.
    #[error("a task cannot be written to {}: {source}", directory.display())]
    Write {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The directories that the configuration names.
///
/// # Errors
/// When one of them cannot be used.
pub fn directories(config: &Config) -> Result<Vec<Spool>, SpoolError> {
    let open = |spooler: &rsgi_config::Spooler| {
        let directory = config.start_dir.join(&spooler.directory);
        let unusable = |source| SpoolError::Unusable { directory: directory.clone(), source };
        let real = directory.canonicalize().map_err(unusable)?;
        let all = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        access(&real, all).map_err(|errno| unusable(errno.into()))?;
        std::fs::read_dir(&real).map_err(unusable)?;
        Ok(Spool { directory: real, is_external: spooler.is_external })
    };
    config.aside.spoolers.iter().map(open).collect()
}

/// Writes a task into one of `spools`, as its variables `spooler`, `priority` and `at` say; returns the path of its file, and its size in bytes.
///
/// # Errors
/// When these make no sense, or the file cannot be written.
pub fn write(spools: &[Spool], vars: &[(&[u8], &[u8])], body: &[u8]) -> Result<(PathBuf, usize), SpoolError> {
    let value = |name: &[u8]| vars.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let spool = match value(b"spooler") {
        None => spools.first().ok_or_else(|| SpoolError::NoSuch("(none is configured)".to_owned()))?,
        Some(wanted) => {
            let name = text(wanted);
            let real = Path::new(&name).canonicalize().unwrap_or_else(|_| PathBuf::from(&name));
            spools.iter().find(|spool| spool.directory == real).ok_or(SpoolError::NoSuch(name))?
        }
    };
    let mut directory = spool.directory.clone();
    let failed = |directory: &Path| {
        let directory = directory.to_owned();
        move |source| SpoolError::Write { directory, source }
    };
    if let Some(priority) = value(b"priority") {
        let priority = text(priority).trim().parse::<u32>().map_err(|_| SpoolError::Priority(text(priority)))?;
        directory.push(priority.to_string());
        std::fs::create_dir_all(&directory).map_err(failed(&directory))?;
    }
    let at = value(b"at").map(|at| {
        let seconds = text(at).trim().split('.').next().and_then(|whole| whole.parse().ok());
        seconds.ok_or_else(|| SpoolError::Time(text(at)))
    });
    let at = at.transpose()?.map(|seconds| UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX).min(seconds)));
    let file = task::encode(vars.iter().copied(), body).ok_or(SpoolError::TooLarge)?;
    let path = put(&directory, &file, at).map_err(failed(&directory))?;
    Ok((path, file.len()))
}

/// Puts a file in place under a name of its own. Readers see all of it, or nothing.
fn put(directory: &Path, file: &[u8], at: Option<SystemTime>) -> io::Result<PathBuf> {
    let mut draft = tempfile::Builder::new().prefix(".rsgi-task-").tempfile_in(directory)?;
    draft.write_all(file)?;
    if let Some(at) = at {
        draft.as_file().set_modified(at)?;
    }
    let path = directory.join(name());
    draft.persist_noclobber(&path).map_err(|error| error.error)?;
    Ok(path)
}

/// A name as uWSGI gives it: host, process, a count, a random number, the time.
fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = host.to_string_lossy().replace('/', "_");
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Relaxed) + 1);
    let random = RandomState::new().build_hasher().finish() >> 33;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{PREFIX}{host}_{pid}_{count}_{random}_{}_{}", now.as_secs(), now.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spools() -> (tempfile::TempDir, Vec<Spool>) {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            start_dir: dir.path().to_owned(),
            aside: rsgi_config::Aside {
                spoolers: vec![rsgi_config::Spooler { directory: ".".into(), is_external: false }],
                ..Default::default()
            },
            ..Config::default()
        };
        let spools = directories(&config).unwrap();
        (dir, spools)
    }

    #[test]
    fn a_task_lands_whole_where_it_belongs() {
        let (dir, spools) = spools();
        let (path, _) = write(&spools, &[(b"key", b"value"), (b"priority", b"7"), (b"at", b"86400")], b"body").unwrap();
        assert_eq!(path.parent().unwrap(), spools[0].directory.join("7"));
        assert!(path.file_name().unwrap().to_string_lossy().starts_with(PREFIX));
        assert_eq!(task::decode(&std::fs::read(&path).unwrap()).unwrap().body, b"body");
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(modified, UNIX_EPOCH + Duration::from_secs(86400));
        let named = spools[0].directory.to_string_lossy().into_owned();
        write(&spools, &[(b"spooler", named.as_bytes())], b"").unwrap();
        // Nothing but the folder of the priority and the second task.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn nonsense_is_refused() {
        let (_dir, spools) = spools();
        let write = |vars: &[(&[u8], &[u8])]| write(&spools, vars, b"").unwrap_err().to_string();
        insta::assert_snapshot!(write(&[(b"spooler", b"/nowhere")]), @"there is no spooler with the directory /nowhere");
        insta::assert_snapshot!(write(&[(b"priority", b"../x")]), @"the priority ../x is no number");
        insta::assert_snapshot!(write(&[(b"at", b"soon")]), @"the time soon is no number of seconds since 1970");
        let large = vec![b'x'; 70_000];
        insta::assert_snapshot!(write(&[(b"key", &large)]), @"the variables of a task may have 65535 bytes; put what is large into the body");
    }
}
