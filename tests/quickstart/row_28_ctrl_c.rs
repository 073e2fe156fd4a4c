//! Ctrl-C stops everything.

use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        // A worker of uWSGI with threads may miss it, and is waited for.
        let command = "--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py --master --processes 4 --threads 2 \
                       --worker-reload-mercy 2";
        let server = Server::of(kind, command).start();
        server.workers(4);
        server.get(9090, "/").expect(200);
        let ended = server.ctrl_c();
        assert_eq!(ended.code, 0, "{}", ended.log);
        let goodbye = if kind == Kind::Rsgi { "goodbye to rsgi." } else { "goodbye to uWSGI." };
        assert!(ended.log.trim_end().ends_with(goodbye), "{}", ended.log);
        assert!(!ended.log.contains("Traceback"), "{}", ended.log);
    }
}
