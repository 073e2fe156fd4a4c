//! `shared-socket = :443` and `https = =0,…`: a port for root only, bound before rights are given up.

use crate::support::as_root::{all_are, nobody, nobodys, start_by_root};
use crate::support::openssl::{curl, make_certificate};
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let ini = "shared-socket = {ip}:443\nhttps = =0,foobar.crt,foobar.key\nwsgi-file = hello/foobar.py\nmaster = true\n\
                   processes = 2\nuid = nobody\ngid = nogroup";
        let server = nobodys(Server::of(kind, "").copy("hello").ini(ini));
        make_certificate(server.dir());
        let Some(server) = start_by_root(server) else { return };
        assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(443))), "Hello World");
        let (uid, gid) = nobody();
        all_are(&server, uid, gid);
    }
}

/// uWSGI binds what is not shared after it has given its rights up.
#[test]
fn without_it_uwsgi_may_not_bind_and_rsgi_may() {
    for kind in Kind::each() {
        let ini = "https = {ip}:443,foobar.crt,foobar.key\nwsgi-file = hello/foobar.py\nmaster = true\nuid = nobody\ngid = nogroup";
        let server = nobodys(Server::of(kind, "").copy("hello").ini(ini));
        make_certificate(server.dir());
        if kind == Kind::Rsgi {
            let Some(server) = start_by_root(server) else { return };
            assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(443))), "Hello World");
        } else if nix::unistd::geteuid().is_root() {
            let ended = server.run();
            assert_eq!(ended.code, 1, "{}", ended.log);
            assert!(ended.log.contains("Permission denied"), "{}", ended.log);
        }
    }
}
