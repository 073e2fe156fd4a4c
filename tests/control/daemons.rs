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

#[test]
fn one_that_detaches_itself_is_known_by_its_file() {
    let command = "{dir}/pids /bin/sh -c '(setsid sleep 600 & echo $! > {dir}/pids)'";
    let server = server(Kind::Rsgi, "--smart-attach-daemon", command);
    let first = pid(&server, 0);
    server.log.wait_for(&format!("lives .pid: {first}"));
    server.signal(Signal::SIGHUP);
    server.log.wait_for("worker 1 killed successfully");
    assert!(lives(first));
    assert_eq!(server.stop().code, 0);
    assert!(!lives(first));
}
