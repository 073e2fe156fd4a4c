//! What an ordinary user may not: told in one line before anything is loaded, with uWSGI's exit code.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::as_root::nobodys;
use crate::support::openssl::make_certificate;
use crate::support::{Kind, Server};

const APP: &str = "--wsgi-file {lab}/hello/foobar.py";

/// A server that an ordinary user starts.
fn ordinary(kind: Kind, arguments: &str) -> Server {
    nobodys(Server::of(kind, arguments)).by_nobody()
}

/// Ends with `code`, says `text` in one line, and has not come to the application.
#[track_caller]
fn refused(kind: Kind, server: Server, code: i32, text: &str) {
    let ended = server.run();
    assert_eq!(ended.code, code, "{kind:?}: {}", ended.log);
    let lines: Vec<&str> = ended.log.lines().filter(|line| line.contains(text)).collect();
    // uWSGI is free to say it twice.
    assert!(lines.len() == 1 || kind == Kind::Uwsgi && !lines.is_empty(), "{kind:?}: {}", ended.log);
    assert!(!ended.log.contains("(default app)") && !ended.log.contains("panicked"), "{}", ended.log);
}

#[test]
fn a_port_below_1024() {
    for kind in Kind::each() {
        for option in ["http-socket", "http", "socket"] {
            let text = if kind == Kind::Rsgi { "CAP_NET_BIND_SERVICE" } else { "Permission denied" };
            refused(kind, ordinary(kind, &format!("--{option} 127.0.0.1:81 {APP}")), 1, text);
        }
    }
}

/// uWSGI goes on as who it is, without a word (listed in docs/differences.md).
#[test]
fn another_user() {
    let server = ordinary(Kind::Rsgi, &format!("--http-socket 127.0.0.1:0 --uid daemon {APP}"));
    refused(Kind::Rsgi, server, 1, "cannot setuid() as non-root user");
}

#[test]
fn another_root_directory() {
    for kind in Kind::each() {
        let server = ordinary(kind, &format!("--http-socket 127.0.0.1:0 --chroot {{dir}} {APP}"));
        refused(kind, server, 1, "cannot chroot() as non-root user");
    }
}

#[test]
fn a_configuration_that_may_not_be_read() {
    for kind in Kind::each() {
        let server = ordinary(kind, "--ini {dir}/secret.ini");
        let file = server.dir().join("secret.ini");
        std::fs::write(&file, "[uwsgi]\nhttp-socket = 127.0.0.1:0\n").expect("written");
        set_permissions(&file, Permissions::from_mode(0o000)).expect("ours");
        refused(kind, server, 1, if kind == Kind::Rsgi { "secret.ini cannot be read" } else { "secret.ini" });
    }
}

#[test]
fn a_key_that_may_not_be_read() {
    for kind in Kind::each() {
        let server = ordinary(kind, &format!("--https 127.0.0.1:0,foobar.crt,foobar.key {APP}"));
        make_certificate(server.dir());
        set_permissions(server.dir().join("foobar.key"), Permissions::from_mode(0o000)).expect("ours");
        refused(kind, server, 1, "foobar.key");
    }
}

#[test]
fn an_application_that_may_not_be_read() {
    let server = ordinary(Kind::Rsgi, "--http-socket 127.0.0.1:0 --wsgi-file {dir}/secret.py");
    let file = server.dir().join("secret.py");
    std::fs::write(&file, "").expect("written");
    set_permissions(&file, Permissions::from_mode(0o000)).expect("ours");
    refused(Kind::Rsgi, server, 22, "Permission denied");
}
