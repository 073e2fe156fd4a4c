//! `https = :9090,foobar.crt,foobar.key`, with the three `openssl` commands before it.

use crate::support::openssl::{curl, make_certificate};
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        // The names of the files are relative to where the server was started, not to `chdir`.
        let ini = "https = {ip}:9090,foobar.crt,foobar.key\nhttp-to-https = {ip}:8080\nchdir = {dir}/elsewhere\n\
                   module = tells\nmaster = true\nprocesses = 2";
        let tells = "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
                     return [(environ['HTTPS'] + ' ' + environ['wsgi.url_scheme']).encode()]\n";
        let server = Server::of(kind, "").ini(ini).file("elsewhere/tells.py", tells);
        make_certificate(server.dir());
        let server = server.start();
        assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(9090))), "on https");
        // A port that somebody forwards to ours is not that of https.
        for host in ["example.org", "example.org:8000"] {
            let request = format!("GET /x?y HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let sent_on = server.ask(8080, &request).expect(301);
            assert_eq!(sent_on.header("location"), Some("https://example.org/x?y"), "{host}");
        }
    }
}
