//! Every way to an application, with a client that did not learn the protocol from us.

use std::process::Command;

use super::socket::Socket;
use crate::support::lab::{LAB, root};
use crate::support::nginx::Nginx;
use crate::support::openssl::make_certificate;
use crate::support::{Kind, Running, Server};

/// What the library `websockets` sees at `url`.
#[track_caller]
fn talk(url: &str, kind: &str) {
    let script = root().join("tests/websockets/client.py");
    let output = Command::new(LAB.venv.join("bin/python")).arg(script).arg(url).arg(kind).output().expect("python");
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = "protocol chat\nmessages 4\nfragments 3\npong\nclosed 4321\n";
    assert_eq!(seen, expected, "{url}: {}", String::from_utf8_lossy(&output.stderr));
}

fn talk_both(url: &str) {
    talk(&format!("{url}/"), "text");
    talk(&format!("{url}/binary"), "binary");
}

fn serve(options: &str) -> Server {
    Server::new(&format!("{options} --wsgi-file {{apps}}/websocket.py"))
}

#[test]
fn http_socket() {
    let server = serve("--http-socket {ip}:3031").start();
    talk_both(&format!("ws://{}", server.address(3031)));
    assert_eq!(server.stop().code, 0);
}

#[test]
fn the_router() {
    let server = serve("--http {ip}:9090 --http-websockets").start();
    talk_both(&format!("ws://{}", server.address(9090)));
    // The one core is free again, and its link.
    assert_eq!(server.get(9090, "/plain").expect(200).text(), "plain");
    assert_eq!(server.stop().code, 0);
}

#[test]
fn the_router_without_keepalive() {
    let server = serve("--http {ip}:9090 --http-websockets --http-keepalive=0").start();
    talk_both(&format!("ws://{}", server.address(9090)));
}

#[test]
fn https() {
    let server = serve("--https {ip}:9090,foobar.crt,foobar.key --http-websockets");
    make_certificate(server.dir());
    let server = server.start();
    talk_both(&format!("wss://{}", server.address(9090)));
    assert_eq!(server.stop().code, 0);
}

#[test]
fn https_socket() {
    let server = serve("--https-socket {ip}:9090,foobar.crt,foobar.key");
    make_certificate(server.dir());
    let server = server.start();
    talk_both(&format!("wss://{}", server.address(9090)));
    assert_eq!(server.stop().code, 0);
}

fn behind_nginx(option: &str, location: &str) -> (Running, Nginx) {
    let server = serve(&format!("--{option} {{ip}}:3031")).start();
    let location = location.replace("{address}", &server.address(3031).to_string());
    let nginx = Nginx::passing(&location, "");
    (server, nginx)
}

#[test]
fn http_socket_behind_nginx() {
    let upgrade = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";";
    let location = format!("proxy_http_version 1.1; {upgrade} proxy_pass http://{{address}};");
    let (_server, nginx) = behind_nginx("http-socket", &location);
    talk_both(&format!("ws://{}", nginx.address()));
}

#[test]
fn uwsgi_behind_nginx() {
    let (_server, nginx) = behind_nginx("socket", "include /etc/nginx/uwsgi_params; uwsgi_pass {address};");
    talk_both(&format!("ws://{}", nginx.address()));
}

#[test]
fn flask_uwsgi_websocket() {
    let doors = "--http-socket {ip}:3031 --http {ip}:9090 --http-websockets";
    let server = Server::new(&format!("{doors} --wsgi-file {{apps}}/flask_websocket.py --callable app --threads 2"));
    let server = server.arg("--virtualenv").arg("{venv}").start();
    for port in super::DOORS {
        assert_eq!(server.get(port, "/").expect(200).text(), "a page");
        let before = server.log.len();
        let mut socket = Socket::open(server.connect(port), "/echo");
        socket.echo(b"one");
        socket.echo("zwei é".as_bytes());
        socket.send(0x88, b"\x03\xe8");
        assert_eq!(socket.closed(), Some(1000));
        server.log.wait_from(before, "flask: socket closed");
    }
    assert_eq!(server.stop().code, 0);
}

/// The same messages, and the same answers but for the head.
#[test]
fn echoes_as_uwsgi_does() {
    let messages: [(u8, &[u8]); 5] =
        [(0x81, b"a"), (0x81, &[b'b'; 126]), (0x82, &[0; 70_000]), (0x81, "é".as_bytes()), (0x82, b"\xff")];
    let lines = "Origin: http://localhost\r\nSec-WebSocket-Protocol: chat\r\n";
    for door in ["http-socket", "http"] {
        let seen = [Kind::Uwsgi, Kind::Rsgi].map(|kind| {
            let arguments =
                format!("--{door} {{ip}}:9090 --http-websockets --master --wsgi-file {{apps}}/websocket.py");
            let server = Server::of(kind, &arguments).start();
            let mut seen = Vec::new();
            for path in ["/", "/binary", "/poll"] {
                let (mut socket, head) = Socket::open_with(server.connect(9090), path, lines);
                assert_eq!(head.header("Sec-WebSocket-Protocol"), Some("chat"));
                for (first, payload) in messages {
                    seen.push(socket.send(first, payload).frame_but_pings());
                }
                socket.send(0x88, b"\x03\xe8");
                assert_eq!(socket.frame_but_pings().first, 0x88);
            }
            seen
        });
        assert_eq!(seen[1], seen[0], "{door}");
    }
}
