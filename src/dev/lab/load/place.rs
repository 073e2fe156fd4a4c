//! Docker's side of a run: a network without a way out, containers and volumes on it, each removed when it is dropped. Their names tell
//! whose they are, so that [`remains`](super::super::remains) finds them when this process has died.

use anyhow::Result;

use super::super::remains;
use crate::packaging::docker::{docker, told};

/// The network, and who runs on which processor: a server alone on the first, so that nothing of what loads it is in its way.
pub(super) struct Place {
    network: String,
    pub(super) nginx_cpus: &'static str,
    pub(super) load_cpus: &'static str,
}

impl Place {
    pub(super) fn new(processors: usize) -> Result<Self> {
        let network = remains::name("load")?;
        told(&["network", "create", "--internal", &network])?;
        let load_cpus = if processors > 2 { "--cpuset-cpus=2" } else { "--cpuset-cpus=1" };
        Ok(Self { network, nginx_cpus: "--cpuset-cpus=1", load_cpus })
    }

    /// The name of one of its parts.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.network)
    }

    /// An option of `docker run`.
    pub(super) fn option(&self) -> String {
        format!("--network={}", self.network)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        warn(&["network", "rm", &self.network]);
    }
}

/// For sockets.
pub(super) struct Volume(pub(super) String);

impl Volume {
    pub(super) fn new(name: String) -> Result<Self> {
        told(&["volume", "create", &name])?;
        Ok(Self(name))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        warn(&["volume", "rm", "--force", &self.0]);
    }
}

pub(super) struct Container {
    pub(super) name: String,
}

impl Container {
    /// Starts it in the background.
    pub(super) fn run(place: &Place, name: String, options: &[&str], image: &str, words: &[&str]) -> Result<Self> {
        // Before it exists: one that was made but could not be started is removed too.
        let container = Self { name };
        let own = ["run", "--detach", "--name", &container.name, &place.option()].map(str::to_owned);
        let all: Vec<&str> = own.iter().map(String::as_str).chain(options.iter().copied()).collect();
        told(&[&all[..], &[image], words].concat())?;
        Ok(container)
    }

    pub(super) fn inspect(&self, format: &str) -> Result<String> {
        told(&["inspect", "--format", format, &self.name])
    }

    pub(super) fn address(&self) -> Result<String> {
        self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    }

    pub(super) fn is_running(&self) -> bool {
        self.inspect("{{.State.Running}}").is_ok_and(|text| text == "true")
    }

    pub(super) fn log(&self) -> String {
        let output = docker(&["logs", "--tail", "30", &self.name]).output();
        output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        warn(&["rm", "--force", "--volumes", &self.name]);
    }
}

fn warn(words: &[&str]) {
    if let Err(error) = told(words) {
        eprintln!("warning: {error:#}");
    }
}
