//! The servers that a drill is held with, and the doors to them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::client::Target;
use super::tls::Authority;
use crate::setup;

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rsgi,
    Uwsgi,
    Gunicorn,
}

/// A way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// `http`: through the router.
    Router,
    /// `http-socket`: to the workers.
    Direct,
    /// nginx before a uwsgi socket.
    Nginx,
    /// `https`: through the router, encrypted.
    Tls,
}

impl Door {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Direct => "http-socket",
            Self::Nginx => "nginx",
            Self::Tls => "https",
        }
    }
}

/// Where things are.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) rsgi: PathBuf,
    pub(super) venv: PathBuf,
}

/// A running server, with nginx in front of it or not.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    nginx: Option<Child>,
    /// Where clients go.
    pub(super) target: Target,
    /// Who has signed its certificate.
    pub(super) authority: Authority,
    /// Its folder, with the application and the log.
    pub(super) dir: PathBuf,
}

impl Server {
    /// Starts one and waits until it answers.
    pub(super) fn start(kind: Kind, door: Door, options: &[&str], places: &Places) -> Result<Self> {
        static NUMBER: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(1);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // All of 127/8 is this machine: an address for each server spares the search for free ports.
        let [.., high, low] = std::process::id().to_be_bytes();
        let ip = IpAddr::V4(Ipv4Addr::new(127, high | 64, low, number));
        let (inner, address) = (SocketAddr::new(ip, 3031), SocketAddr::new(ip, 8080));
        let dir = setup::place().join(format!("drill/{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        std::fs::copy(setup::root().join("lab/drill/app.py"), dir.join("app.py"))?;
        let authority = Authority::new()?;
        authority.renew(&dir)?;
        let log = std::fs::File::create(dir.join("log"))?;
        let mut command = command(kind, door, inner, places)?;
        command.args(options).current_dir(&dir).env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().with_context(|| format!("{kind:?}"))?;
        let tls = if door == Door::Tls { Some(authority.trust()?) } else { None };
        let mut server = Self { child, nginx: None, target: Target { address: inner, tls }, authority, dir };
        server.wait()?;
        if door == Door::Nginx {
            server.nginx = Some(nginx(&server.dir, address, inner)?);
            server.target.address = address;
            server.wait()?;
        }
        Ok(server)
    }

    /// Sends a signal to the master.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill(self.pid(), signal);
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Processes below the master whose title has the word.
    pub(super) fn processes(&self, word: &str) -> Vec<Pid> {
        let mut found = Vec::new();
        let mut parents = vec![self.pid()];
        while let Some(parent) = parents.pop() {
            let path = format!("/proc/{parent}/task/{parent}/children");
            for child in std::fs::read_to_string(path).unwrap_or_default().split_whitespace() {
                let Ok(pid) = child.parse().map(Pid::from_raw) else { continue };
                parents.push(pid);
                let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                if String::from_utf8_lossy(&title).contains(word) {
                    found.push(pid);
                }
            }
        }
        found
    }

    /// Whether the log has these words, in the file of `logto` too, or will have them soon.
    pub(super) fn will_say(&self, words: &str) -> bool {
        let has_said = |name| std::fs::read_to_string(self.dir.join(name)).unwrap_or_default().contains(words);
        let begin = Instant::now();
        while !["log", "served.log"].into_iter().any(has_said) {
            if begin.elapsed() > Duration::from_secs(30) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// The end of the log.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(40).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn wait(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended, {status}:\n{}", self.log());
            }
            if TcpStream::connect(self.target.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server does not listen:\n{}", self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.nginx.iter_mut().chain(std::iter::once(&mut self.child)) {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT);
            let begin = Instant::now();
            while matches!(child.try_wait(), Ok(None)) {
                if begin.elapsed() > Duration::from_secs(15) {
                    let _ = child.kill();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn command(kind: Kind, door: Door, address: SocketAddr, places: &Places) -> Result<Command> {
    let address = if door == Door::Tls { format!("{address},drill.crt,drill.key") } else { address.to_string() };
    let bin = |name: &str| places.venv.join("bin").join(name);
    let mut command = match kind {
        Kind::Rsgi => Command::new(&places.rsgi),
        Kind::Uwsgi => Command::new(bin("uwsgi")),
        Kind::Gunicorn if door == Door::Nginx => bail!("gunicorn does not speak the uwsgi protocol"),
        Kind::Gunicorn => {
            let mut command = Command::new(bin("gunicorn"));
            command.args(["app:application", "--bind", &address, "--workers", "2", "--threads", "2"]);
            return Ok(command);
        }
    };
    let option = match door {
        Door::Router => "--http",
        Door::Direct => "--http-socket",
        Door::Nginx => "--socket",
        Door::Tls => "--https",
    };
    command.args([option, &address, "--wsgi-file", "app.py", "--master", "--processes", "2", "--threads", "2"]);
    command.args(["--auto-procname", "--disable-logging", "--virtualenv"]).arg(&places.venv);
    Ok(command)
}

fn nginx(dir: &Path, address: SocketAddr, inner: SocketAddr) -> Result<Child> {
    let template = std::fs::read_to_string(setup::root().join("lab/nginx/site.conf"))?;
    let text = template
        .replace("{dir}", &dir.display().to_string())
        .replace("{user}", if nix::unistd::Uid::effective().is_root() { "user root;" } else { "" })
        .replace("{listen}", &address.to_string())
        .replace("{http}", "")
        .replace("{location}", &format!("include /etc/nginx/uwsgi_params; uwsgi_pass {inner};"));
    let file = dir.join("nginx.conf");
    std::fs::write(&file, text)?;
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).arg("-p").arg(dir).args(["-e", "stderr"]).env("PATH", path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().context("nginx")
}
