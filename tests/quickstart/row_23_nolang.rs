//! `make PROFILE=nolang`: a server that knows no language until a plugin brings one.

use std::process::Command;

use crate::support::lab::LAB;
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    let linked = Command::new("ldd").arg(&LAB.core).output().expect("ldd");
    assert!(!String::from_utf8_lossy(&linked.stdout).contains("libpython"), "no language in it");
    let server = Server::of(Kind::Rsgi, "--http-socket 127.0.0.1:0 --wsgi-file {apps}/probe.py").program(&LAB.core);
    let ended = server.run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("no request plugin is loaded"), "{}", ended.log);
}
