//! A started server: how a test talks to it, and how it ends without leaving anything behind.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use regex::Regex;
use tempfile::TempDir;

use super::client::Client;
use super::log::{Log, SOON};
use super::processes::{self, Process};
use super::response::Response;
use super::{Kind, eventually, phrases};

/// A started server. Dropping it stops it and checks that no process of it is left.
pub(crate) struct Running {
    pub kind: Kind,
    pub log: Log,
    pub ip: Ipv4Addr,
    pub(super) child: Child,
    pub(super) status: Option<ExitStatus>,
    pub(super) mark: String,
    pub(super) dir: TempDir,
}

/// How a server ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; negative: the signal that killed it.
    pub code: i32,
    pub log: String,
    /// What the server left in its folder lives as long as this.
    pub dir: TempDir,
}

impl Running {
    /// Pid of the process that was started.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// One of the server's addresses.
    pub(crate) fn address(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip, port)
    }

    /// The server's folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self, port: u16) -> Client {
        Client::tcp(self.address(port))
    }

    /// Sends bytes on a new connection and reads one answer.
    #[track_caller]
    pub(crate) fn ask(&self, port: u16, request: impl AsRef<[u8]>) -> Response {
        self.connect(port).send(request).response()
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, port: u16, path: &str) -> Response {
        self.ask(port, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// One POST on a connection of its own.
    #[track_caller]
    pub(crate) fn post(&self, port: u16, path: &str, kind: &str, body: &[u8]) -> Response {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.ask(port, [head.as_bytes(), body].concat())
    }

    /// Every living process of the server.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::of(&self.mark, self.pid())
    }

    /// Sends a signal to the process that was started.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the server is alive");
    }

    /// Waits until `count` workers have said that they serve, and returns the pids in order of appearance.
    #[track_caller]
    pub(crate) fn workers(&self, count: usize) -> Vec<i32> {
        let pattern = phrases::worker_ready(self.kind);
        let of = Regex::new(pattern).expect("a pattern");
        let lines = self.log.wait_for_count(0, pattern, count);
        lines.iter().map(|line| of.captures(line).expect("a match")[1].parse().expect("a pid")).collect()
    }

    /// Waits for a request line about `uri` and returns its fields.
    #[track_caller]
    pub(crate) fn request_line(&self, uri: &str) -> String {
        self.log.wait_for(&format!(r" {} => generated ", regex::escape(uri)))
    }

    /// Asks it to stop (SIGINT, which both servers obey) and waits for the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Ended {
        self.stop_by(Signal::SIGINT)
    }

    /// Sends a signal that means "stop" and waits for the end.
    #[track_caller]
    pub(crate) fn stop_by(self, signal: Signal) -> Ended {
        self.stop_with(|pid| kill(pid, signal))
    }

    /// Presses Ctrl-C, which a terminal sends to every process in the foreground, and waits for the end.
    #[track_caller]
    pub(crate) fn ctrl_c(self) -> Ended {
        self.stop_with(|group| killpg(group, Signal::SIGINT))
    }

    #[track_caller]
    fn stop_with(mut self, send: impl Fn(Pid) -> nix::Result<()>) -> Ended {
        let pid = Pid::from_raw(self.pid());
        send(pid).expect("the server is alive");
        // uWSGI loses a signal that comes soon after its start; a second one breaks off what it does at its end.
        let mut sent = Instant::now();
        while self.kind == Kind::Uwsgi && self.child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(20));
            if sent.elapsed() > Duration::from_secs(5) {
                let _ = send(pid);
                sent = Instant::now();
            }
        }
        self.wait()
    }

    /// Waits for the end, then until no process of the server is left.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let status = self.wait_status();
        self.nobody_left();
        let log = self.log.whole(SOON);
        let dir = std::mem::replace(&mut self.dir, TempDir::new().expect("a temporary folder"));
        let code = status.code().unwrap_or_else(|| -status.signal().expect("a code or a signal"));
        Ended { code, log, dir }
    }

    #[track_caller]
    fn wait_status(&mut self) -> ExitStatus {
        let status = eventually("the server's end", || self.child.try_wait().expect("a child"));
        self.status = Some(status);
        status
    }

    #[track_caller]
    fn nobody_left(&self) {
        eventually("the end of every process of the server", || self.processes().is_empty().then_some(()));
    }

    fn kill_all(&self) {
        let _ = killpg(Pid::from_raw(self.pid()), Signal::SIGKILL);
        for process in self.processes() {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut text = format!("--- log of {:?} ---\n{}\n--- its processes ---\n", self.kind, self.log.text());
            for process in self.processes() {
                let _ =
                    writeln!(text, "{} (parent {}, {}) {}", process.pid, process.parent, process.state, process.title);
            }
            eprintln!("{text}--- end ---");
            self.kill_all();
            let _ = self.child.wait();
        } else if self.status.is_none() && self.kind == Kind::Uwsgi {
            // Whether uWSGI ends well is not for these tests to find out.
            self.kill_all();
            let _ = self.child.wait();
        } else if self.status.is_none() {
            self.signal(Signal::SIGINT);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.wait_status();
                self.nobody_left();
            }));
            if ended.is_err() {
                let log = self.log.text();
                self.kill_all();
                let _ = self.child.wait();
                panic!("the server does not end on SIGINT or leaves processes behind:\n{log}");
            }
        }
    }
}
