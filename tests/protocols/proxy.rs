//! The PROXY protocol at every front door that may speak HTTP: headers good, bad, cut, slow, and from whom.

use crate::support::openssl::{curl, make_certificate, run};
use crate::support::{Client, Running, Server};

/// The two doors, each with the option that has it expect a header.
const DOORS: [(&str, &str); 2] =
    [("--http-socket", "--enable-proxy-protocol"), ("--http", "--http-enable-proxy-protocol")];
const ENCRYPTED: [(&str, &str); 2] =
    [("--https-socket", "--enable-proxy-protocol"), ("--https", "--http-enable-proxy-protocol")];

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
const ASK: &[u8] = b"GET /environ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2; a few extensions follow the addresses.
fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let rest = [addresses, &[4, 0, 3, 0, 0, 0, 1, 0, 2, b'h', b'2']].concat();
    let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
    [SIGNATURE, &[command, family], &length, &rest].concat()
}

fn v2_ipv6() -> Vec<u8> {
    let mut addresses = [0; 36];
    addresses[..16].copy_from_slice(&"2001:db8::7".parse::<std::net::Ipv6Addr>().expect("an address").octets());
    addresses[32..].copy_from_slice(&[0x1f, 0x90, 1, 187]);
    v2(0x21, 0x21, &addresses)
}

fn serve((door, option): (&str, &str), more: &str) -> Running {
    let arguments = format!("{door} {{ip}}:9090 {option} --wsgi-file {{apps}}/probe.py --threads 2 {more}");
    Server::new(&arguments).start()
}

/// REMOTE_ADDR and REMOTE_PORT of the answer.
fn told(client: &mut Client) -> (String, String) {
    let environ = client.response().expect(200).json();
    let text = |key: &str| environ[key].as_str().unwrap_or_default().to_owned();
    (text("REMOTE_ADDR"), text("REMOTE_PORT"))
}

#[test]
fn the_client_is_who_the_header_says() {
    for door in DOORS {
        let server = serve(door, "");
        for (header, address, port) in [
            (V1.to_vec(), "192.0.2.7", "56324"),
            (b"PROXY TCP6 2001:db8::7 ::1 8080 443\r\n".to_vec(), "2001:db8::7", "8080"),
            (v2(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 187]), "192.0.2.7", "56324"),
            (v2_ipv6(), "2001:db8::7", "8080"),
        ] {
            let mut client = server.connect(9090);
            client.send([&header, ASK].concat());
            assert_eq!(told(&mut client), (address.to_owned(), port.to_owned()), "{door:?} {header:?}");
        }
        server.log.wait_for(r"\] 192\.0\.2\.7 \(\) ");
        // Nobody is named: the connection is what it is.
        for header in [b"PROXY UNKNOWN\r\n".to_vec(), v2(0x20, 0x00, &[]), v2(0x21, 0x31, &[b'/'; 216])] {
            let mut client = server.connect(9090);
            let local = client.local();
            client.send([&header, ASK].concat());
            assert_eq!(told(&mut client), (local.ip().to_string(), local.port().to_string()), "{door:?} {header:?}");
        }
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn one_header_stands_before_all_requests_of_a_connection_and_may_come_in_pieces() {
    for door in DOORS {
        let server = serve(door, "");
        for header in [V1.to_vec(), v2(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 187])] {
            let mut client = server.connect(9090);
            for byte in header {
                client.send([byte]);
            }
            for _ in 0..3 {
                let environ = client.get("/environ").expect(200).json();
                assert_eq!(environ["REMOTE_ADDR"], "192.0.2.7", "{door:?}");
            }
            client.send([V1, ASK].concat()).response().expect(400);
        }
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_connection_without_a_correct_header_is_refused() {
    for door in DOORS {
        let server = serve(door, "");
        for wrong in [
            ASK.to_vec(),
            [b"PROXY TCP4 999.0.0.1 198.51.100.1 1 1\r\n", ASK].concat(),
            [b"PROXY TCP4 192.0.2.7 198.51.100.1 1 1\n", ASK].concat(),
            [b"PROXY ", &[b'x'; 200][..]].concat(),
            [SIGNATURE, &[0x31, 0x11, 0, 12], &[0; 12], ASK].concat(),
            [SIGNATURE, &[0x21, 0x11, 0, 11], &[0; 11], ASK].concat(),
            [SIGNATURE, &[0x21, 0x11, 0xff, 0xff], ASK].concat(),
        ] {
            let mut client = server.connect(9090);
            client.send(&wrong).response().expect(400);
            assert!(client.closed());
        }
        server.log.wait_for("not a PROXY header: it begins with something else");
        // Cut in the middle.
        let mut client = server.connect(9090);
        client.send(&V1[..20]).finish();
        assert!(client.closed(), "{door:?}");
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_header_that_does_not_come_in_time_is_answered_with_408() {
    for (door, more) in DOORS.into_iter().zip(["--socket-timeout 1", "--http-headers-timeout 1"]) {
        let server = serve(door, more);
        let mut client = server.connect(9090);
        client.send(&V1[..20]).response().expect(408);
        assert!(client.closed());
        server.log.wait_for("the PROXY header did not arrive in time");
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn only_those_who_are_listed_send_headers() {
    for door in DOORS {
        let server = serve(door, "--proxy-protocol-from 10.0.0.0/8,unix --proxy-protocol-from ::1");
        server.connect(9090).send(ASK).response().expect(200);
        server.connect(9090).send([V1, ASK].concat()).response().expect(400);
        server.connect(9090).send([&v2_ipv6(), ASK].concat()).response().expect(400);
        assert_eq!(server.stop().code, 0);

        let server = serve(door, "--proxy-protocol-from 10.0.0.0/8,127.0.0.0/8");
        server.connect(9090).send(ASK).response().expect(400);
        let mut client = server.connect(9090);
        client.send([V1, ASK].concat());
        assert_eq!(told(&mut client).0, "192.0.2.7");
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn a_unix_socket_has_a_client_too() {
    for (door, option) in DOORS {
        let arguments = format!("{door} {{dir}}/s {option} --proxy-protocol-from unix --wsgi-file {{apps}}/probe.py");
        let server = Server::new(&arguments).unix("s").start();
        let mut client = Client::unix(&server.dir().join("s"));
        client.send([V1, ASK].concat());
        assert_eq!(told(&mut client), ("192.0.2.7".to_owned(), "56324".to_owned()), "{door}");
        Client::unix(&server.dir().join("s")).send(ASK).response().expect(400);
        assert_eq!(server.stop().code, 0);
    }
}

/// Sends a header, then a request over TLS.
const TLS_CLIENT: &str = "\
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
raw = socket.create_connection((sys.argv[1], 9090))
raw.sendall(bytes.fromhex(sys.argv[2]))
with context.wrap_socket(raw) as tls:
    tls.sendall(b'GET /environ HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n')
    answer = b''
    while piece := tls.recv(4096):
        answer += piece
print(answer.decode(), end='')
";

#[test]
fn the_header_comes_before_the_handshake() {
    for (door, option) in ENCRYPTED {
        let server = Server::new(&format!("{door} {{ip}}:9090,foobar.crt,foobar.key {option}"));
        make_certificate(server.dir());
        let server = server.arg("--wsgi-file").arg("{apps}/probe.py").file("client.py", TLS_CLIENT).start();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for header in [V1.to_vec(), v2(0x21, 0x11, &[192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 187])] {
            let shown = run(server.dir(), "python3", &format!("client.py {} {}", server.ip, hex(&header)));
            let answer = String::from_utf8_lossy(&shown.stdout);
            assert!(answer.contains(r#""REMOTE_ADDR": "192.0.2.7""#), "{door}: {shown:?}");
            assert!(answer.contains(r#""HTTPS": "on""#), "{door}: {shown:?}");
        }
        let url = format!("https://{}/hello", server.address(9090));
        assert_eq!(curl(server.dir(), &format!("--haproxy-protocol {url}")), "hello");
        let without = run(server.dir(), "curl", &format!("-sk --max-time 20 {url}"));
        assert!(!without.status.success(), "{door}: {without:?}");
        server.log.wait_for("not a PROXY header");
        assert_eq!(server.stop().code, 0);
    }
}

#[test]
fn curl_announces_itself() {
    for door in DOORS {
        let server = serve(door, "");
        let url = format!("http://{}/hello", server.address(9090));
        let shown = run(server.dir(), "curl", &format!("-s --haproxy-protocol {url} {url}"));
        assert_eq!(String::from_utf8_lossy(&shown.stdout), "hellohello", "{door:?}");
        assert_eq!(server.stop().code, 0);
    }
}
