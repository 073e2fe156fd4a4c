//! A server in its container, with an nginx before it where that is the door. All of it is removed when the rig is dropped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::super::images::ForLoad;
use super::cpu::Meter;
use super::place::{Container, Place, Volume};
use super::plan::{App, Door};
use super::results::Memory;
use super::servers::{Process, Server};
use crate::packaging::docker::told;

/// Time that a server has to come to answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Dropped in this order.
pub(super) struct Rig {
    pub(super) server: &'static Server,
    pub(super) command: String,
    /// Where clients go.
    pub(super) address: SocketAddr,
    pub(super) meter: Meter,
    pub(super) nginx_meter: Option<Meter>,
    nginx: Option<Container>,
    container: Container,
    _sockets: Volume,
}

impl Rig {
    /// Starts it, and waits until the page is answered.
    pub(super) fn start(
        place: &Place,
        images: &ForLoad,
        server: &'static Server,
        app: &App,
        door: Door,
    ) -> Result<Self> {
        let name =
            |what: &str| place.name(&format!("{}-{}-{}-{what}", app.name, door.name(), server.name.to_lowercase()));
        let sockets = Volume::new(name("sockets"))?;
        let command = server.command(app, door);
        let mount = format!("--volume={}:/sockets", sockets.0);
        let options = [&[mount.as_str(), "--cpuset-cpus=0"], server.container].concat();
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        let container = Container::run(place, name("server"), &options, &images.servers, &words)?;
        let nginx = match door {
            Door::Direct => None,
            Door::Nginx => {
                let options = [mount.as_str(), place.nginx_cpus, "--entrypoint=sh"];
                let start = "printf %s \"$0\" > /tmp/nginx.conf && exec nginx -c /tmp/nginx.conf";
                Some(Container::run(place, name("nginx"), &options, &images.nginx, &["-c", start, &server.nginx()])?)
            }
        };
        let front = nginx.as_ref().unwrap_or(&container);
        let address = SocketAddr::new(front.address()?.parse().context("an address of a container")?, 8080);
        let meter = Meter::of(&container)?;
        let nginx_meter = nginx.as_ref().map(Meter::of).transpose()?;
        let rig = Self { server, command, address, meter, nginx_meter, nginx, container, _sockets: sockets };
        rig.wait(app.path)?;
        Ok(rig)
    }

    fn wait(&self, path: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let Err(error) = get(self.address, path) else { return Ok(()) };
            let is_dead = std::iter::once(&self.container).chain(&self.nginx).any(|container| !container.is_running());
            if is_dead || Instant::now() > end {
                bail!("{} does not serve: {error}\n{}", self.server.name, self.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Tells the server to load its application anew, in its own way; all four take SIGHUP for that.
    pub(super) fn reload(&self) -> Result<()> {
        told(&["kill", "--signal=HUP", &self.container.name]).map(drop)
    }

    /// The processes that run the application.
    pub(super) fn workers(&self) -> Result<Vec<Process>> {
        let processes = self.processes()?;
        let titles: Vec<String> = processes.iter().map(|process| process.title.clone()).collect();
        let workers: Vec<Process> = processes.into_iter().filter(self.server.is_worker).collect();
        if workers.is_empty() {
            bail!("{} has no workers among {titles:?}\n{}", self.server.name, self.log());
        }
        Ok(workers)
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        let whole = self.processes()?.iter().map(|process| process.pss).sum();
        let workers = self.workers()?;
        let count = workers.len() as u64;
        let mean = |field: fn(&Process) -> u64| workers.iter().map(field).sum::<u64>() / count.max(1);
        Ok(Memory { workers: count, rss: mean(|process| process.rss), private: mean(|process| process.private), whole })
    }

    fn processes(&self) -> Result<Vec<Process>> {
        let text = told(&["exec", &self.container.name, "/venv/bin/python", "/load/processes.py"])?;
        serde_json::from_str(&text).with_context(|| format!("processes of {}: {text}", self.server.name))
    }

    /// The last that was said.
    pub(super) fn log(&self) -> String {
        std::iter::once(&self.container).chain(&self.nginx).map(Container::log).collect()
    }
}

/// Whether a page is answered with 200.
fn get(address: SocketAddr, path: &str) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    if !text.starts_with("HTTP/1.1 200 ") {
        bail!("answered with {:?}", text.lines().next());
    }
    Ok(())
}
