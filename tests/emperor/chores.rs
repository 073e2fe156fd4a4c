//! What an emperor does beside its vassals as a master does beside its workers: the pipe, daemons, touched files, set times.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::{emperor, vassal, wait_until_served};
use crate::support::{Kind, Running, Server, eventually};

fn write(server: &Running, letters: &str) {
    let path = server.dir().join("fifo");
    // Without a reader this would wait for ever.
    let pipe = eventually("a reader", || {
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
        options.write(true).open(&path).ok()
    });
    { pipe }.write_all(letters.as_bytes()).expect("a reader");
}

fn touch(path: &Path) {
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() + Duration::from_secs(60)).expect("a time");
}

#[test]
fn a_letter_makes_it_look_for_vassals_at_once() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--master --emperor {dir}/vassals --emperor-freq 600 --master-fifo {dir}/fifo")
            .file("vassals/one.ini", &vassal(3001, "master = true"))
            .file("two.ini", &vassal(3002, "master = true"))
            .spawn();
        wait_until_served(&server, 3001);
        std::fs::rename(server.dir().join("two.ini"), server.dir().join("vassals/two.ini")).expect("a vassal comes");
        write(&server, "E");
        wait_until_served(&server, 3002);
    }
}

#[test]
fn letters_reload_tell_and_stop() {
    for letter in ["q", "Q"] {
        let server = emperor(&[("one.ini", 3001, ""), ("two.ini", 3002, "")])
            .arg("--master-fifo")
            .arg("{dir}/fifo")
            .arg("--safe-pidfile")
            .arg("{dir}/pid")
            .spawn();
        server.log.wait_for_count(0, "is now loyal", 2);
        write(&server, "s");
        server.log.wait_for("2 vassals run, 2 of them serve");
        let seen = server.log.len();
        write(&server, "r");
        server.log.wait_for_count(seen, "generation 1 serves", 2);
        write(&server, "c+p");
        server.log.wait_for("this is for workers, and an emperor has none");
        let pid = server.dir().join("pid");
        std::fs::remove_file(&pid).expect("a pid file");
        write(&server, "P");
        eventually("a pid file", || pid.exists().then_some(()));
        let mut client = server.connect(3001);
        client.send("GET /sleep?2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        server.log.wait_for("asleep for 2");
        write(&server, letter);
        let finished = !client.rest().is_empty();
        assert_eq!(finished, letter == "q", "{letter}");
        let ended = server.wait();
        assert!(ended.code == 0 && ended.log.contains("The Emperor has been buried."), "{}", ended.log);
    }
}

#[test]
fn daemons_and_commands_run_beside_the_vassals() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--master --emperor {dir}/vassals --hook-master-start print:begun")
            .arg("--attach-daemon")
            .arg("echo $$ >> {dir}/pids; exec sleep 600")
            .arg("--touch-exec")
            .arg("{dir}/touched echo done > {dir}/proof")
            .file("vassals/one.ini", &vassal(3001, "master = true"))
            .file("touched", "")
            .spawn();
        let pid = |number: usize| {
            eventually("a daemon", || {
                let text = std::fs::read_to_string(server.dir().join("pids")).ok()?;
                text.lines().nth(number)?.parse::<i32>().ok()
            })
        };
        wait_until_served(&server, 3001);
        server.log.wait_for("^begun$");
        kill(Pid::from_raw(pid(0)), nix::sys::signal::Signal::SIGKILL).expect("the daemon");
        let daemon = pid(1);
        touch(&server.dir().join("touched"));
        eventually("the proof", || {
            (std::fs::read_to_string(server.dir().join("proof")).ok()? == "done\n").then_some(())
        });
        if kind == Kind::Rsgi {
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid()));
            let state = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            eventually("nobody is left to be waited for", || {
                let children = children.as_deref().expect("children").split_whitespace();
                children.map(state).all(|stat| !stat.contains(") Z ")).then_some(())
            });
            assert_eq!(server.stop().code, 0);
            assert_eq!(kill(Pid::from_raw(daemon), None), Err(Errno::ESRCH), "it ends with the emperor");
        }
    }
}

#[test]
fn a_control_daemon_takes_the_emperor_with_it() {
    let server = emperor(&[("one.ini", 3001, "")]).arg("--attach-control-daemon").arg("exec sleep 600").spawn();
    let line = server.log.wait_for(r"running the daemon .exec sleep 600. \(pid: \d+\)");
    let pid = super::reign::pid_of(&line);
    server.log.wait_for("is now loyal");
    kill(Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).expect("the daemon");
    let ended = server.wait();
    assert!(ended.code == 0 && ended.log.contains("the instance ends with it"), "{}", ended.log);
}

#[test]
fn set_times_are_kept() {
    let server = emperor(&[]).arg("--cron2").arg("minute=-1 echo struck").file("vassals/README", "").spawn();
    server.log.wait_for("starting rsgi Emperor");
    let until = std::time::Instant::now() + Duration::from_secs(75);
    while !server.log.text().contains("[rsgi-cron] command \"echo struck\" running with pid") {
        assert!(std::time::Instant::now() < until, "a minute is over: {}", server.log.text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn touched_files_reload_the_vassals_rotate_the_log_and_do_what_hooks_say() {
    let server = emperor(&[("one.ini", 3001, "")])
        .ini("emperor = {dir}/vassals\ntouch-reload = {dir}/reload\nhook-touch = {dir}/say print:said\nlog-master = true\nlogto = {dir}/log\nlog-backupname = {dir}/old\ntouch-logrotate = {dir}/rotate\ntouch-logreopen = {dir}/reopen\nfs-reload = {dir}/watched")
        .file("watched", "")
        .spawn();
    let path = |name: &str| server.dir().join(name);
    let log = |text: &str, count: usize| {
        let all = ["old", "moved", "log"].map(|name| std::fs::read_to_string(path(name)).unwrap_or_default()).concat();
        (all.matches(text).count() >= count).then_some(())
    };
    eventually("a vassal", || log("is now loyal", 1));
    touch(&path("reload"));
    eventually("a reload", || log("generation 1 serves", 1));
    std::fs::write(path("watched"), "changed").expect("written");
    eventually("another", || log("generation 2 serves", 1));
    touch(&path("say"));
    eventually("a hook", || log("\nsaid\n", 1));
    touch(&path("rotate"));
    eventually("a rotated log", || path("old").exists().then_some(()));
    std::fs::rename(path("log"), path("moved")).expect("a log");
    touch(&path("reopen"));
    eventually("a new log", || path("log").exists().then_some(()));
}

#[test]
fn daemonize_returns_when_it_reigns_and_the_pid_file_tells_of_it() {
    let server = Server::of(Kind::Rsgi, "--emperor {dir}/vassals --daemonize {dir}/log --safe-pidfile {dir}/pid")
        .file("vassals/one.ini", &vassal(3001, ""))
        .spawn();
    // The harness counts the detached processes as left behind, so they are ended before it looks.
    eventually("the command returns", || {
        server.processes().iter().all(|process| process.pid != server.pid()).then_some(())
    });
    let read = || std::fs::read_to_string(server.dir().join("pid")).ok()?.trim().parse().ok();
    let emperor = Pid::from_raw(eventually("the pid", read));
    wait_until_served(&server, 3001);
    kill(emperor, nix::sys::signal::Signal::SIGTERM).expect("it lives");
    eventually("its end", || kill(emperor, None).is_err().then_some(()));
    assert_eq!(server.wait().code, 0);
}

#[test]
fn exit_on_reload_ends_it() {
    let server = emperor(&[("one.ini", 3001, "")]).arg("--exit-on-reload").spawn();
    server.log.wait_for("is now loyal");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    let ended = server.wait();
    assert!(ended.code == 0 && ended.log.contains("The Emperor has been buried."), "{}", ended.log);
}

#[test]
fn what_it_leaves_to_its_vassals_is_said() {
    let server = emperor(&[("one.ini", 3001, "")])
        .ini("emperor = {dir}/vassals\nmule = true\ntouch-chain-reload = {dir}/x")
        .spawn();
    wait_until_served(&server, 3001);
    for option in ["mule", "touch-chain-reload"] {
        server.log.wait_for(&format!("warning: {option} does nothing in an emperor"));
    }
    let ended =
        Server::new("check {dir}/app.ini").file("app.ini", "[uwsgi]\nemperor = /x\nmule = true\ncron2 = true\n").run();
    assert!(ended.code == 1 && ended.log.contains("mule     no effect: "), "{}", ended.log);
    assert!(ended.log.contains("cron2    same"), "{}", ended.log);
}
