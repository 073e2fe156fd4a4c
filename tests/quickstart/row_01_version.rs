//! After the installation, `uwsgi --version` prints the version and nothing else.

use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let ended = Server::of(kind, "--version").run();
        assert_eq!(ended.code, 0, "{}", ended.log);
        let expected = if kind == Kind::Rsgi { env!("CARGO_PKG_VERSION") } else { "2.0.31" };
        assert!(ended.log.trim().ends_with(expected), "{}", ended.log);
        assert_eq!(ended.log.lines().count(), 1, "{}", ended.log);
    }
}
