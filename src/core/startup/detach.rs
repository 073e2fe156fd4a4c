//! Where the log goes, and leaving the terminal with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rsgi_config::Config;
use rsgi_sys::fork::{Fork, exit_now, fork};

use super::StartError;
use crate::exit::Exit;
use crate::logging::collector::{datagrams, give};
use crate::logging::sink;

/// Sends the log where the options say; with `daemonize`, detaches from whoever started this process.
pub(super) fn open_log(config: &Config) -> Result<Option<io::PipeWriter>, StartError> {
    let log = &config.log;
    let open = |option: &'static str, path: &Path| {
        let path = if option.ends_with('2') { config.inside(path) } else { config.start_dir.join(path) };
        let file = sink::open_file(&path, log).and_then(|file| give(&path, config).map(|()| file));
        file.map_err(|source| StartError::File { option, path, source })
    };
    let redirect = |file: &File| sink::redirect(file).map_err(StartError::Detach);
    if datagrams(log).is_some() {
        // Nothing is opened: the collector sends what standard error would get.
        return match &log.daemonize {
            Some(path) => detach(path).map(Some).map_err(StartError::Detach),
            None => Ok(None),
        };
    }
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
