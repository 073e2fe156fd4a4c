//! `--socket 127.0.0.1:3031` behind a real nginx.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::nginx::Nginx;
use crate::support::{Kind, Server, uwsgi};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let command =
            "--socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --master --processes 4 --threads 2 --stats {ip}:9191";
        let server = Server::of(kind, command).start();
        let nginx = Nginx::before(&server.address(3031).to_string());
        let response = nginx.connect().get("/").expect(200);
        assert_eq!(response.text(), "Hello World");
        assert_eq!(response.header("content-type"), Some("text/html"));
        assert!(server.processes().iter().all(|process| !process.title.ends_with("http 1")), "no router");
        // Not HTTP: what is no packet gets no page.
        let raw = server.connect(3031).send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").finish().rest();
        assert!(!raw.ends_with(b"Hello World"), "{}", String::from_utf8_lossy(&raw));
    }
}

#[test]
fn uwsgi_pass_over_a_unix_socket() {
    let server = Server::new("--socket {dir}/app.sock --wsgi-file {lab}/hello/foobar.py").unix("app.sock").start();
    let nginx = Nginx::before(&format!("unix:{}", server.dir().join("app.sock").display()));
    assert_eq!(nginx.connect().get("/").expect(200).text(), "Hello World");
}

#[test]
fn the_application_sees_what_nginx_tells() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
    let nginx = Nginx::before(&server.address(3031).to_string());
    let mut client = nginx.connect();
    let local = client.local();
    let environ = client.get("/environ/%C3%A9?a=b").expect(200).json();
    for (key, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/environ/%C3%A9?a=b"),
        ("PATH_INFO", "/environ/\u{c3}\u{a9}"),
        ("QUERY_STRING", "a=b"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", &local.port().to_string()),
        ("HTTP_HOST", "localhost"),
        ("CONTENT_LENGTH", ""),
        ("wsgi.url_scheme", "http"),
    ] {
        assert_eq!(environ[key], value, "{key} in {environ:#}");
    }
}

#[test]
fn nginx_passes_bodies_both_ways_on_one_kept_connection() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {apps}/probe.py --threads 2").start();
    let nginx = Nginx::before(&server.address(3031).to_string());
    let mut client = nginx.connect();
    let body = vec![b'z'; 2_500_000];
    for _ in 0..3 {
        client.send(format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()));
        let response = client.send(&body).response().expect(200);
        assert!(response.body == body, "{} bytes came back", response.body.len());
    }
    assert_eq!(client.get("/stream").expect(200).text(), "one two three");
    assert_eq!(client.get("/empty").expect(204).body, b"");
    client.send("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response_to_head().expect(200).header("content-length"), Some("5"));
    client.get("/hello").expect(200);
}

#[test]
fn a_packet_is_answered_as_http_and_the_connection_closed() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py").start();
    let answer = server.connect(3031).send(uwsgi::encode(&uwsgi::get("/"))).rest();
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nHello World"), "{answer}");
}

#[test]
fn chmod_socket_sets_the_mode() {
    for (option, mode) in [("--chmod-socket=660", 0o660), ("--chmod-socket", 0o666), ("--chmod-socket=1", 0o666)] {
        let server = Server::new(&format!("--socket {{dir}}/app.sock {option} --wsgi-file {{lab}}/hello/foobar.py"))
            .unix("app.sock")
            .start();
        let metadata = server.dir().join("app.sock").metadata().expect("the socket");
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{option}");
    }
}

#[test]
fn chown_socket_sets_owner_and_group() {
    // Only root may give a file away; others can give it to themselves and to their own groups.
    let (user, uid, gid) = if nix::unistd::Uid::effective().is_root() {
        let user = nix::unistd::User::from_name("www-data").expect("users").expect("Debian's www-data");
        (user.name, user.uid.as_raw(), user.gid.as_raw())
    } else {
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).expect("users").expect("this user");
        (user.name, user.uid.as_raw(), user.gid.as_raw())
    };
    let group = nix::unistd::Group::from_gid(gid.into()).expect("groups").expect("the group").name;
    let server = Server::new(&format!(
        "--socket {{dir}}/app.sock --chown-socket {user}:{group} --wsgi-file {{lab}}/hello/foobar.py"
    ))
    .unix("app.sock")
    .start();
    let metadata = server.dir().join("app.sock").metadata().expect("the socket");
    assert_eq!((metadata.uid(), metadata.gid()), (uid, gid));
    let nginx = Nginx::before(&format!("unix:{}", server.dir().join("app.sock").display()));
    assert_eq!(nginx.connect().get("/").expect(200).text(), "Hello World");
}

#[test]
fn a_stale_unix_socket_is_replaced() {
    let server = Server::new("--socket {dir}/app.sock --wsgi-file {lab}/hello/foobar.py").unix("app.sock");
    drop(std::os::unix::net::UnixListener::bind(server.dir().join("app.sock")).expect("a socket"));
    let server = server.start();
    let mut client = crate::support::Client::unix(&server.dir().join("app.sock"));
    assert!(client.send(uwsgi::encode(&uwsgi::get("/"))).rest().ends_with(b"Hello World"));
}
