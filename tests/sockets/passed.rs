//! systemd's socket activation (sd_listen_fds(3)), inetd, and descriptors by number.

use std::net::{SocketAddr, SocketAddrV4, TcpListener};

use nix::sys::signal::Signal;

use crate::support::{Client, Kind, Server, uwsgi};

const APP: &str = "--wsgi-file {apps}/probe.py --master";

fn listener() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let SocketAddr::V4(address) = listener.local_addr().expect("an address") else { panic!("IPv6") };
    (listener, address)
}

#[test]
fn systemd_passes_a_socket_that_no_option_names() {
    for kind in Kind::each() {
        let (listener, address) = listener();
        let server = Server::of(kind, APP).passed(listener).activated().spawn();
        server.workers(1);
        let packet = uwsgi::encode(&uwsgi::get("/hello"));
        assert_eq!(Client::tcp(address).send(&packet).response().expect(200).text(), "hello");
    }
}

#[test]
fn two_sockets_and_one_of_them_by_name() {
    let ((first, uwsgi_address), (second, http)) = (listener(), listener());
    let server =
        Server::of(Kind::Rsgi, &format!("--http-socket fd://4 {APP}")).passed(first).passed(second).activated();
    let server = server.spawn();
    server.workers(1);
    assert_eq!(Client::tcp(http).get("/hello").expect(200).text(), "hello");
    let packet = uwsgi::encode(&uwsgi::get("/hello"));
    assert_eq!(Client::tcp(uwsgi_address).send(&packet).response().expect(200).text(), "hello");
}

#[test]
fn a_reload_keeps_them_and_the_queue() {
    let (listener, address) = listener();
    let server = Server::of(Kind::Rsgi, &format!("--http fd://3 {APP}")).passed(listener).activated().spawn();
    server.workers(1);
    assert_eq!(Client::tcp(address).get("/hello").expect(200).text(), "hello");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    assert_eq!(Client::tcp(address).get("/hello").expect(200).text(), "hello");
}

/// They are for this process alone: what it starts must not take them for its own.
#[test]
fn the_application_is_not_told_of_them() {
    let (listener, address) = listener();
    let server = Server::of(Kind::Rsgi, &format!("--http-socket fd://3 {APP}")).passed(listener).activated().spawn();
    server.workers(1);
    let environment = Client::tcp(address).get("/process").expect(200).json()["environment"].clone();
    for name in ["LISTEN_FDS", "LISTEN_PID"] {
        assert!(environment.get(name).is_none(), "{environment:#}");
    }
}

#[test]
fn what_is_meant_for_another_process_is_left_alone() {
    let (listener, _) = listener();
    let server = Server::of(Kind::Rsgi, APP).passed(listener).env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let ended = server.run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("socket option is missing"), "{}", ended.log);
}

#[test]
fn a_descriptor_by_number() {
    for kind in Kind::each() {
        for option in ["http-socket", "socket"] {
            let (listener, address) = listener();
            let server = Server::of(kind, &format!("--{option} fd://3 {APP}")).passed(listener).spawn();
            server.workers(1);
            let mut client = Client::tcp(address);
            if option == "socket" {
                client.send(uwsgi::encode(&uwsgi::get("/hello")));
            } else {
                client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            }
            assert_eq!(client.response().expect(200).text(), "hello");
        }
    }
}

#[test]
fn a_descriptor_that_is_not_there() {
    let ended = Server::of(Kind::Rsgi, &format!("--http-socket fd://7 {APP}")).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("fd://7"), "{}", ended.log);
}
