//! A distribution's build: `uwsgi --plugin python,http …` names what may be built in already.

use crate::support::{Kind, Server};

const SERVE: &str = "--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py";

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--plugin python,http {SERVE}")).start();
        assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
        // uWSGI looks for files of that name all the same, finds none, says so and goes on.
        let text = server.log.text();
        assert!(kind == Kind::Uwsgi || !text.contains("plugin"), "accepted in silence: {text}");
    }
}

#[test]
fn one_that_is_missing_is_told_and_the_others_serve() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--plugin nothing_of_the_kind {SERVE}")).start();
        server.log.wait_for("nothing_of_the_kind");
        assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
    }
}
