//! `chroot`: a small root directory with the interpreter in it, made of read-only mounts that only the server sees.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::support::as_root::{nobody, nobodys};
use crate::support::lab::LAB;
use crate::support::openssl::run;
use crate::support::{Client, Kind, Running, Server, eventually, uwsgi};
use crate::upgrade;

const APP: &str = "import os
def application(environ, start_response):
    start_response('200 OK', [])
    return [' '.join([VERSION, os.getcwd(), *sorted(os.listdir('/'))]).encode()]
";

/// A server with `chroot = {dir}/jail`, in which are the interpreter, its libraries, and the application in `/app`.
fn jailed(kind: Kind, ini: &str) -> Server {
    let python = LAB.venv.join("bin/python").canonicalize().expect("the interpreter of the lab");
    let installed = python.ancestors().nth(2).expect("an installation");
    let server = Server::of(kind, "")
        .ini(&format!("chroot = {{dir}}/jail\nchdir = /app\nmodule = shop\nmaster = true\n{ini}"))
        .file("jail/app/shop.py", &APP.replace("VERSION", "'first'"));
    let server = nobodys(server);
    ["/lib", "/lib64", "/usr/lib", &installed.display().to_string()].iter().fold(server, |server, place| {
        server.mounts(&format!(
            "mkdir -p {{dir}}/jail{place}; mount --bind {place} {{dir}}/jail{place}; mount -o remount,bind,ro {{dir}}/jail{place}"
        ))
    })
}

/// Where a process finds `/`.
fn root_of(pid: i32) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/root")).expect("the process lives")
}

#[track_caller]
fn see(server: &Running, version: &str) {
    let seen = server.get(3031, "/").expect(200).text().to_owned();
    assert!(seen.starts_with(&format!("{version} /app app ")), "{seen}");
    assert!(!seen.contains(" proc") && !seen.contains(" tmp"), "the whole machine: {seen}");
}

#[test]
fn the_application_sees_nothing_but_its_root_directory() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    for kind in Kind::each() {
        let server = jailed(kind, "http-socket = {ip}:3031\nuid = nobody\ngid = nogroup\nprocesses = 2").start();
        see(&server, "first");
        let jail = server.dir().join("jail");
        let workers = server.workers(2);
        assert!(workers.iter().all(|worker| root_of(*worker) == jail), "{workers:?}");
    }
}

#[test]
fn every_process_but_the_master_is_inside_without_any_capability() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ini = "http = {ip}:9090\nhttp-socket = {ip}:3031\nuid = nobody\ngid = nogroup";
    let server = jailed(Kind::Rsgi, ini).start();
    server.get(9090, "/").expect(200);
    let (uid, _) = nobody();
    let processes = server.processes();
    assert_eq!(processes.len(), 4, "master, router, zygote, worker: {processes:?}");
    for process in processes {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("the process lives");
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("the field").trim();
        assert!(field("Uid:").split_whitespace().all(|id| id == uid.to_string()), "{process:?}");
        let is_master = process.pid == server.pid();
        let expected = if is_master { Path::new("/").to_owned() } else { server.dir().join("jail") };
        assert_eq!(root_of(process.pid), expected, "{process:?}");
        // CAP_SYS_CHROOT is bit 18.
        let capabilities = if is_master { "0000000000040000" } else { "0000000000000000" };
        assert_eq!((field("CapPrm:"), field("CapAmb:")), (capabilities, capabilities), "{process:?}");
        assert!(is_master || process.title.starts_with("rsgi "), "titled before: {process:?}");
    }
}

#[test]
fn sockets_pid_files_and_stats_lie_where_uwsgi_puts_them() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ini = "http-socket = {ip}:3031\nsocket = /run/app.sock\nstats = /run/stats.sock\npidfile = {dir}/outer.pid\n\
               pidfile2 = /run/inner.pid\nuid = nobody\ngid = nogroup";
    for kind in Kind::each() {
        let server = jailed(kind, ini).mounts("mkdir {dir}/jail/run; chown nobody {dir}/jail/run").start();
        see(&server, "first");
        for file in ["jail/run/app.sock", "jail/run/stats.sock", "jail/run/inner.pid", "outer.pid"] {
            eventually(file, || server.dir().join(file).exists().then_some(()));
        }
        let mut client = Client::unix(&server.dir().join("jail/run/app.sock"));
        client.send(uwsgi::encode(&uwsgi::get("/"))).response().expect(200);
    }
}

#[test]
fn a_reload_finds_configuration_and_certificates_outside() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ini = "http-socket = {ip}:3031\nhttps = {ip}:9090,foobar.crt,foobar.key\nuid = nobody\ngid = nogroup\nprocesses = 1\n\
               vacuum = true\nsocket = /run/app.sock";
    let server = jailed(Kind::Rsgi, ini).mounts("mkdir {dir}/jail/run; chown nobody {dir}/jail/run");
    crate::support::openssl::make_certificate(server.dir());
    let server = server.unix("jail/run/app.sock").start();
    see(&server, "first");
    std::fs::write(server.dir().join("jail/app/shop.py"), APP.replace("VERSION", "'second'")).expect("written");
    let file = server.dir().join("app.ini");
    let text = std::fs::read_to_string(&file).expect("the file").replace("processes = 1", "processes = 2");
    std::fs::write(&file, text).expect("written");
    let lines = server.log.len();
    server.signal(Signal::SIGHUP);
    server.log.wait_from(lines, "generation 1 serves");
    // Until then the old one may take a connection as well.
    server.log.wait_from(lines, "worker 1 killed successfully");
    see(&server, "second");
    server.log.wait_from(lines, r"^worker 2 \(pid");
    let url = format!("https://{}/", server.address(9090));
    let curl = |options: &str| crate::support::openssl::curl(server.dir(), &format!("{options} {url}"));
    assert!(curl("").starts_with("second /app "));
    // A renewed certificate comes with the next one, as far as the new user may read it.
    crate::support::openssl::openssl(
        server.dir(),
        "req -x509 -new -key foobar.key -days 9 -subj /CN=renewed -out foobar.crt",
    );
    server.signal(Signal::SIGHUP);
    server.log.wait_from(lines, "generation 2 serves");
    eventually("the new certificate", || {
        let shown = run(server.dir(), "curl", &format!("-skv {url}"));
        String::from_utf8_lossy(&shown.stderr).contains("CN=renewed").then_some(())
    });
    assert_eq!(server.stop().code, 0);
}

/// The master has left its rights, and needs the one to lock others in once more.
#[test]
fn an_upgrade_keeps_what_is_needed_and_is_for_root_alone() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ini =
        "http-socket = {ip}:3031\nhttps = {ip}:9090,foobar.crt,foobar.key\nuid = nobody\ngid = nogroup\nprocesses = 1";
    let server = jailed(Kind::Rsgi, ini);
    crate::support::openssl::make_certificate(server.dir());
    let program = upgrade::install(server.dir(), |program| program);
    let server = server.program(&program).start();
    see(&server, "first");
    // The application inside is the same user as the master outside.
    let refused = std::process::Command::new("setpriv")
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
        .arg(&program)
        .args(["upgrade", &server.pid().to_string()])
        .output()
        .expect("setpriv");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("with chroot only root may ask for it"), "{said}");
    for (number, change) in [(1, upgrade::of_another_version as fn(Vec<u8>) -> Vec<u8>), (2, |program| program)] {
        upgrade::install(server.dir(), change);
        let output = upgrade::upgrade(&server);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.log.wait_for_count(0, "worker 1 killed successfully", number);
        see(&server, "first");
        let url = format!("https://{}/", server.address(9090));
        assert!(crate::support::openssl::curl(server.dir(), &url).starts_with("first /app "));
        let jail = server.dir().join("jail");
        eventually("nobody outside but the master", || {
            let others = server.processes().into_iter().filter(|process| process.pid != server.pid());
            // One of the old generation may end between the listing and the look.
            let root = |pid| std::fs::read_link(format!("/proc/{pid}/root")).ok();
            others.map(|process| process.pid).all(|pid| root(pid).as_ref() == Some(&jail)).then_some(())
        });
    }
    assert_eq!(server.stop().code, 0);
}

/// Each process then changes its root directory itself.
#[test]
fn a_master_that_stays_root_locks_its_processes_in_as_well() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ini = "http = {ip}:9090\nhttp-socket = {ip}:3031\nuid = nobody\ngid = nogroup\nmaster-as-root = true";
    let server = jailed(Kind::Rsgi, ini).start();
    see(&server, "first");
    server.get(9090, "/").expect(200);
    let jail = server.dir().join("jail");
    for process in server.processes().into_iter().filter(|process| process.pid != server.pid()) {
        assert_eq!(root_of(process.pid), jail, "{process:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    if !geteuid().is_root() {
        return for_root_only();
    }
    let ended = Server::new("--http-socket 127.0.0.1:0 --chroot {dir}/nowhere --wsgi-file {lab}/hello/foobar.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("nowhere"), "{}", ended.log);
    assert!(!ended.log.contains("Python version"), "nothing was begun: {}", ended.log);
    // A root directory without the interpreter's library.
    let ended = Server::of(Kind::Rsgi, "--http-socket 127.0.0.1:0 --chroot {dir} --module shop").run();
    assert!(ended.code != 0 && ended.log.contains("lib/python"), "{} {}", ended.code, ended.log);
}

/// Others than root are told so.
#[track_caller]
fn for_root_only() {
    let ended = Server::new("--http-socket 127.0.0.1:0 --chroot {dir} --wsgi-file {lab}/hello/foobar.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("cannot chroot() as non-root user"), "{}", ended.log);
}
