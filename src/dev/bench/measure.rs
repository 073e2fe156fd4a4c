//! Runs one server under load and measures what its process tree spends.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::servers::{Page, Places, Server};
use crate::command;

/// Connections that the load generator keeps open.
const CONNECTIONS: u32 = 32;

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// CPU time of the server per answered request, microseconds.
    pub micros: f64,
    /// Requests answered per second.
    pub rate: f64,
}

/// A started server. Dropping it ends its process group.
pub(crate) struct Running {
    pub name: &'static str,
    pub samples: Vec<Sample>,
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Starts it and waits until it takes connections.
    pub(crate) fn start(server: &Server, page: &Page, places: &Places) -> Result<Self> {
        // A port that was free a moment ago; a clash makes the start fail, not the figures wrong.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = server.command(page, places, address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", server.name))?;
        let mut running = Self { name: server.name, samples: Vec::new(), child, address };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended with {status}: {command:?}", server.name);
            }
            if Instant::now() > until {
                bail!("{} does not listen on {address}", server.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    /// Loads it for `seconds` and returns the number of answers and the rate.
    pub(crate) fn load(&self, page: &Page, seconds: u32) -> Result<(f64, f64)> {
        let mut wrk = Command::new("taskset");
        wrk.args(["--cpu-list", "1", "wrk", "--threads", "1"]);
        wrk.args(["--connections", &CONNECTIONS.to_string(), "--duration", &format!("{seconds}s")]);
        for header in page.headers {
            wrk.args(["--header", header]);
        }
        let text = command::output(wrk.arg(page.url.replace("{address}", &self.address.to_string())))?;
        if let Some(line) = text.lines().find(|line| line.contains("Non-2xx")) {
            bail!("{}: {}", self.name, line.trim());
        }
        let answers = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
        let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
        answers.zip(rate).filter(|(answers, _)| *answers > 0.0).with_context(|| format!("{}: {text}", self.name))
    }

    /// Loads it and measures.
    pub(crate) fn sample(&self, page: &Page, seconds: u32) -> Result<Sample> {
        let before = self.spent()?;
        let (answers, rate) = self.load(page, seconds)?;
        let spent = self.spent()? - before;
        Ok(Sample { micros: spent * 1e6 / answers, rate })
    }

    /// CPU seconds that the processes of the server's group have used so far.
    fn spent(&self) -> Result<f64> {
        let group = i64::from(self.child.id());
        let mut ticks = 0.0;
        for entry in fs::read_dir("/proc")?.flatten() {
            // A process may end between the listing and the look.
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
            let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
            let fields: Vec<i64> = fields.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
            if let [_, _, pgrp, _, _, _, _, _, _, _, _, user, system, ..] = fields[..]
                && pgrp == group
            {
                #[expect(clippy::cast_precision_loss, reason = "a count of ticks is far below 2^53")]
                let used = (user + system) as f64;
                ticks += used;
            }
        }
        let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no CLK_TCK")?;
        #[expect(clippy::cast_precision_loss, reason = "usually 100")]
        let seconds = ticks / per_second as f64;
        Ok(seconds)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
