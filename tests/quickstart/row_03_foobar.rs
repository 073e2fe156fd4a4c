//! `foobar.py`: three lines, the callable `application`, a list of bytes.

use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--http-socket {ip}:9090 --wsgi-file foobar.py").file(
            "foobar.py",
            "def application(env, start_response):\n    start_response('200 OK', [('Content-Type','text/html')])\n    return [b\"Hello World\"]\n",
        );
        let server = server.start();
        assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
        server.log.wait_for(r"app 0 \(mountpoint=''\).* ready in .*\(default app\)$");
    }
}
