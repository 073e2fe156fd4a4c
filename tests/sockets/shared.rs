use std::io::Read;
use std::net::TcpStream;

use crate::support::openssl::{curl, make_certificate};
use crate::support::{Client, Kind, Server, uwsgi};

const APP: &str = "--wsgi-file {apps}/probe.py --master";

#[test]
fn each_kind_of_socket_takes_one_by_its_number() {
    for kind in Kind::each() {
        let shared = "--shared-socket {ip}:3001 --shared-socket {ip}:3002 --shared-socket {dir}/app.sock";
        let server = Server::of(kind, &format!("{shared} --socket =0 --http-socket =1 --socket =2 {APP}"));
        let server = server.unix("app.sock").start();
        let packet = uwsgi::encode(&uwsgi::get("/hello"));
        assert_eq!(server.connect(3001).send(&packet).response().expect(200).text(), "hello");
        assert_eq!(server.get(3002, "/hello").expect(200).text(), "hello");
        let mut client = Client::unix(&server.dir().join("app.sock"));
        assert_eq!(client.send(&packet).response().expect(200).text(), "hello");
    }
}

/// uWSGI's router knows no way to the workers when their sockets are shared ones, too.
#[test]
fn the_router_takes_one_beside_the_workers() {
    for kind in Kind::each() {
        let workers = if kind == Kind::Rsgi { "--socket =0" } else { "" };
        let shared = "--shared-socket {ip}:3001 --shared-socket {ip}:3002";
        let server = Server::of(kind, &format!("{shared} --http =1 {workers} {APP}")).start();
        assert_eq!(server.get(3002, "/environ").expect(200).json()["UWSGI_ROUTER"], "http");
    }
}

#[test]
fn https_and_its_redirection() {
    for kind in Kind::each() {
        let shared =
            "--shared-socket {ip}:3001 --shared-socket {ip}:3002 --https =0,foobar.crt,foobar.key --http-to-https =1";
        let server = Server::of(kind, &format!("{shared} {APP}"));
        make_certificate(server.dir());
        let server = server.start();
        assert_eq!(curl(server.dir(), &format!("https://{}/hello", server.address(3001))), "hello");
        server.get(3002, "/hello").expect(301);
    }
}

#[test]
fn in_the_abstract_name_space() {
    for kind in Kind::each() {
        let name = format!("rsgi-test-{}-shared", std::process::id());
        let server = Server::of(kind, &format!("--shared-socket @{name} --socket =0 {APP}")).spawn();
        server.workers(1);
        let mut client = Client::abstract_name(&if kind == Kind::Uwsgi { name + "\0" } else { name });
        assert_eq!(client.send(uwsgi::encode(&uwsgi::get("/hello"))).response().expect(200).text(), "hello");
    }
}

#[test]
fn stats() {
    let server =
        Server::of(Kind::Rsgi, &format!("--shared-socket {{ip}}:3001 --stats =0 --http-socket {{ip}}:3002 {APP}"));
    let server = server.start();
    let mut text = String::new();
    TcpStream::connect(server.address(3001)).expect("connected").read_to_string(&mut text).expect("a document");
    assert!(text.contains("\"workers\""), "{text}");
}

#[test]
fn one_that_the_server_was_started_with() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server =
        Server::of(Kind::Rsgi, &format!("--shared-socket fd://3 --http-socket =0 {APP}")).passed(listener).spawn();
    server.workers(1);
    let std::net::SocketAddr::V4(address) = address else { panic!("{address}") };
    assert_eq!(Client::tcp(address).get("/hello").expect(200).text(), "hello");
}

#[test]
fn a_number_that_was_not_given_ends_the_start() {
    for kind in Kind::each() {
        let ended = Server::of(kind, &format!("--shared-socket {{ip}}:3001 --http-socket =1 {APP}")).run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        assert!(ended.log.contains("shared") && ended.log.contains('1'), "{}", ended.log);
    }
}

#[test]
fn a_reload_keeps_it() {
    let server = Server::of(Kind::Rsgi, &format!("--shared-socket {{ip}}:3001 --http-socket =0 {APP}")).start();
    server.get(3001, "/hello").expect(200);
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    assert_eq!(server.get(3001, "/hello").expect(200).text(), "hello");
}
