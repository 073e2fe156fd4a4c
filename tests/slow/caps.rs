//! How many connections there may be, in all and from one address, and who gives way.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{DOORS, ROUTER, WORKER, rest, start_with};
use crate::support::{Client, Running, eventually};

fn kept(server: &Running, port: u16) -> Client {
    let mut client = server.connect(port);
    client.get("/").expect(200);
    client
}

/// The status of one answer to a client with an address of its own; `None`: the connection is closed without.
fn ask_from(server: &Running, port: u16, from: Ipv4Addr) -> Option<String> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((from, 0)).into()).expect("bound");
    socket.connect(&server.address(port).into()).expect("a connection");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).get(9..12).map(str::to_owned)
}

#[test]
fn one_address_has_no_more_than_its_share() {
    // Workers count for themselves: there is one.
    let server = start_with(1, "--max-connections-per-ip 3 --metrics {ip}:9192");
    let other = Ipv4Addr::new(127, 255, 3, 4);
    for port in DOORS {
        let mut mine: Vec<_> = (0..3).map(|_| kept(&server, port)).collect();
        assert_eq!(server.connect(port).rest().get(..12), Some(&b"HTTP/1.1 429"[..]), "{port}");
        assert_eq!(ask_from(&server, port, other).as_deref(), Some("200"), "{port}: others are served");
        for client in &mut mine {
            client.get("/").expect(200);
        }
        mine.pop();
        let asks = || (ask_from(&server, port, Ipv4Addr::LOCALHOST).as_deref() == Some("200")).then_some(());
        eventually("room for one", asks);
    }
    server.log.wait_for("connections are refused: its network has max-connections-per-ip of them");
    let page = server.get(9192, "/metrics");
    let page = page.expect(200).text().to_owned();
    let refused = page.lines().find_map(|line| line.strip_prefix("rsgi_connections_refused_total "));
    assert!(refused.is_some_and(|count| count.parse::<f64>().is_ok_and(|count| count >= 2.0)), "{page}");
}

#[test]
fn who_has_been_idle_the_longest_gives_way() {
    let server = start_with(1, "--max-connections 4");
    for port in DOORS {
        let mut kept: Vec<_> = (0..4).map(|_| kept(&server, port)).collect();
        let mut fifth = server.connect(port);
        fifth.get("/").expect(200);
        // Idle ones are sent away in groups, so only that the first is gone is certain.
        assert!(kept.remove(0).closed(), "{port}");
        fifth.get("/").expect(200);
    }
}

/// Nobody is idle: who comes waits, and is served in the end.
#[test]
fn a_full_house_lets_newcomers_wait() {
    let server = start_with(1, "--max-connections 2");
    for port in DOORS {
        let head = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
        let mut busy: Vec<_> = (0..2).map(|_| server.connect(port)).collect();
        for client in &mut busy {
            client.send(head);
        }
        let mut third = TcpStream::connect(server.address(port)).expect("a connection");
        third.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
        third.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        let early = third.peek(&mut [0]);
        assert!(early.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{port}");
        for client in &mut busy {
            assert_eq!(client.send("ab").response().expect(200).text(), "2", "{port}");
        }
        third.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let answer = String::from_utf8_lossy(&rest(&mut third)).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{port}: {answer}");
    }
}

/// Descriptors run out before any cap: idle clients give way then too.
#[test]
fn idle_clients_give_their_descriptors_to_others() {
    let server = start_with(1, "--max-fd 80");
    for port in DOORS {
        let mut idle: Vec<_> = Vec::new();
        for _ in 0..120 {
            let mut client = server.connect(port);
            client.get("/").expect(200);
            idle.push(client);
        }
        server.get(port, "/").expect(200);
    }
}

/// A proxy that says who its clients are does not count as one.
#[test]
fn behind_a_proxy_its_clients_are_counted() {
    let server = start_with(1, "--max-connections-per-ip 1 --enable-proxy-protocol --http-enable-proxy-protocol");
    let header = |client: &str| format!("PROXY TCP4 {client} 192.0.2.9 1000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for port in [ROUTER, WORKER] {
        let (mut one, mut two) = (server.connect(port), server.connect(port));
        one.send(header("192.0.2.1")).response().expect(200);
        two.send(header("192.0.2.2")).response().expect(200);
        server.connect(port).send(header("192.0.2.1")).response().expect(429);
        one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().expect(200);
    }
}
