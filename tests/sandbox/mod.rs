//! `sandbox`, and the confinement of routers.

mod old_kernel;
mod router;

use nix::sys::signal::Signal;

use crate::support::django::project;
use crate::support::lab::LAB;
use crate::support::{Running, Server};

/// `PATH?ARGUMENT ok|ERROR`, one line each.
#[track_caller]
fn check(server: &Running, expected: &str) {
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (attempt, outcome) = line.rsplit_once(' ').expect("an attempt and what comes of it");
        let attempt = attempt.replace("{dir}", &server.dir().display().to_string());
        assert_eq!(server.get(3031, &format!("/{attempt}")).expect(200).text(), outcome, "{attempt}");
    }
}

fn serve(options: &str) -> Server {
    let application = "--http-socket {ip}:3031 --chdir {apps} --wsgi-file confined.py --need-app";
    Server::new(&format!("{application} {options}"))
}

const WRITES: &str = "write?{dir}/media/x ok
    remove?{dir}/media/x ok
    write?{dir}/secret.txt EACCES
    write?/etc/passwd EACCES
    write?/dev/null ok";

#[test]
fn an_application_keeps_to_its_code() {
    let server = serve("--sandbox web --sandbox-write {dir}/media --sandbox-read {dir}/shared")
        .file("secret.txt", "the password")
        .file("media/old.txt", "")
        .file("shared/page.html", "")
        .start();
    check(
        &server,
        "read?confined.py ok
        read?/etc/hosts ok
        read?/proc/self/status ok
        read?/dev/urandom ok
        read?{dir}/shared/page.html ok
        read?{dir}/media/old.txt ok
        read?{dir}/secret.txt EACCES
        listing?{dir} EACCES
        listing?/ EACCES
        write?{dir}/shared/page.html EACCES",
    );
    check(&server, WRITES);
    check(
        &server,
        "run?/bin/true EPERM
        fork? ok
        connect?3031 ECONNREFUSED
        family?AF_INET ok
        family?AF_NETLINK ok
        family?AF_PACKET EPERM
        newuser? EPERM
        call?clone3 ENOSYS",
    );
    for name in ["ptrace", "bpf", "perf_event_open", "mount", "unshare", "keyctl", "io_uring_setup", "process_vm_readv"]
    {
        check(&server, &format!("call?{name} EPERM"));
    }
    // ptrace, and getpid: a kernel without x32 says ENOSYS to both.
    if cfg!(target_arch = "x86_64") {
        check(&server, "x32?101 EPERM\nx32?39 EPERM");
    }
    let line = server.log.wait_for("^sandbox web:");
    assert!(line.ends_with("/media; may run nothing"), "{line}");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn who_lists_nothing_has_temporary_files_and_locks() {
    let server = serve("--sandbox web").start();
    check(
        &server,
        "temporary? ok
        lock? ok
        write?/etc/passwd EACCES",
    );
}

#[test]
fn programs_are_run_that_are_listed() {
    let server = serve("--sandbox web --sandbox-write {dir} --sandbox-exec /usr/bin/true").start();
    check(
        &server,
        "run?/usr/bin/true ok
        run?/usr/bin/id EACCES",
    );
    drop(server);
    let server = serve("--sandbox web --sandbox-write {dir} --sandbox-exec /usr/bin").start();
    check(
        &server,
        "run?/usr/bin/true ok
        run?/usr/bin/id ok",
    );
}

/// What was confined once stays so: in every worker, after every reload, with lazy applications.
#[test]
fn reloads_and_lazy_applications_are_confined() {
    for options in ["", "--lazy-apps"] {
        let server = serve(&format!("--sandbox web --sandbox-write {{dir}}/media --processes 2 {options}"));
        let server = server.file("media/old.txt", "").file("secret.txt", "").start();
        server.workers(2);
        check(&server, WRITES);
        server.signal(Signal::SIGHUP);
        server.log.wait_for_count(0, "^worker .* ready", 4);
        check(&server, WRITES);
        assert_eq!(server.stop().code, 0);
    }
}

/// A framework finds its files, its templates, and the database in a folder that is listed.
#[test]
fn django_serves_from_inside() {
    let options = "--http-socket {ip}:3031 --chdir {dir}/myproject --module myproject.wsgi --virtualenv {venv}";
    let server = Server::new(&format!("{options} --sandbox web --sandbox-write {{dir}} --sandbox-write /tmp"));
    let server = project(server, &LAB.venv).start();
    server.get(3031, "/admin/login/").expect(200);
    let refused = server.post(3031, "/admin/login/", "application/x-www-form-urlencoded", b"username=admin");
    assert_eq!(refused.status, 403, "no token");
}

#[test]
fn what_is_not_there_or_no_sandbox_is_told() {
    for (options, reason) in [
        (
            "--sandbox web --sandbox-write /no/such",
            "sandbox-write: /no/such cannot be looked at: make it, or leave it out",
        ),
        ("--sandbox wep", "unknown sandbox \"wep\""),
    ] {
        let ended = serve(options).run();
        assert!(ended.code == 1 && ended.log.contains(reason), "{} {}", ended.code, ended.log);
    }
}
