//! Another program in place of the running one: at a reload, and by `rsgi upgrade`.

mod refusals;
mod surroundings;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::reload::{app, deploy, says, stats};
use crate::support::{Client, Kind, Running, Server, eventually};

const OPTIONS: &str =
    "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {dir}/app.py --processes 2 --stats {ip}:9191";

/// Puts a copy of the program into a folder, in place of what is there.
pub(crate) fn install(folder: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let (path, new) = (folder.join("rsgi"), folder.join("rsgi.new"));
    let program = change(std::fs::read(env!("CARGO_BIN_EXE_rsgi")).expect("the program"));
    std::fs::write(&new, program).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&new, mode).expect("the folder is ours");
    std::fs::rename(&new, &path).expect("the folder is ours");
    path
}

/// The same program with another fingerprint, as the next version has.
pub(crate) fn of_another_version(mut program: Vec<u8>) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_rsgi")).arg("--rsgi-fingerprint").output().expect("it runs");
    let found = output.stdout;
    assert!(found.len() == 16 && output.status.success(), "{found:?}");
    let places: Vec<_> =
        program.windows(16).enumerate().filter(|(_, bytes)| **bytes == *found).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        program[at..at + 16].reverse();
    }
    program
}

/// Starts a program of its own folder.
pub(super) fn server(options: &str) -> Running {
    let server = Server::of(Kind::Rsgi, &format!("{OPTIONS} {options}")).file("app.py", &app("old", "pass"));
    let program = install(server.dir(), |program| program);
    let server = server.program(&program).start();
    server.workers(2);
    server
}

/// Runs `rsgi upgrade` from the folder of the server.
pub(crate) fn upgrade(server: &Running) -> Output {
    let pid = server.pid().to_string();
    Command::new(server.dir().join("rsgi")).args(["upgrade", &pid]).output().expect("it runs")
}

pub(super) fn exe(pid: i32) -> (u64, u64) {
    let found = std::fs::metadata(format!("/proc/{pid}/exe")).expect("it lives");
    (found.dev(), found.ino())
}

fn file(path: &Path) -> (u64, u64) {
    let found = std::fs::metadata(path).expect("it is there");
    (found.dev(), found.ino())
}

fn titled(server: &Running, title: &str) -> Vec<i32> {
    server
        .processes()
        .into_iter()
        .filter(|process| process.title.starts_with(title))
        .map(|process| process.pid)
        .collect()
}

/// Waits until only processes of the newest generation are left.
fn at_rest(server: &Running) {
    eventually("the end of the old generation", || {
        let left = titled(server, "rsgi").into_iter().filter(|&pid| pid != server.pid()).count();
        (left == 4 && titled(server, "rsgi zygote").len() == 1).then_some(())
    });
}

/// Requests on both doors, one after the other, until it is stopped. One that is not answered fails the test.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(server: &Running) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = [9090, 3031].map(|port| {
            let (address, stop, answered) = (server.address(port), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                while !stop.load(Relaxed) {
                    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
                    let response = Client::tcp(address).send(request).response();
                    assert_eq!(response.status, 200, "port {port}");
                    answered.fetch_add(1, Relaxed);
                }
            })
        });
        let load = Self { stop, answered, threads: threads.into() };
        load.more(20);
        load
    }

    /// Waits until so many more have been answered.
    fn more(&self, count: u64) {
        let before = self.answered.load(Relaxed);
        eventually("answers", || {
            let failed = self.threads.iter().any(JoinHandle::is_finished);
            (failed || self.answered.load(Relaxed) >= before + count).then_some(())
        });
    }

    fn stop(self) {
        self.stop.store(true, Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("every request is answered"));
    }
}

#[test]
fn a_reload_takes_up_a_program_that_was_replaced() {
    let server = server("");
    let old = exe(server.pid());
    let path = install(server.dir(), |program| program);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("rsgi has changed: generation 1 runs the new program");
    server.log.wait_for("^generation 1 serves");
    at_rest(&server);
    // One that is just leaving may have no title any more.
    let children = eventually("zygote, router, two workers", || {
        let all = server.processes().into_iter().filter(|process| process.pid != server.pid());
        Some(all.collect::<Vec<_>>()).filter(|children| children.len() == 4)
    });
    assert!(children.iter().all(|process| exe(process.pid) == file(&path)), "{children:?}");
    assert_eq!(exe(server.pid()), old);
    // Each is replaced by its like.
    let worker = titled(&server, "rsgi worker 1")[0];
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("a worker");
    server.log.wait_for("Respawned rsgi worker 1");
    kill(Pid::from_raw(titled(&server, "rsgi zygote")[0]), Signal::SIGKILL).expect("a zygote");
    server.log.wait_for("Respawned rsgi zygote");
    assert_eq!(exe(eventually("a zygote", || titled(&server, "rsgi zygote").first().copied())), file(&path));
    says(&server, "old");
}

#[test]
fn a_reload_leaves_what_it_does_not_understand() {
    let server = server("");
    let old = exe(server.pid());
    install(server.dir(), of_another_version);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("rsgi has changed and is of another version: .* run rsgi upgrade");
    server.log.wait_for("^generation 1 serves");
    at_rest(&server);
    install(server.dir(), |_| b"#!/bin/sh\nexec sleep 600\n".to_vec());
    server.signal(Signal::SIGHUP);
    server.log.wait_for("^generation 2 serves");
    at_rest(&server);
    std::fs::remove_file(server.dir().join("rsgi")).expect("removed");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("No such file or directory .*: generation 3 runs the program of the master");
    server.log.wait_for("^generation 3 serves");
    at_rest(&server);
    assert!(titled(&server, "rsgi").into_iter().all(|pid| exe(pid) == old));
    says(&server, "old");
}

#[test]
fn an_upgrade_loses_no_request_and_keeps_what_is_the_masters() {
    let daemon = "echo $$ >> {dir}/daemons; exec sleep 600";
    let options = "--pidfile {dir}/pid --master-fifo {dir}/fifo --cron2 minute=-1,true";
    let server = Server::of(Kind::Rsgi, &format!("{OPTIONS} {options}")).file("app.py", &app("old", "pass"));
    let program = install(server.dir(), |program| program);
    let server = server.arg("--attach-daemon").arg(daemon).program(&program).start();
    let workers = server.workers(2);
    let daemons = || std::fs::read_to_string(server.dir().join("daemons")).unwrap_or_default();
    eventually("a daemon", || daemons().ends_with('\n').then_some(()));
    let load = Load::on(&server);
    let requests = stats(&server)["workers"][0]["requests"].as_u64();
    assert!(requests.is_some());
    let mut program = program;
    for (number, change) in [(1, of_another_version as fn(Vec<u8>) -> Vec<u8>), (2, |program| program)] {
        let daemon = daemons();
        program = install(server.dir(), change);
        let output = upgrade(&server);
        assert!(output.status.success());
        let line = format!("pid {}: is rsgi 0.1.0 now; generation {number} serves\n", server.pid());
        assert_eq!(String::from_utf8_lossy(&output.stdout), line);
        load.more(100);
        assert_eq!(daemons(), daemon, "it has noticed nothing");
        at_rest(&server);
        assert!(titled(&server, "rsgi").into_iter().all(|pid| exe(pid) == file(&program)));
    }
    load.stop();
    assert!(titled(&server, "rsgi worker").iter().all(|pid| !workers.contains(pid)));
    let told = stats(&server);
    assert_eq!((&told["generation"], &told["reloads"]["succeeded"]), (&2.into(), &2.into()));
    assert_eq!(exe(server.pid()), file(&program));
    let pid = std::fs::read_to_string(server.dir().join("pid")).expect("a pid file");
    assert_eq!(pid.trim(), server.pid().to_string());
    // The pipe is read, and a worker is replaced.
    let seen = server.log.len();
    std::fs::write(server.dir().join("fifo"), "s").expect("a reader");
    server.log.wait_from(seen, "serving generation 2: 2 of 2 workers ready");
    kill(Pid::from_raw(titled(&server, "rsgi worker 2")[0]), Signal::SIGKILL).expect("a worker");
    server.log.wait_from(seen, "Respawned rsgi worker 2");
    // An ordinary reload starts the daemon anew, as ever.
    let daemon = daemons();
    server.signal(Signal::SIGHUP);
    eventually("another daemon", || (daemons() != daemon && daemons().ends_with('\n')).then_some(()));
    let ended = server.stop();
    assert_eq!(ended.code, 0);
    assert!(!ended.log.contains("rust panic") && !ended.log.contains("panicked"), "{}", ended.log);
}

#[test]
fn a_new_generation_that_fails_leaves_the_old_one_to_the_new_master() {
    for (change, is_kin) in [(of_another_version as fn(Vec<u8>) -> Vec<u8>, false), (|program| program, true)] {
        let server = server("");
        let workers = server.workers(2);
        deploy(&server, "raise RuntimeError('a bad deploy')\n");
        install(server.dir(), change);
        let output = upgrade(&server);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("the generation before goes on serving"), "{said}");
        says(&server, "old");
        let seen = server.log.len();
        kill(Pid::from_raw(workers[0]), Signal::SIGKILL).expect("a worker");
        if is_kin {
            server.log.wait_from(seen, "Respawned rsgi worker");
        } else {
            server.log.wait_from(seen, "of the program before has ended, .*: it is not replaced");
            server.log.wait_from(seen, "reload failed");
        }
        says(&server, "old");
        deploy(&server, &app("new", "pass"));
        server.signal(Signal::SIGHUP);
        says(&server, "new");
        at_rest(&server);
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_signal_during_the_exec_is_obeyed() {
    let server = server("");
    install(server.dir(), |program| program);
    let pid = server.pid();
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| upgrade(&server));
        eventually("blocked signals", || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a mask");
            let blocked = u64::from_str_radix(blocked.trim(), 16).expect("a mask");
            // tests/support waits longer than this moment lasts.
            (blocked >> (Signal::SIGTERM as u32 - 1) & 1 == 1 || asked.is_finished()).then_some(())
        });
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it lives");
        asked.join().expect("an answer")
    });
    drop(asked);
    let ended = server.wait();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(ended.log.contains("stopping gracefully") && ended.log.contains("goodbye to rsgi."), "{}", ended.log);
}

#[test]
fn a_collected_log_a_unix_socket_and_its_removal() {
    let options = "--socket {dir}/app.sock --vacuum --pidfile {dir}/pid --logto {dir}/log --log-master --req-logger file:{dir}/requests";
    let server =
        Server::of(Kind::Rsgi, &format!("{OPTIONS} {options}")).file("app.py", &app("old", "pass")).unix("app.sock");
    let program = install(server.dir(), |program| program);
    let server = server.program(&program).start();
    let log = |name: &str| std::fs::read_to_string(server.dir().join(name)).unwrap_or_default();
    eventually("two workers", || (log("log").matches(") ready").count() >= 3).then_some(()));
    let socket = file(&server.dir().join("app.sock"));
    for number in 1..=2 {
        install(server.dir(), |program| program);
        assert!(upgrade(&server).status.success());
        server.get(3031, &format!("/{number}")).expect(200);
        eventually("a request line", || log("requests").contains(&format!("GET /{number} ")).then_some(()));
        at_rest(&server);
        assert!(log("log").contains(&format!("generation {number} serves")), "{}", log("log"));
        assert_eq!(file(&server.dir().join("app.sock")), socket);
    }
    assert_eq!(log("log").matches("*** rsgi ").count(), 2, "nothing is written twice: {}", log("log"));
    let ended = server.stop();
    assert_eq!(ended.code, 0);
    for name in ["app.sock", "pid"] {
        assert!(!ended.dir.path().join(name).exists(), "{name}");
    }
    let log = std::fs::read_to_string(ended.dir.path().join("log")).expect("a log");
    assert!(log.contains("goodbye to rsgi."), "{log}");
}
