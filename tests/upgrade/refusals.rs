//! Upgrades that are refused: nothing changes.

use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::{exe, install, server, upgrade};
use crate::reload::{says, stats};
use crate::support::{Running, eventually};

/// Asks for an upgrade to a program that cannot ask itself.
fn ask(server: &Running, program: &str) -> String {
    let name = std::fs::read_to_string("/proc/net/unix").expect("/proc/net/unix");
    let ending = format!("/{}", server.pid());
    let is_it = |line: &&str| line.contains("@rsgi-control/") && line.ends_with(&ending);
    let name = name.lines().find(is_it).and_then(|line| line.split('@').nth(1)).expect("a control socket").to_owned();
    let mut client = crate::support::Client::abstract_name(&name);
    client.send(format!("{}\n", serde_json::json!({ "do": "upgrade", "program": program }))).finish();
    String::from_utf8(client.rest()).expect("text").trim_end().replace(&*server.dir().to_string_lossy(), "DIR")
}

#[test]
fn what_cannot_take_over_is_not_let() {
    let server = server("");
    let (program, workers) = (exe(server.pid()), server.workers(2));
    let path = |name: &str| server.dir().join(name);
    std::fs::write(path("text"), "no program").expect("written");
    let script = |name: &str, text: &str| -> PathBuf {
        std::fs::write(path(name), text).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path(name), mode).expect("the folder is ours");
        path(name)
    };
    script("dies", "#!/bin/sh\nkill -9 $$\n");
    script("talks", "#!/bin/sh\necho '{\"unfit\":\"not today\"}'\n");
    script("old", "#!/bin/sh\necho \"unknown option $1\" >&2\nexit 1\n");
    let asked = ["DIR/missing", "DIR/text", "DIR/dies", "DIR/old", "DIR/talks", "/bin/true", "rsgi"].map(|program| {
        let named = program.replace("DIR", &server.dir().to_string_lossy());
        format!("{program}: {}", ask(&server, &named))
    });
    insta::assert_snapshot!(asked.join("\n"));
    says(&server, "old");
    assert_eq!((exe(server.pid()), stats(&server)["generation"].as_u64()), (program, Some(0)));
    assert!(workers.iter().all(|&pid| server.processes().iter().any(|process| process.pid == pid)));
}

#[test]
fn a_broken_configuration_is_found_out_before() {
    let server = crate::support::Server::of(crate::support::Kind::Rsgi, "")
        .ini("http-socket = {ip}:3031\nwsgi-file = {dir}/app.py\nprocesses = 2\nstats = {ip}:9191")
        .file("app.py", &crate::reload::app("old", "pass"));
    let path = install(server.dir(), |program| program);
    let server = server.program(&path).start();
    server.workers(2);
    let program = exe(server.pid());
    let good = std::fs::read_to_string(server.dir().join("app.ini")).expect("a file");
    std::fs::write(server.dir().join("app.ini"), format!("{good}processes = many\n")).expect("written");
    install(server.dir(), |program| program);
    let output = upgrade(&server);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("processes") && said.contains("many"), "{said}");
    assert!(said.contains("nothing has changed"), "{said}");
    assert_eq!(exe(server.pid()), program);
    server.get(3031, "/").expect(200);
    // What is wrong can be put right.
    std::fs::write(server.dir().join("app.ini"), good).expect("written");
    assert!(upgrade(&server).status.success());
    assert_ne!(exe(server.pid()), program);
}

#[test]
fn not_while_something_else_is_going_on() {
    let server = server("");
    let program = exe(server.pid());
    let seen = server.log.len();
    crate::reload::deploy(
        &server,
        "import time, os\nwhile not os.path.exists('go'): time.sleep(.01)\nraise SystemExit\n",
    );
    server.signal(Signal::SIGHUP);
    server.log.wait_from(seen, "gracefully reloading: generation 1");
    let output = upgrade(&server);
    insta::assert_snapshot!(
        String::from_utf8_lossy(&output.stderr).trim_end(),
        @"error: no upgrade: a reload is under way; nothing has changed"
    );
    std::fs::write(server.dir().join("go"), "").expect("written");
    server.log.wait_from(seen, "reload failed");
    assert_eq!(exe(server.pid()), program);
    eventually("an upgrade", || {
        crate::reload::deploy(&server, &crate::reload::app("new", "pass"));
        upgrade(&server).status.success().then_some(())
    });
    says(&server, "new");
}
