//! A kernel without Landlock: what it cannot do is said, and the rest is done.

use std::os::unix::fs::PermissionsExt;

use super::{check, serve};
use crate::support::lab::{LAB, root};

#[test]
fn what_a_kernel_lacks_is_said_and_the_rest_is_done() {
    let server = serve("--http {ip}:9090 --sandbox web").file("secret.txt", "");
    let program = server.dir().join("as-on-an-old-kernel");
    let (python, script) = (LAB.venv.join("bin/python"), root().join("tests/sandbox/old_kernel.py"));
    let text =
        format!("#!/bin/sh\nexec {} {} {} \"$@\"\n", python.display(), script.display(), env!("CARGO_BIN_EXE_rsgi"));
    std::fs::write(&program, text).expect("written");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("made executable");
    let server = server.program(&program).start();
    check(
        &server,
        "read?{dir}/secret.txt ok
        run?/bin/true EPERM
        call?ptrace EPERM",
    );
    server.get(9090, "/fork").expect(200);
    server
        .log
        .wait_for(r"^warning: sandbox: this kernel has no Landlock \(it is of Linux 5.13\): files are not confined");
    server.log.wait_for("^this kernel has no Landlock: the router's files are not confined");
}
