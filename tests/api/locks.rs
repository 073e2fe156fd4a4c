//! `uwsgi.lock`, `locks` and the decorator.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{ask, start};
use crate::support::Kind;

const BOTH: [Kind; 2] = [Kind::Uwsgi, Kind::Rsgi];

#[test]
fn lock_0_is_always_there_and_others_are_asked_for() {
    for kind in BOTH {
        let server = start(kind, "--locks 1");
        for number in ["", "0", "1"] {
            let calls = ["is_locked", "lock", "is_locked", "unlock", "is_locked", "unlock"];
            let calls = calls.map(|call| format!("uwsgi.{call}({number})")).join(",");
            assert_eq!(ask(&server, &calls), "(False, None, True, None, False, None)", "{kind:?} {number}");
        }
        for call in ["lock", "unlock", "is_locked"] {
            for number in ["2", "-1"] {
                let answer = ask(&server, &format!("uwsgi.{call}({number})"));
                assert_eq!(answer, "ValueError('Invalid lock number')", "{kind:?} {call} {number}");
            }
            assert!(ask(&server, &format!("uwsgi.{call}('a')")).starts_with("TypeError("), "{kind:?} {call}");
        }
        let server = start(kind, "");
        assert_eq!(ask(&server, "uwsgi.lock(1)"), "ValueError('Invalid lock number')", "{kind:?}");
    }
}

#[test]
fn processes_and_threads_exclude_each_other() {
    for kind in BOTH {
        let server = start(kind, "--processes 2 --threads 2 --locks 1");
        let file = server.dir().join("number").display().to_string();
        std::fs::write(&file, "").expect("a file");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(ask(&server, &format!("count('{file}',200,1)")), "None", "{kind:?}"));
            }
        });
        assert_eq!(std::fs::read_to_string(&file).expect("a number"), "800", "{kind:?}");
    }
}

#[test]
fn the_lock_of_a_killed_process_is_free() {
    for kind in BOTH {
        let server = start(kind, "--processes 2");
        let mut holding = server.connect(3031);
        holding.send("GET /?hold() HTTP/1.0\r\n\r\n");
        let line = server.log.wait_for(r"holds in \d+");
        let holder = line.rsplit(' ').next().and_then(|pid| pid.trim().parse().ok()).expect("a process");
        assert_eq!(ask(&server, "uwsgi.is_locked()"), "True", "{kind:?}");
        let mut waiting = server.connect(3031);
        waiting.send("GET /?uwsgi.lock(),uwsgi.is_locked(),uwsgi.unlock(),os.getpid() HTTP/1.0\r\n\r\n");
        kill(Pid::from_raw(holder), Signal::SIGKILL).expect("a process to kill");
        let answer = waiting.response();
        assert!(answer.text().starts_with("(None, True, None, "), "{kind:?} {}", answer.text());
        assert_eq!(ask(&server, "uwsgi.is_locked()"), "False", "{kind:?}");
    }
}

#[test]
fn a_decorated_function_runs_under_lock_0() {
    for kind in BOTH {
        let server = start(kind, "");
        assert_eq!(ask(&server, "locked(1,a=2)"), "((1,), {'a': 2}, True, 1.0)", "{kind:?}");
        assert_eq!(ask(&server, "locked(fails=True)"), "ZeroDivisionError('division by zero')", "{kind:?}");
        assert_eq!(ask(&server, "uwsgi.is_locked()"), "False", "{kind:?}");
    }
}
