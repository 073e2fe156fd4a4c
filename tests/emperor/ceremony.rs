//! What an emperor has done beside its vassals: hooks, programs that are told of them, programs that run them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{emperor, vassal, wait_until_gone, wait_until_served};
use crate::support::{Kind, Running, Server, eventually};

/// Adds a script that writes a line to the file `told` and does `more`.
fn script(server: Server, name: &str, more: &str) -> Server {
    let (path, told) = (server.dir().join(name), server.dir().join("told"));
    let text = format!("#!/bin/sh\necho \"{name} $# ${{PWD##*/}} $1\" >> {}\n{more}\n", told.display());
    std::fs::write(&path, text).expect("the script");
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("the script");
    server
}

fn told(server: &Running) -> Vec<String> {
    let text = std::fs::read_to_string(server.dir().join("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn programs_are_told_of_every_start_and_end() {
    for kind in Kind::each() {
        let arguments = "--emperor {dir}/vassals --emperor-freq 1 --vassals-start-hook {dir}/starts --vassals-stop-hook {dir}/stops";
        let server = Server::of(kind, arguments).file("vassals/one.ini", &vassal(3001, ""));
        let server = ["starts", "stops"].into_iter().fold(server, |server, name| script(server, name, "")).spawn();
        wait_until_served(&server, 3001);
        std::fs::remove_file(server.dir().join("vassals/one.ini")).expect("the file goes");
        wait_until_gone(&server, 3001);
        server.log.wait_for("running vassal stop-hook");
        eventually("both have run", || (told(&server).len() == 2).then_some(()));
        assert_eq!(told(&server), ["starts 1 vassals one.ini", "stops 1 vassals one.ini"], "{kind:?}");
    }
}

#[test]
fn hooks_of_the_emperor_and_of_its_vassals_run_in_uwsgis_order() {
    for kind in Kind::each() {
        let arguments = "--emperor {dir}/vassals --emperor-freq 1 --hook-emperor-start print:emperor-begins \
                         --hook-emperor-stop print:emperor-ends --hook-as-emperor print:before-a-vassal \
                         --hook-as-vassal print:in-the-vassal";
        let server = Server::of(kind, arguments)
            .arg("--exec-as-vassal")
            .arg("echo and then this")
            .arg("--exec-as-emperor")
            .arg("echo told-of $UWSGI_VASSAL_CONFIG $UWSGI_VASSAL_UID")
            .file("vassals/one.ini", &vassal(3001, ""))
            .spawn();
        wait_until_served(&server, 3001);
        let uid = nix::unistd::geteuid();
        for line in ["emperor-begins", "before-a-vassal", "in-the-vassal", "and then this"] {
            server.log.wait_for(&format!("^{line}$"));
        }
        server.log.wait_for(&format!("^told-of one.ini {uid}$"));
        let ended = server.stop();
        let place = |line: &str| {
            ended.log.lines().position(|other| other == line).unwrap_or_else(|| panic!("{line}: {}", ended.log))
        };
        let order = ["emperor-begins", "before-a-vassal", "in-the-vassal", "and then this"].map(place);
        assert!(order.is_sorted(), "{kind:?}: {order:?}\n{}", ended.log);
        // uWSGI forgets it when a signal ends it.
        assert!(kind == Kind::Uwsgi || place("emperor-ends") > order[3], "{}", ended.log);
    }
}

#[test]
fn a_vassal_notices_that_its_emperor_is_lost() {
    let server = emperor(&[("one.ini", 3001, "hook-emperor-lost = print:alone now")]).spawn();
    wait_until_served(&server, 3001);
    kill(Pid::from_raw(server.pid()), Signal::SIGKILL).expect("it lives");
    server.log.wait_for("^alone now$");
    wait_until_gone(&server, 3001);
}

#[test]
fn a_reload_of_the_emperor_has_its_hook() {
    let server = emperor(&[("one.ini", 3001, "")]).arg("--hook-emperor-reload").arg("print:all over again").spawn();
    wait_until_served(&server, 3001);
    server.signal(Signal::SIGHUP);
    server.log.wait_for("^all over again$");
    server.log.wait_for("generation 1 serves");
}

#[test]
fn vassals_are_run_by_a_wrapper() {
    let run = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_rsgi"));
    let wrapped = |more: &str| {
        let server = script(emperor(&[("one.ini", 3001, "")]), "wrapper", &run);
        let server = script(server, "other", &run);
        more.split_whitespace().fold(server, Server::arg).spawn()
    };
    for (options, name) in [
        ("--emperor-wrapper {dir}/wrapper", "wrapper"),
        ("--emperor-wrapper {dir}/wrapper --emperor-wrapper-override {dir}/other", "other"),
        ("--emperor-wrapper {dir}/wrapper --emperor-wrapper-override {dir}/none", "wrapper"),
        ("--emperor-wrapper {dir}/none --emperor-wrapper-fallback {dir}/other", "other"),
    ] {
        let server = wrapped(options);
        wait_until_served(&server, 3001);
        server.log.wait_for("is now loyal");
        assert_eq!(told(&server), [format!("{name} 2 vassals --ini")], "{options}");
    }
    let server = wrapped("--emperor-wrapper {dir}/none");
    server.log.wait_for("one.ini cannot be started: No such file");
}

#[test]
fn the_emperor_has_a_title_of_its_own_and_misses_its_directory() {
    let server = Server::new("--emperor {dir}/nowhere --emperor-procname Caesar").spawn();
    server.log.wait_for("nowhere: No such file or directory .*: no vassal is there yet");
    let title = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).expect("it lives");
    assert_eq!(title.trim_end_matches('\0'), "Caesar");
}
