//! `attach-daemon` and its kin.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Kind, Running, Server, eventually};

fn server(kind: Kind, option: &str, value: &str) -> Running {
    let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    Server::of(kind, arguments).arg(option).arg(value).start()
}

fn lives(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Waits for the next process id that a daemon has appended to the file.
fn pid(server: &Running, number: usize) -> i32 {
    eventually("a daemon", || {
        let text = std::fs::read_to_string(server.dir().join("pids")).ok()?;
        text.lines().nth(number)?.parse().ok()
    })
}

#[test]
fn is_started_again_and_ends_with_the_instance() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, "--attach-daemon", "echo $$ >> {dir}/pids; exec sleep 600");
        let first = pid(&server, 0);
        kill(Pid::from_raw(first), Signal::SIGKILL).expect("a daemon");
        let second = pid(&server, 1);
        assert!(second != first && lives(second));
        assert_eq!(server.stop().code, 0);
        assert!(!lives(second));
    }
}

#[test]
fn a_reload_starts_it_anew() {
    let server = server(Kind::Rsgi, "--attach-daemon", "echo $$ >> {dir}/pids; exec sleep 600");
    let first = pid(&server, 0);
    server.signal(Signal::SIGHUP);
    let second = pid(&server, 1);
    assert!(second != first && !lives(first));
}

#[test]
fn the_instance_ends_with_a_control_daemon() {
    let server = server(Kind::Rsgi, "--attach-control-daemon", "echo $$ >> {dir}/pids; exec sleep 600");
    kill(Pid::from_raw(pid(&server, 0)), Signal::SIGTERM).expect("a daemon");
    let ended = server.wait();
    assert!(ended.code == 0 && ended.log.contains("the instance ends with it"), "{}", ended.log);
}

/// The processes of a daemon that outlives its instance are the test's to end.
struct Outlives(i32);

impl Drop for Outlives {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

#[test]
fn one_with_a_pid_file_outlives_the_instance() {
    // Without what tells the processes of a test, which are not to outlive it.
    let sleep = "env -i sleep 60 > /dev/null 2>&1";
    let detached = format!("{{dir}}/pids /bin/sh -c '(setsid {sleep} & echo $! > {{dir}}/pids)'");
    let attached = format!("{{dir}}/pids exec {sleep}");
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        for (option, command) in [("--smart-attach-daemon", &detached), ("--smart-attach-daemon2", &attached)] {
            let server = server(kind, option, command);
            let first = pid(&server, 0);
            let _end = Outlives(first);
            server.get(3031, "/").expect(200);
            if kind == Kind::Rsgi {
                server.signal(Signal::SIGHUP);
                server.log.wait_for("generation 1 serves");
                assert!(lives(first), "{option}");
            }
            assert_eq!(server.stop().code, 0);
            assert!(lives(first), "{kind:?} {option}");
        }
    }
}

#[test]
fn one_by_keys_has_its_user_and_input() {
    let server = server(Kind::Rsgi, "--attach-daemon2", "cmd=id -u >&2; exec sleep 60,uid=65534,max_throttle=1");
    if !nix::unistd::geteuid().is_root() {
        server.log.wait_for("cannot be run: Operation not permitted");
        return;
    }
    server.log.wait_for("^65534$");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_signal_without_a_name_is_a_death_like_any_other() {
    // Two that die at once: the second is not overlooked for the first.
    let command = "echo $$ >> {dir}/pids; exec sleep 600";
    let other = "echo $$ >> {dir}/pids; exec sleep 601";
    let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    let server = Server::of(Kind::Rsgi, arguments).arg("--attach-daemon").arg(command);
    let server = server.arg("--attach-daemon").arg(other).start();
    let first = [pid(&server, 0), pid(&server, 1)];
    for daemon in first {
        let sent = std::process::Command::new("kill").args(["-35", &daemon.to_string()]).status().expect("it runs");
        assert!(sent.success());
    }
    let second = [pid(&server, 2), pid(&server, 3)];
    assert!(first.into_iter().all(|pid| !lives(pid)) && second.into_iter().all(lives));
    assert_eq!(server.stop().code, 0);
}
