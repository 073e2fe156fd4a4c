//! Shell commands that the master runs beside everything else.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rsgi_config::Config;

use crate::process::set_environment;

/// Starts `command` in a shell and a process group of its own, with the environment of workers. Returns the process id; the
/// master reaps it as all its children.
pub(super) fn start(command: &str, chdir: Option<&Path>, config: &Config) -> io::Result<u32> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).process_group(0);
    set_environment(&mut shell, config);
    if let Some(directory) = chdir {
        shell.current_dir(config.start_dir.join(directory));
    }
    shell.spawn().map(|child| child.id())
}

/// Sends a signal to a command and all that it has started in its group; one that is gone is no error.
pub(super) fn signal(pid: u32, signal: i32) {
    let (Ok(pid), Ok(signal)) = (i32::try_from(pid), Signal::try_from(signal)) else { return };
    if pid > 1 {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}
