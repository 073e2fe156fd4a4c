//! What only rsgi has: a zygote, generations, a router that may be replaced, a start that is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Kind, Running, Server, eventually, phrases};

const BOTH: &str = "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {dir}/app.py --processes 2";

fn app(says: &str) -> String {
    format!("def application(e, s):\n    s('200 OK', [])\n    return [b'{says}']\n")
}

fn server(arguments: &str) -> Running {
    let server = Server::of(Kind::Rsgi, arguments).file("app.py", &app("old")).start();
    server.workers(2);
    server
}

fn titled(server: &Running, title: &str) -> Vec<i32> {
    server.processes().iter().filter(|process| process.title.trim() == title).map(|process| process.pid).collect()
}

fn kill_now(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives");
}

#[test]
fn workers_outlive_their_zygote_and_get_a_new_one() {
    let server = server(BOTH);
    let workers = server.workers(2);
    let zygote = titled(&server, "rsgi zygote")[0];
    kill_now(zygote);
    let next = eventually("a new zygote", || titled(&server, "rsgi zygote").into_iter().find(|pid| *pid != zygote));
    let parents = |server: &Running| -> Vec<i32> {
        let of = server.processes();
        of.iter().filter(|process| workers.contains(&process.pid)).map(|process| process.parent).collect()
    };
    assert_eq!(parents(&server), [server.pid(), server.pid()], "the master has adopted them");
    server.get(9090, "/").expect(200);
    // An orphan that dies is replaced by a fork of the new zygote.
    kill_now(workers[0]);
    eventually("a worker of the new zygote", || {
        server
            .processes()
            .iter()
            .find(|process| process.parent == next && process.title.starts_with("rsgi worker"))
            .map(drop)
    });
    server.get(3031, "/").expect(200);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_killed_router_is_replaced() {
    let server = server(BOTH);
    server.get(9090, "/").expect(200);
    let router = titled(&server, "rsgi http 1")[0];
    kill_now(router);
    eventually("a new router", || titled(&server, "rsgi http 1").into_iter().find(|pid| *pid != router));
    for _ in 0..10 {
        server.get(9090, "/").expect(200);
    }
}

#[test]
fn a_reload_with_a_broken_application_changes_nothing() {
    let server = server(BOTH);
    let workers = server.workers(2);
    std::fs::write(server.dir().join("app.py"), "import no_such_module\n").expect("written");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("reload failed: the application could not be loaded; generation 0 goes on serving");
    assert_eq!(server.get(9090, "/").expect(200).text(), "old");
    assert!(server.processes().iter().filter(|process| workers.contains(&process.pid)).count() == 2);
    // The next one, mended, succeeds.
    std::fs::write(server.dir().join("app.py"), app("new")).expect("written");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 2 serves");
    for port in [3031, 9090] {
        // The old workers hear of it at the same moment, and may have taken one more connection.
        eventually("the new application", || (server.get(port, "/").expect(200).text() == "new").then_some(()));
    }
}

#[test]
fn a_reload_with_a_broken_configuration_changes_nothing() {
    let ini = "http-socket = {ip}:3031\nwsgi-file = {dir}/app.py\nprocesses = 2\n";
    let server = Server::of(Kind::Rsgi, "").file("app.py", &app("old")).ini(ini).start();
    server.workers(2);
    let file = server.dir().join("app.ini");
    let good = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, good.replace("processes = 2", "processes = many")).expect("written");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("reload refused: generation 0 goes on serving");
    server.log.wait_for("expected a number");
    server.get(3031, "/").expect(200);
    std::fs::write(&file, good.replace("processes = 2", "processes = 3")).expect("written");
    let lines = server.log.len();
    server.signal(Signal::SIGHUP);
    server.log.wait_for_count(lines, phrases::worker_ready(Kind::Rsgi), 3);
    eventually("three workers", || {
        (server.processes().iter().filter(|p| p.title.contains("worker")).count() == 3).then_some(())
    });
}

#[test]
fn reloads_under_load_lose_no_request() {
    let server = server(BOTH);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for port in [9090, 3031, 9090, 3031] {
            let (server, done) = (&server, &done);
            let client = std::thread::Builder::new().name(format!("client of {port}"));
            let requests = move || {
                while !done.load(Ordering::Relaxed) {
                    server.get(port, "/").expect(200);
                }
            };
            client.spawn_scoped(scope, requests).expect("a thread");
        }
        for generation in 1..=3 {
            server.signal(Signal::SIGHUP);
            server.log.wait_for(&format!("generation {generation} serves"));
            std::thread::sleep(Duration::from_millis(200));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_reload_may_change_the_addresses() {
    let ini = "http = {ip}:9090\nhttp-socket = {dir}/one.sock\nwsgi-file = {dir}/app.py\nprocesses = 2\n";
    let server = Server::of(Kind::Rsgi, "").file("app.py", &app("old")).ini(ini).start();
    server.workers(2);
    let file = server.dir().join("app.ini");
    let text =
        std::fs::read_to_string(&file).expect("the file").replace(":9090", ":9191").replace("one.sock", "two.sock");
    std::fs::write(&file, text).expect("written");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    server.get(9191, "/").expect(200);
    eventually("the old router is gone", || (titled(&server, "rsgi http 1").len() == 1).then_some(()));
    eventually("the old address is free", || std::net::TcpStream::connect(server.address(9090)).is_err().then_some(()));
    assert!(server.dir().join("two.sock").exists());
    eventually("the old socket's file is gone", || (!server.dir().join("one.sock").exists()).then_some(()));
}

#[test]
fn a_stop_during_a_slow_import_does_not_wait_for_it() {
    let server = Server::of(Kind::Rsgi, "--http-socket {ip}:3031 --wsgi-file {dir}/slow.py");
    let server = server.file("slow.py", "import time\nprint('importing', flush=True)\ntime.sleep(600)\n").start();
    server.log.wait_for("importing");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code, 0);
}

#[test]
fn a_crash_loop_is_slowed_down_and_ends_with_the_fault() {
    let app = "import os\nif os.path.exists('FAULT'):\n    os.abort()\ndef application(e, s):\n    s('200 OK', [])\n    return [b'well']\n";
    let server =
        Server::of(Kind::Rsgi, "--http-socket {ip}:3031 --wsgi-file {dir}/app.py --lazy-apps --forkbomb-delay 1");
    let server = server.file("app.py", app).start();
    let worker = server.workers(1)[0];
    std::fs::write(server.dir().join("FAULT"), "").expect("written");
    kill_now(worker);
    server.log.wait_for(
        "worker 1 respawning too fast !!! 3 deaths at birth in a row, the last one: .*; next try in 1 seconds",
    );
    std::fs::remove_file(server.dir().join("FAULT")).expect("removed");
    server.get(3031, "/").expect(200);
}

#[test]
fn daemonize_returns_when_the_server_serves() {
    let dir = tempfile::tempdir().expect("a folder");
    let (log, pid) = (dir.path().join("log"), dir.path().join("pid"));
    let arguments = format!(
        "--http-socket 127.0.0.1:0 --wsgi-file {{dir}}/app.py --daemonize {} --pidfile {}",
        log.display(),
        pid.display()
    );
    let server = Server::of(Kind::Rsgi, &arguments).file("app.py", &app("old")).spawn();
    // The harness counts the detached processes as left behind, so they are ended before it looks.
    eventually("the command returns", || {
        server.processes().iter().all(|process| process.pid != server.pid()).then_some(())
    });
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(text.contains("http socket 0: 127.0.0.1:") && text.contains("worker 1 (pid "), "{text}");
    let master = eventually("the pid", || std::fs::read_to_string(&pid).ok()?.trim().parse().ok());
    assert_ne!(master, server.pid());
    kill(Pid::from_raw(master), Signal::SIGTERM).expect("it lives");
    eventually("its end", || kill(Pid::from_raw(master), None).is_err().then_some(()));
    assert_eq!(server.wait().code, 0);
}

#[test]
fn daemonize_says_where_to_look_when_the_start_fails() {
    let ended =
        Server::of(Kind::Rsgi, "--http-socket 127.0.0.1:0 --wsgi-file {dir}/nowhere.py --daemonize {dir}/log").run();
    assert_eq!(ended.code, 1);
    assert!(ended.log.contains("rsgi did not start: see"), "{}", ended.log);
    let log = std::fs::read_to_string(ended.dir.path().join("log")).expect("the log");
    assert!(log.contains("nowhere.py"), "{log}");
}

#[test]
fn sigusr1_reopens_the_log_in_every_process() {
    let server = Server::of(Kind::Rsgi, &format!("{BOTH} --logto {{dir}}/log")).file("app.py", &app("old")).start();
    let served = || std::fs::read_to_string(server.dir().join("log")).is_ok_and(|text| text.contains("http 1 (pid "));
    eventually("the start in the log", || served().then_some(()));
    std::fs::rename(server.dir().join("log"), server.dir().join("log.1")).expect("moved");
    server.signal(Signal::SIGUSR1);
    let text = |name: &str| std::fs::read_to_string(server.dir().join(name)).unwrap_or_default();
    eventually("the new log", || text("log").contains("*** 0 requests ***").then_some(()));
    eventually("the request lines in the new log", || {
        server.get(3031, "/moved").expect(200);
        text("log").contains("/moved").then_some(())
    });
}

#[test]
fn a_unix_socket_that_is_in_use_is_left_alone() {
    let first = Server::of(Kind::Rsgi, "--http-socket {dir}/app.sock --wsgi-file {dir}/app.py");
    let first = first.file("app.py", &app("first")).start();
    let path = first.dir().join("app.sock");
    let second = format!("--http-socket {} --wsgi-file {{apps}}/probe.py", path.display());
    let ended = Server::of(Kind::Rsgi, &second).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("app.sock is in use"), "{}", ended.log);
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
}

#[test]
fn hundreds_of_workers_come_and_reload() {
    let options = "--http-socket {ip}:3031 --wsgi-file {dir}/app.py --processes 400";
    let server = Server::of(Kind::Rsgi, options).file("app.py", &app("old")).start();
    server.workers(400);
    server.get(3031, "/").expect(200);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("^generation 1 serves");
    assert_eq!(server.get(3031, "/").expect(200).text(), "old");
    assert_eq!(server.stop().code, 0);
}
