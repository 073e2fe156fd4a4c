//! Limits of answers and bodies, and plugins that there are not.

use rsgi_config::Socket;
use socket2::{Domain, SockRef, Type};

use super::*;
use crate::tls::testing::Authority;

#[test]
fn a_plugin_that_there_is_not_is_named() {
    let worker = Worker::start(Protocol::Http, 1, |config| config.limits.http_modifier1 = 5);
    assert!(worker.exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 501 "));
    let worker = Worker::start(Protocol::Scgi, 1, |config| config.limits.scgi_modifier1 = 5);
    let answer = worker.exchange(b"47:CONTENT_LENGTH\x000\x00SCGI\x001\x00REQUEST_METHOD\x00GET\x00X\x00y\x00,");
    assert!(answer.starts_with("Status: 501 "), "{answer}");
    // The option of another protocol changes nothing.
    let worker = Worker::start(Protocol::Http, 1, |config| config.limits.https_modifier1 = 5);
    assert!(worker.exchange(b"GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
}

#[test]
fn a_head_that_is_too_large_is_not_sent() {
    let head = "200 OK".len() + "Content-Type: text/plain\r\n".len();
    // The configuration takes no less than 4096; here the edge is what matters.
    for (limit, status) in [(head, "200 OK"), (head - 1, "500 Internal Server Error")] {
        let worker = Worker::start(Protocol::Http, 1, |config| config.limits.response_headers = Some(limit));
        let answer = worker.exchange(b"GET / HTTP/1.0\r\n\r\n");
        assert!(answer.starts_with(&format!("HTTP/1.0 {status}")) || answer.starts_with(&format!("HTTP/1.1 {status}")));
    }
}

#[test]
fn a_piece_of_a_chunked_body_has_a_time_of_its_own() {
    let worker = Worker::start(Protocol::Http, 1, |config| {
        config.limits.socket_timeout = Seconds(60);
        config.limits.chunked_input_timeout = Some(Seconds(1));
    });
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(worker.exchange(format!("{head}5\r\nab").as_bytes()).starts_with("HTTP/1.1 408 "));
    // More than is read ahead: the application waits for the rest itself.
    let answer = worker.exchange(format!("{head}20000\r\n{}", "x".repeat(0x1_5000)).as_bytes());
    assert!(answer.contains("Timeout"), "{answer}");
}

/// A client that takes nothing, with little room in the kernel.
fn deaf(worker: &Worker) -> TcpStream {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&worker.address.into()).unwrap();
    let stream = TcpStream::from(socket);
    SockRef::from(&stream).set_tcp_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_client_that_takes_nothing_is_left_in_time() {
    let ask = b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n".repeat(6);
    let patience = |config: &mut Config| {
        config.limits.socket_timeout = Seconds(60);
        config.limits.so_send_timeout = Some(Seconds(1));
    };
    let began = Instant::now();
    let worker = Worker::start(Protocol::Http, 1, patience);
    let mut client = deaf(&worker);
    client.write_all(&ask).unwrap();
    // The only core is free for others soon.
    assert!(worker.exchange(b"GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
    drop(worker);

    let authority = Authority::new();
    let (tls, start_dir) = (authority.vouch("localhost"), authority.folder.path().to_owned());
    let worker = Worker::start(Protocol::Https, 1, |config| {
        patience(config);
        config.start_dir = start_dir;
        let address = "127.0.0.1:0".parse().unwrap();
        config.sockets.push(Socket { protocol: Protocol::Https, address, tls: Some(tls), text: String::new() });
    });
    let name = "localhost".to_owned().try_into().unwrap();
    let session = rustls::ClientConnection::new(authority.client(&[], None), name).unwrap();
    let mut client = rustls::StreamOwned::new(session, deaf(&worker));
    client.write_all(&ask).unwrap();
    client.flush().unwrap();
    assert_eq!(worker.leave(), Exit::Raw(Exit::WorkerEnd.code()));
    let taken = began.elapsed();
    assert!(taken > Duration::from_secs(2) && taken < Duration::from_secs(20), "{taken:?}");
}
