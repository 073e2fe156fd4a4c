//! Sockets with TLS as clients see them: handshakes fast and slow, requests, files, and who is who.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;

use rsgi_config::{Socket, Tls};
use rustls::ClientConfig;

use super::*;
use crate::tls::testing::{Authority, Encrypted, ask, open, rest};

fn start(protocol: Protocol, cores: u32, authority: &Authority, tls: Tls, more: impl FnOnce(&mut Config)) -> Worker {
    let start_dir = authority.folder.path().to_owned();
    Worker::start(protocol, cores, |config| {
        config.start_dir = start_dir;
        let address = "127.0.0.1:0".parse().unwrap();
        config.sockets.push(Socket { protocol, address, tls: Some(tls), text: String::new() });
        more(config);
    })
}

fn https(authority: &Authority) -> Worker {
    start(Protocol::Https, 1, authority, authority.vouch("localhost"), |_| {})
}

fn connect(worker: &Worker, client: Arc<ClientConfig>) -> Encrypted {
    open(worker.address, client, "localhost")
}

/// One answer with Content-Length.
fn one(stream: &mut Encrypted) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
    let head = String::from_utf8(all).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn vars(text: &str) -> impl Fn(&str) -> Option<String> + '_ {
    move |key| text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")).map(str::to_owned))
}

#[test]
fn requests_and_answers_of_every_size_go_over_one_connection() {
    let authority = Authority::new();
    let worker = https(&authority);
    let mut stream = connect(&worker, authority.client(&[b"h2", b"http/1.1"], None));
    stream.write_all(b"GET /vars HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let told = String::from_utf8(one(&mut stream).1).unwrap();
    let told = vars(&told);
    assert_eq!((told("HTTPS").as_deref(), told("REMOTE_ADDR").as_deref()), (Some("on"), Some("127.0.0.1")));
    assert_eq!(told("HTTPS_DN"), None);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    for size in [0_usize, 1, 16_383, 16_384, 16_385, 70_000, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|index| index as u8).collect();
        stream
            .write_all(format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").as_bytes())
            .unwrap();
        stream.write_all(&body).unwrap();
        assert!(one(&mut stream).1 == body, "{size} bytes come back");
    }
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .unwrap();
    assert_eq!(one(&mut stream).1, b"abc");
    stream.write_all(&b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100)).unwrap();
    for _ in 0..100 {
        assert_eq!(one(&mut stream).1, b"hello");
    }
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(one(&mut stream).1.len(), 3_000_000);
    stream.write_all(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(one(&mut stream).1, b"23456789");
    ask(&mut stream, "/stream").unwrap();
    // An end without a word would be an error of the read.
    let answer = rest(&mut stream);
    assert!(answer.contains("\r\n4\r\ntwo,\r\n") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn a_client_that_waits_for_its_turn_is_asked_for_the_body() {
    let authority = Authority::new();
    let worker = https(&authority);
    let mut stream = connect(&worker, authority.client(&[], None));
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    assert_eq!(one(&mut stream).1, b"abc");
}

#[test]
fn dawdling_clients_hold_no_core() {
    let authority = Authority::new();
    let worker = https(&authority);
    let mut slow = connect(&worker, authority.client(&[], None));
    slow.sock.set_nodelay(true).unwrap();
    let mut hello = Vec::new();
    slow.conn.write_tls(&mut hello).unwrap();
    // Bytes that look like letters of a method are among these.
    for (index, byte) in hello.iter().enumerate() {
        slow.sock.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        if index % 40 == 0 {
            let mut quick = connect(&worker, authority.client(&[], None));
            ask(&mut quick, "/").unwrap();
            assert!(rest(&mut quick).ends_with("hello"));
        }
    }
    // What is left of the handshake and the request, byte by byte.
    while slow.conn.is_handshaking() {
        slow.conn.read_tls(&mut slow.sock).unwrap();
        slow.conn.process_new_packets().unwrap();
    }
    slow.conn.writer().write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut last = Vec::new();
    while slow.conn.wants_write() {
        slow.conn.write_tls(&mut last).unwrap();
    }
    for byte in last {
        slow.sock.write_all(&[byte]).unwrap();
        std::thread::yield_now();
    }
    assert!(rest(&mut slow).ends_with("hello"));
}

#[test]
fn a_handshake_that_does_not_come_is_given_up() {
    let authority = Authority::new();
    let slow = |config: &mut Config| config.limits.socket_timeout = Seconds(1);
    let worker = start(Protocol::Https, 1, &authority, authority.vouch("localhost"), slow);
    for begun in [&[][..], &[22, 3, 1]] {
        let mut stream = worker.connect();
        stream.write_all(begun).unwrap();
        assert_eq!(read_to_end(&mut stream), "");
    }
    // A head that does not come is answered, over TLS.
    let mut stream = connect(&worker, authority.client(&[], None));
    stream.write_all(b"GET / HT").unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 408 "));
}

/// Sends `text` in one record, a byte at a time, while `read` goes on.
fn drip<T>(stream: &mut Encrypted, text: &[u8], read: impl FnOnce(&mut Encrypted) -> T) -> T {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream.conn.writer().write_all(text).unwrap();
    let mut record = Vec::new();
    stream.conn.write_tls(&mut record).unwrap();
    let mut socket = stream.sock.try_clone().unwrap();
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for byte in record {
                let pause = is_over.recv_timeout(Duration::from_millis(100));
                if pause != Err(RecvTimeoutError::Timeout) || socket.write_all(&[byte]).is_err() {
                    return;
                }
            }
        });
        let found = read(stream);
        drop(over);
        found
    })
}

#[test]
fn a_record_that_drips_in_gets_no_more_time() {
    let authority = Authority::new();
    let limits = |head: u64, socket: u64| {
        start(Protocol::Https, 1, &authority, authority.vouch("localhost"), move |config| {
            config.limits.header_timeout = Seconds(head);
            config.limits.socket_timeout = Seconds(socket);
        })
    };
    let head = limits(1, 60);
    let mut stream = connect(&head, authority.client(&[], None));
    assert_eq!(drip(&mut stream, &[b'x'; 1000], rest), "", "a head");
    let body = limits(60, 1);
    let mut stream = connect(&body, authority.client(&[], None));
    let opening = "POST /later HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(&[opening.as_bytes(), &[b'x'; 70_000]].concat()).unwrap();
    let answer = drip(&mut stream, &[b'x'; 10_000], rest);
    assert!(answer.contains("first,") && answer.contains("Timeout"), "{answer}");
}

#[test]
fn plain_http_and_nonsense_are_turned_away() {
    let authority = Authority::new();
    let worker = https(&authority);
    let answer = worker.exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("use https://"), "{answer}");
    for nonsense in [&[0; 100][..], &[22, 3, 1, 255, 255], &[22, 3, 1, 0, 4, 1, 255, 255, 255], &[255; 20_000]] {
        let mut stream = worker.connect();
        stream.write_all(nonsense).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 20, "an alert at most: {answer:?}");
    }
    let mut stream = connect(&worker, authority.client(&[], None));
    ask(&mut stream, "/").unwrap();
    assert!(rest(&mut stream).ends_with("hello"));
    // A record that nobody can decrypt, in the middle of a connection.
    let mut stream = connect(&worker, authority.client(&[], None));
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    one(&mut stream);
    stream.sock.write_all(&[&[23, 3, 3, 0, 50][..], &[7; 50]].concat()).unwrap();
    assert!(stream.read(&mut [0; 10]).unwrap_err().to_string().contains("BadRecordMac"));
}

#[test]
fn clients_are_known_by_their_certificates() {
    let authority = Authority::new();
    authority.vouch("alice");
    for required in [false, true] {
        let tls = Tls { client_ca: Some("ca.crt".into()), client_required: required, ..authority.vouch("localhost") };
        let worker = start(Protocol::Https, 1, &authority, tls, |config| config.router.export_cert = true);
        let mut stream = connect(&worker, authority.client(&[], Some("alice")));
        stream.write_all(b"GET /vars HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let told = String::from_utf8(one(&mut stream).1).unwrap();
        assert!(vars(&told)("HTTPS_DN").is_some_and(|name| name.ends_with("/CN=alice")), "{told}");
        assert!(told.contains("HTTPS_CC=-----BEGIN CERTIFICATE-----\n"), "{told}");
        let mut without = connect(&worker, authority.client(&[], None));
        ask(&mut without, "/").unwrap();
        let mut answer = String::new();
        let end = without.read_to_string(&mut answer);
        match required {
            true => assert!(end.unwrap_err().to_string().contains("CertificateRequired")),
            false => assert!(answer.ends_with("hello"), "{answer}"),
        }
    }
}

#[test]
fn uwsgi_packets_go_over_tls() {
    let authority = Authority::new();
    let worker = start(Protocol::Suwsgi, 1, &authority, authority.vouch("localhost"), |_| {});
    let mut stream = connect(&worker, authority.client(&[b"uwsgi"], None));
    let set = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/echo"), ("CONTENT_LENGTH", "3")];
    stream.write_all(&uwsgi(&set, b"abc")).unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nabc"), "{answer}");
    assert_eq!(worker.exchange(&uwsgi(&set, b"abc")).find("200"), None, "not without TLS");
}

#[test]
fn sessions_are_taken_up_again_and_certificates_renewed() {
    let authority = Authority::new();
    let worker = https(&authority);
    let client = authority.client(&[], None);
    let visit = || {
        let mut stream = connect(&worker, Arc::clone(&client));
        ask(&mut stream, "/").unwrap();
        rest(&mut stream);
        let kind = stream.conn.handshake_kind().unwrap();
        (kind, stream.conn.peer_certificates().unwrap()[0].clone().into_owned())
    };
    let (kind, first) = visit();
    assert_eq!(kind, rustls::HandshakeKind::Full);
    assert_eq!(visit().0, rustls::HandshakeKind::Resumed);
    authority.vouch("localhost");
    let end = Instant::now() + PATIENCE;
    loop {
        let mut stream = connect(&worker, authority.client(&[], None));
        ask(&mut stream, "/").unwrap();
        rest(&mut stream);
        if stream.conn.peer_certificates().unwrap()[0] != first {
            break;
        }
        assert!(Instant::now() < end, "the new certificate is never shown");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_worker_leaves_though_handshakes_hang() {
    let authority = Authority::new();
    let worker = start(Protocol::Https, 2, &authority, authority.vouch("localhost"), |_| {});
    let mut idle = connect(&worker, authority.client(&[], None));
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    one(&mut idle);
    let mut silent = worker.connect();
    silent.write_all(&[22, 3, 1]).unwrap();
    let began = Instant::now();
    assert_eq!(worker.leave(), Exit::Raw(Exit::WorkerEnd.code()));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // The idle client is told, it is not cut.
    assert_eq!(rest(&mut idle), "");
}

#[test]
fn who_came_in_by_one_name_cannot_ask_for_another_that_asks_for_more() {
    let authority = Authority::new();
    let guarded = Tls { client_ca: Some("ca.crt".into()), client_required: true, ..authority.vouch("guarded.org") };
    let worker = start(Protocol::Https, 1, &authority, authority.vouch("localhost"), |config| {
        config.router.sni.push(("guarded.org".into(), guarded));
    });
    for (host, status) in [("localhost", "200"), ("guarded.org:443", "421")] {
        let mut stream = connect(&worker, authority.client(&[], None));
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
}
