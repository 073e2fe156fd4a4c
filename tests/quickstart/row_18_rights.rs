//! `uid = foo`, `gid = bar` beside `https = :9090,…`: the key is for root only, and nobody serves as root.

use crate::support::as_root::{all_are, nobody, nobodys, start_by_root};
use crate::support::openssl::{curl, make_certificate};
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let ini = "https = {ip}:9090,foobar.crt,foobar.key\nwsgi-file = hello/foobar.py\nmaster = true\nprocesses = 2\n\
                   uid = nobody\ngid = nogroup";
        let server = nobodys(Server::of(kind, "").copy("hello").ini(ini));
        make_certificate(server.dir());
        let Some(server) = start_by_root(server) else { return };
        let (uid, gid) = nobody();
        server.log.wait_for(&format!(r"setgid\(\) to {gid}$"));
        server.log.wait_for(&format!(r"setuid\(\) to {uid}$"));
        assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(9090))), "Hello World");
        all_are(&server, uid, gid);
    }
}
