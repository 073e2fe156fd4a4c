//! A line of a page that starts a server: it is started, asked once, and stopped.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{command, setup};

/// How pages name the virtual environment.
pub(super) const VENV: &str = "/srv/venv";

/// How pages name the address.
const ADDRESS: &str = ":9090";

/// What the application answers.
const ANSWER: &str = "Hello World";

/// How long a start may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the line with `venv` in place of the page's, until it has answered; returns its log.
pub(super) fn served(line: &str, venv: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let manager = UnixDatagram::bind(folder.path().join("notify"))?;
    manager.set_read_timeout(Some(PATIENCE))?;
    // An address of our own: 9090 may be taken.
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let address = format!("127.94.{high}.{}:9090", low.max(1));
    let line = line.replace(VENV, &venv.display().to_string()).replace(ADDRESS, &address);
    let log = folder.path().join("log");
    let mut shell = Command::new("sh");
    shell.args(["-euc", &format!("exec {line}")]).current_dir(setup::root());
    shell.env("NOTIFY_SOCKET", folder.path().join("notify")).stderr(fs::File::create(&log)?).stdout(Stdio::null());
    let mut server = shell.spawn()?;
    let answer = ready(&manager).and_then(|()| command::output(Command::new("curl").args(["-sS", "-f", &address])));
    let ended = stopped(&mut server);
    let log = fs::read_to_string(&log)?;
    let answer = answer.with_context(|| format!("`{line}` said:\n{log}"))?;
    if answer.trim() != ANSWER {
        bail!("`{line}` answers {answer:?}");
    }
    ended.with_context(|| format!("`{line}` said:\n{log}")).map(|()| log)
}

/// Waits until the server says that it serves.
fn ready(manager: &UnixDatagram) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = manager.recv(&mut buffer).context("the server does not say that it serves")?;
        if String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()).lines().any(|line| line == "READY=1") {
            return Ok(());
        }
    }
}

/// Ends it as Ctrl-C does.
fn stopped(server: &mut Child) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(server.id())?);
    let sent = kill(pid, Signal::SIGINT);
    let status = server.wait()?;
    sent?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(())
}
