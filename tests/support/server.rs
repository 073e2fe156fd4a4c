//! Starts the server under test and ends it again without leaving anything behind.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use regex::Regex;
use tempfile::TempDir;

use super::http::{Client, Response};
use super::lab::{LAB, root};
use super::log::{Log, SOON};
use super::processes::{self, MARK, Process};
use super::{address, eventually, phrases};

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsgi,
    Uwsgi,
}

impl Kind {
    /// What `RSGI_UNDER_TEST` says (`rsgi` or `uwsgi`); rsgi when it says nothing.
    pub(crate) fn under_test() -> Self {
        match std::env::var("RSGI_UNDER_TEST").as_deref() {
            Err(_) | Ok("rsgi") => Self::Rsgi,
            Ok("uwsgi") => Self::Uwsgi,
            Ok(other) => panic!("RSGI_UNDER_TEST={other}: rsgi or uwsgi"),
        }
    }
}

/// Which interpreter runs the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interpreter {
    /// The one that the default build embeds.
    Embedded,
    /// The one of the environment with Django's current release.
    Current,
}

/// A server about to be started, in a temporary folder and on a loopback address of its own.
///
/// In arguments and files `{ip}` stands for that address, `{dir}` for that folder, `{lab}`, `{apps}` and `{venv}` for the
/// applications of the lab, those of the tests, and the virtual environment. Every `{ip}:PORT` is taken for a port that
/// the server is going to listen on.
pub(crate) struct Server {
    kind: Kind,
    program: Option<PathBuf>,
    interpreter: Interpreter,
    dir: TempDir,
    ip: Ipv4Addr,
    args: Vec<String>,
    files: Vec<(String, String)>,
    ports: Vec<u16>,
    sockets: Vec<PathBuf>,
    env: Vec<(String, String)>,
}

impl Server {
    /// The server under test, with a command line that is split at blanks.
    pub(crate) fn new(arguments: &str) -> Self {
        Self::of(Kind::under_test(), arguments)
    }

    /// A certain server.
    pub(crate) fn of(kind: Kind, arguments: &str) -> Self {
        let server = Self {
            kind,
            program: None,
            interpreter: Interpreter::Embedded,
            dir: tempfile::Builder::new().prefix("rsgi-test-").tempdir().expect("a temporary folder"),
            ip: address::fresh(),
            args: Vec::new(),
            files: Vec::new(),
            ports: Vec::new(),
            sockets: Vec::new(),
            env: Vec::new(),
        };
        arguments.split_whitespace().fold(server, Self::arg)
    }

    /// Adds one argument, blanks and all.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.expect_ports_of(argument);
        self.args.push(argument.to_owned());
        self
    }

    /// Writes a file into the server's folder when it starts.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Writes `app.ini` with the section `[uwsgi]` and passes it as the argument.
    pub(crate) fn ini(mut self, lines: &str) -> Self {
        for line in lines.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
            self.expect_ports_of(line);
        }
        self.file("app.ini", &format!("[uwsgi]\n{lines}\n")).arg("{dir}/app.ini")
    }

    /// Copies a folder of the lab into the server's folder, under the same last name.
    pub(crate) fn copy(self, folder: &str) -> Self {
        let from = root().join("lab").join(folder);
        let status = Command::new("cp").arg("-r").arg(&from).arg(self.dir.path()).status().expect("cp");
        assert!(status.success(), "cannot copy {}", from.display());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Expects the unix socket `name` in the server's folder.
    pub(crate) fn unix(mut self, name: &str) -> Self {
        self.sockets.push(self.dir.path().join(name));
        self
    }

    /// Runs the application on the interpreter that has Django's current release.
    pub(crate) fn on_current(mut self) -> Self {
        self.interpreter = Interpreter::Current;
        self
    }

    /// Starts another binary than the default one.
    pub(crate) fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.to_owned());
        self
    }

    /// The server's folder, made before the start.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it and waits until it listens everywhere.
    #[track_caller]
    pub(crate) fn start(self) -> Running {
        let ports = self.ports.clone();
        let sockets = self.sockets.clone();
        let mut running = self.spawn();
        let until = Instant::now() + SOON;
        loop {
            let seen = running.log.len();
            let listeners = processes::listeners();
            let bound = ports.iter().all(|port| listeners.contains(&running.address(*port)))
                && sockets.iter().all(|path| processes::listens_on(path));
            if bound {
                return running;
            }
            if let Some(status) = running.child.try_wait().expect("a child") {
                panic!("the server ended before it listened: {status}");
            }
            assert!(Instant::now() < until, "the server does not listen on {ports:?} {sockets:?}");
            running.log.wait_for_more(seen, Duration::from_millis(10));
        }
    }

    /// Starts it, expects it to end by itself, and waits for that.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Starts it without waiting for anything.
    #[track_caller]
    pub(crate) fn spawn(self) -> Running {
        for (name, text) in &self.files {
            let path = self.dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, self.fill(text)).expect("a file");
        }
        let mark = format!("{}-{}", std::process::id(), self.ip);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = self.command();
        command
            .args(self.args.iter().map(|argument| self.fill(argument)))
            .envs(self.env.iter().map(|(key, value)| (key, self.fill(value))))
            .env(MARK, &mark)
            .current_dir(self.dir.path())
            .stdin(std::process::Stdio::null())
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer)
            .process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        drop(command);
        Running { kind: self.kind, child, status: None, log: Log::collect(reader), mark, ip: self.ip, dir: self.dir }
    }

    fn command(&self) -> Command {
        let venv = self.venv();
        let program = match (&self.program, self.kind) {
            (Some(program), _) => program.clone(),
            (None, Kind::Uwsgi) => venv.join("bin/uwsgi"),
            (None, Kind::Rsgi) if self.embedded() => PathBuf::from(env!("CARGO_BIN_EXE_rsgi")),
            (None, Kind::Rsgi) => LAB.core.clone(),
        };
        let mut command = Command::new(program);
        if self.program.is_none() && self.kind == Kind::Rsgi && !self.embedded() {
            command.arg("--plugins-dir").arg(&LAB.plugins_dir).args(["--plugin", &LAB.current.plugin]);
        }
        // What the developer has set must not reach the server as options or change its Python.
        let foreign = |name: &str| ["UWSGI_", "RSGI_", "PYTHON"].iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(foreign)) {
            command.env_remove(name);
        }
        command.env("TZ", "UTC").env_remove("VIRTUAL_ENV");
        command
    }

    fn embedded(&self) -> bool {
        self.interpreter == Interpreter::Embedded || LAB.current.plugin == LAB.embedded
    }

    fn venv(&self) -> &Path {
        if self.interpreter == Interpreter::Embedded { &LAB.venv } else { &LAB.current.venv }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{ip}", &self.ip.to_string())
            .replace("{dir}", &self.dir.path().display().to_string())
            .replace("{lab}", &root().join("lab").display().to_string())
            .replace("{apps}", &root().join("tests/apps").display().to_string())
            .replace("{venv}", &self.venv().display().to_string())
    }

    fn expect_ports_of(&mut self, text: &str) {
        let port = Regex::new(r"\{ip\}:(\d+)").expect("a pattern");
        self.ports.extend(port.captures_iter(text).filter_map(|found| found[1].parse::<u16>().ok()));
    }
}

/// A started server. Dropping it stops it and checks that no process of it is left.
pub(crate) struct Running {
    pub kind: Kind,
    pub log: Log,
    pub ip: Ipv4Addr,
    child: Child,
    status: Option<ExitStatus>,
    mark: String,
    dir: TempDir,
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
    pub(crate) fn stop_by(mut self, signal: Signal) -> Ended {
        self.signal(signal);
        // uWSGI loses a signal that comes soon after its start.
        while self.kind == Kind::Uwsgi && self.child.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_secs(1));
            let _ = kill(Pid::from_raw(self.pid()), signal);
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
