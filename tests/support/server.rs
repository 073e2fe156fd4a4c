//! Describes a server, then starts it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use regex::Regex;
use tempfile::TempDir;

use super::address;
use super::lab::{LAB, root};
use super::log::{Log, SOON};
use super::processes::{self, MARK};
use super::running::{Ended, Running};

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

    /// uWSGI, then rsgi: for what has to hold on both. `RSGI_UNDER_TEST` leaves one of them.
    pub(crate) fn each() -> Vec<Self> {
        if std::env::var_os("RSGI_UNDER_TEST").is_some() {
            vec![Self::under_test()]
        } else {
            vec![Self::Uwsgi, Self::Rsgi]
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
    /// Shell lines that run first, in a mount namespace of the server's own.
    mounts: Option<String>,
    /// Descriptors from 3 up that it is started with.
    passed: Vec<OwnedFd>,
    stdin: Option<String>,
    by_nobody: bool,
    /// Whether these are told of as systemd does.
    activated: bool,
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
            mounts: None,
            passed: Vec::new(),
            stdin: None,
            by_nobody: false,
            activated: false,
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

    /// Starts it with this as the next descriptor, 3 first.
    pub(crate) fn passed(mut self, fd: impl Into<OwnedFd>) -> Self {
        self.passed.push(fd.into());
        self
    }

    /// Writes this to its standard input, which ends then.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Tells it of the descriptors as systemd does (sd_listen_fds(3)).
    pub(crate) const fn activated(mut self) -> Self {
        self.activated = true;
        self
    }

    /// Runs these shell lines as root in a mount namespace of its own, before it becomes the server.
    pub(crate) fn mounts(mut self, lines: &str) -> Self {
        let before = self.mounts.get_or_insert_with(|| "set -e\nmount --make-rprivate /\n".to_owned());
        before.push_str(lines);
        before.push('\n');
        self
    }

    /// Runs it as `nobody`. Only for root; others are nobody enough.
    pub(crate) fn by_nobody(mut self) -> Self {
        self.by_nobody = nix::unistd::Uid::effective().is_root();
        if self.by_nobody { self.mounts("") } else { self }
    }

    /// Lets every user read the interpreter of the lab, which may lie in a home directory that only root can enter: there it
    /// is all that can be seen of that directory. Only for root; nothing happens for others.
    pub(crate) fn readable_interpreter(self) -> Self {
        let python = LAB.venv.join("bin/python").canonicalize().expect("the interpreter of the lab");
        let Ok(below) = python.strip_prefix("/root") else { return self };
        if !nix::unistd::Uid::effective().is_root() {
            return self;
        }
        let installed = Path::new("/root").join(below.ancestors().nth(2).expect("an installation"));
        let (installed, aside) = (installed.display(), "{dir}/interpreter");
        self.mounts(&format!(
            "mkdir {aside}; mount --bind {installed} {aside}; mount -t tmpfs -o mode=755 none /root; \
             mkdir -p {installed}; mount --move {aside} {installed}; rmdir {aside}"
        ))
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
            .stdin(self.stdin.as_ref().map_or_else(Stdio::null, |_| Stdio::piped()))
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer)
            .process_group(0);
        let passed = self.passed.iter().zip(3..);
        let passed =
            passed.map(|(fd, child_fd)| FdMapping { parent_fd: fd.try_clone().expect("a descriptor"), child_fd });
        command.fd_mappings(passed.collect()).expect("descriptors");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        drop(command);
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), &self.stdin) {
            pipe.write_all(self.fill(text).as_bytes()).expect("it reads");
        }
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
        let mut command = match &self.mounts {
            None if self.activated => {
                let mut command = Command::new("sh");
                // The number of the process that the shell becomes.
                let line = format!("LISTEN_FDS={} LISTEN_PID=$$ exec \"$0\" \"$@\"", self.passed.len());
                command.args(["-c", &line]).arg(program);
                command
            }
            None => Command::new(program),
            Some(lines) => {
                let mut command = Command::new("unshare");
                let become_user =
                    if self.by_nobody { "setpriv --reuid=nobody --regid=nogroup --clear-groups" } else { "" };
                let lines = format!("{}exec {become_user} \"$0\" \"$@\"", self.fill(lines));
                command.args(["--mount", "sh", "-c", &lines]).arg(program);
                command
            }
        };
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
