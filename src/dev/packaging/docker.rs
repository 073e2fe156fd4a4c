//! Docker, as far as the rungs need it: images that are built, and containers that are gone whatever happens.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command;

/// Time that a container has to come to serve, or to become healthy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why Docker cannot be used here, if it cannot.
pub(crate) fn missing() -> Option<String> {
    match docker(&["version", "--format", "{{.Server.Version}}"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no Docker daemon ({})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("no docker command ({error})")),
    }
}

/// `docker` with these words.
pub(crate) fn docker(words: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(words);
    command
}

/// What `docker` with these words prints, without the white space around it.
pub(crate) fn told(words: &[&str]) -> Result<String> {
    Ok(command::output(&mut docker(words))?.trim().to_owned())
}

/// Whether there is an image of this name.
pub(crate) fn has_image(name: &str) -> bool {
    docker(&["image", "inspect", name]).output().is_ok_and(|output| output.status.success())
}

/// Builds an image from a Containerfile in `context`; what is printed is shown only when it fails.
pub(crate) fn build(context: &Path, file: &Path, tag: &str, words: &[&str]) -> Result<()> {
    let mut build = docker(&["build", "--force-rm", "--tag", tag, "--file"]);
    build.arg(file).args(words).arg(context);
    eprintln!("+ docker build {} → {tag}", words.join(" "));
    let Output { status, stdout, stderr } = build.output().context("cannot start docker")?;
    if !status.success() {
        let text = [stdout, stderr].concat();
        bail!("docker build of {tag} ended with {status}\n{}", String::from_utf8_lossy(&text));
    }
    Ok(())
}

/// A container. Dropped, it is removed, also when a check before has failed.
#[derive(Debug)]
pub(super) struct Container {
    name: String,
}

impl Container {
    /// Starts one in the background: `docker run OPTIONS IMAGE WORDS`.
    pub(super) fn run(options: &[&str], image: &str, words: &[&str]) -> Result<Self> {
        // Before it exists: a container that was made, but could not be started, is left behind too.
        let container = Self { name: name() };
        let mut run = docker(&["run", "--detach", "--name", &container.name]);
        run.args(options).arg(image).args(words);
        command::output(&mut run)?;
        Ok(container)
    }

    /// Starts one as a line of a page says that publishes port 9090, but in the background and on any port of this machine alone.
    pub(super) fn typed(line: &str, folder: &Path) -> Result<Self> {
        let container = Self { name: name() };
        let start = format!("docker run --detach --name {} ", container.name);
        let line = line.replacen("docker run ", &start, 1).replacen("-p 9090:9090", "-p 127.0.0.1::9090", 1);
        command::output(Command::new("sh").args(["-c", &line]).current_dir(folder))?;
        Ok(container)
    }

    /// One that somebody else has started.
    pub(super) fn adopted(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// What is answered to a GET request on a published port; tried again until the container serves.
    pub(super) fn get(&self, port: u16, path: &str) -> Result<String> {
        let address = self.address(port)?;
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "20", &format!("http://{address}{path}")]);
        let end = Instant::now() + PATIENCE;
        loop {
            match command::output(&mut curl) {
                Ok(body) => return Ok(body),
                Err(error) if Instant::now() > end => return Err(error.context(self.logs())),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Where a port is published.
    pub(super) fn address(&self, port: u16) -> Result<String> {
        let text = told(&["port", &self.name, &port.to_string()]).with_context(|| self.logs())?;
        text.lines().next().map(str::to_owned).context("the port is not published")
    }

    /// Runs a program inside.
    pub(super) fn exec(&self, words: &[&str]) -> Result<String> {
        told(&[&["exec", &self.name], words].concat())
    }

    /// Waits until its health check has passed.
    pub(super) fn wait_until_healthy(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.inspect("{{.State.Health.Status}}")? != "healthy" {
            if Instant::now() > end {
                bail!("not healthy: {}\n{}", self.inspect("{{json .State.Health}}")?, self.logs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Sends its process 1 a signal.
    pub(super) fn signal(&self, signal: &str) -> Result<()> {
        told(&["kill", "--signal", signal, &self.name]).map(drop)
    }

    /// Stops it as `docker stop` does, with its own signal and grace period; returns its exit code and how long that took.
    pub(super) fn stop(&self) -> Result<(String, Duration)> {
        let start = Instant::now();
        told(&["stop", &self.name])?;
        let took = start.elapsed();
        Ok((self.inspect("{{.State.ExitCode}}")?, took))
    }

    /// A field of what Docker knows about it.
    pub(super) fn inspect(&self, format: &str) -> Result<String> {
        told(&["inspect", "--format", format, &self.name])
    }

    /// Everything that it has said.
    pub(super) fn logs(&self) -> String {
        let output = docker(&["logs", &self.name]).output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }
}

/// A name that no other container has.
fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("rsgi-check-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed))
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(error) = told(&["rm", "--force", "--volumes", &self.name]) {
            eprintln!("warning: {error:#}");
        }
    }
}
