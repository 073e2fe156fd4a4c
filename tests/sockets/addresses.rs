use std::net::TcpListener;
use std::process::Command;

use crate::support::{Client, Kind, Server, eventually, uwsgi};

const APP: &str = "--wsgi-file {apps}/probe.py --master";

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["--silent", "--globoff", "--max-time", "20"]).args(arguments).output();
    String::from_utf8(output.expect("curl").stdout).expect("text")
}

/// uWSGI takes the NUL behind the name for a part of it.
fn as_bound(kind: Kind, name: &str) -> String {
    if kind == Kind::Uwsgi { format!("{name}\0") } else { name.to_owned() }
}

/// The name carries the number of this process: the name space is the machine's.
fn name_of(test: &str) -> String {
    format!("rsgi-test-{}-{test}", std::process::id())
}

#[test]
fn a_name_in_the_abstract_name_space() {
    for kind in Kind::each() {
        let name = name_of("name");
        let server = Server::of(kind, &format!("--socket @{name} {APP}")).spawn();
        server.workers(1);
        let mut client = Client::abstract_name(&as_bound(kind, &name));
        client.send(uwsgi::encode(&uwsgi::get("/hello")));
        assert_eq!(client.response().expect(200).text(), "hello");
        assert!(!server.dir().join(format!("@{name}")).exists(), "no file");
    }
}

#[test]
fn paths_may_be_taken_for_abstract_names() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--socket {{dir}}/app.sock --abstract-socket {APP}")).spawn();
        server.workers(1);
        let path = server.dir().join("app.sock");
        assert!(!path.exists(), "no file");
        let mut client = Client::abstract_name(path.to_str().expect("text"));
        client.send(uwsgi::encode(&uwsgi::get("/hello")));
        assert_eq!(client.response().expect(200).text(), "hello");
    }
}

#[test]
fn http_in_the_abstract_name_space() {
    let name = name_of("http");
    let server = Server::of(Kind::Rsgi, &format!("--http-socket @{name} {APP}")).spawn();
    server.workers(1);
    let ask = || curl(&["--abstract-unix-socket", &name, "http://localhost/hello"]);
    assert_eq!(ask(), "hello");
    drop(server);
    assert_eq!(ask(), "", "its name is free again");
}

#[test]
fn an_address_that_strangers_reach_is_warned_of_where_peers_are_believed() {
    let server = Server::of(Kind::Rsgi, &format!("--socket 0.0.0.0:0 --http-socket {{ip}}:8000 {APP}")).start();
    server.log.wait_for(r"warning: \S*0\.0\.0\.0:\d+ is open to other machines");
    assert_eq!(server.log.matching("is open to other machines").len(), 1, "{}", server.log.text());
}

#[test]
fn ipv6() {
    for kind in Kind::each() {
        for option in ["http-socket", "http"] {
            let port = TcpListener::bind("[::1]:0").expect("IPv6").local_addr().expect("an address").port();
            let server = Server::of(kind, &format!("--{option} [::1]:{port} {APP}")).spawn();
            server.workers(1);
            let text = eventually("an answer", || {
                let text = curl(&[&format!("http://[::1]:{port}/environ")]);
                (!text.is_empty()).then_some(text)
            });
            let environ: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(environ["SERVER_PORT"], port.to_string(), "{option}");
            assert_eq!(environ["HTTP_HOST"], format!("[::1]:{port}"), "{option}");
            // uWSGI's router leaves it empty.
            if kind == Kind::Rsgi {
                assert_eq!(environ["REMOTE_ADDR"], "::1", "{option}");
            }
        }
    }
}

/// Each of these finds out its port; the log tells it.
#[test]
fn a_port_that_the_kernel_chooses() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--socket 127.0.0.1:0 {APP}")).spawn();
        server.workers(1);
        let line = server.log.wait_for(r"uwsgi socket 0\D.*127\.0\.0\.1:\d+");
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
        let mut client = Client::tcp(format!("127.0.0.1:{port}").parse().expect("an address"));
        assert_eq!(client.send(uwsgi::encode(&uwsgi::get("/hello"))).response().expect(200).text(), "hello");
    }
}
