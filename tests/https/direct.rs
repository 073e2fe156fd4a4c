//! `https-socket` and `suwsgi-socket`: TLS in the workers themselves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use super::TELLS;
use crate::support::Server;
use crate::support::openssl::{curl, make_certificate, openssl, run};

#[test]
fn curl_speaks_https_with_a_worker() {
    let server = Server::new("--https-socket {ip}:9090,foobar.crt,foobar.key --wsgi-file {apps}/probe.py --threads 2")
        .arg("--static-map")
        .arg("/files={dir}/files");
    make_certificate(server.dir());
    let files = server.dir().join("files");
    std::fs::create_dir(&files).expect("a folder");
    let big: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
    std::fs::write(files.join("big"), &big).expect("a file");
    let server = server.start();
    server.log.wait_for(&format!(r"https socket 0: \S+ -> https://{}/", server.address(9090)));
    let url = format!("https://{}", server.address(9090));
    let environ = curl(server.dir(), &format!("--http2 {url}/environ/a%20b?c=d"));
    let environ: serde_json::Value = serde_json::from_str(&environ).expect("JSON");
    for (key, value) in [
        ("HTTPS", "on"),
        ("wsgi.url_scheme", "https"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_PORT", "9090"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("PATH_INFO", "/environ/a b"),
    ] {
        assert_eq!(environ[key], value, "{key} in {environ:#}");
    }
    // One connection for all of them.
    let shown = curl(server.dir(), &format!("-w :%{{num_connects}}: {url}/hello {url}/stream {url}/empty {url}/hello"));
    assert_eq!(shown, "hello:1:one two three:0::0:hello:0:");
    std::fs::write(server.dir().join("body"), &big).expect("a file");
    run(server.dir(), "curl", &format!("-sk --data-binary @body -o back {url}/echo"));
    assert!(std::fs::read(server.dir().join("back")).expect("an answer") == big);
    run(server.dir(), "curl", &format!("-sk -o back {url}/files/big"));
    assert!(std::fs::read(server.dir().join("back")).expect("a file") == big);
    let line = server.request_line("/files/big");
    assert!(line.contains("generated 2000000 bytes") && !line.contains("sendfile"), "{line}");

    let plain = server.ask(9090, "GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect(400);
    assert!(plain.text().contains("use https://"), "{}", plain.text());
    assert_eq!(server.stop().code, 0);
}

#[test]
fn openssl_agrees_on_versions_and_protocols() {
    let server = Server::new("--https-socket {ip}:9090,foobar.crt,foobar.key --wsgi-file app.py");
    make_certificate(server.dir());
    let server = server.file("app.py", TELLS).start();
    let host = server.address(9090).to_string();
    for (arguments, version, protocol) in [
        ("-alpn h2,http/1.1", "TLSv1.3", "ALPN protocol: http/1.1"),
        ("-tls1_2 -alpn http/1.1", "TLSv1.2", "ALPN protocol: http/1.1"),
        ("", "TLSv1.3", "No ALPN negotiated"),
    ] {
        let mut child = std::process::Command::new("openssl")
            .args(["s_client", "-ign_eof", "-connect", &host])
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let ask = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        child.stdin.take().expect("a pipe").write_all(ask.as_bytes()).expect("openssl reads");
        let shown = String::from_utf8_lossy(&child.wait_with_output().expect("openssl").stdout).into_owned();
        for wanted in [version, protocol, &format!("on https HTTP/1.1 9090 {host}")] {
            assert!(shown.contains(wanted), "{arguments}: no {wanted} in {shown}");
        }
    }
    assert_eq!(server.stop().code, 0);
}

#[test]
fn files_that_do_not_do_end_the_start_of_a_worker_socket() {
    for (option, files, complaint) in [
        ("https-socket", "missing.crt,foobar.key", "missing.crt cannot be read"),
        ("ssl-socket", "foobar.crt,missing.key", "missing.key cannot be read"),
        ("https-socket", "foobar.crt,other.key", "does not belong to the certificate"),
        ("suwsgi-socket", "foobar.key,foobar.key", "does not hold a certificate"),
        ("https-socket", "foobar.crt,foobar.key,,missing.pem", "missing.pem cannot be read"),
    ] {
        let server = Server::new(&format!("--{option} {{ip}}:9090,{files} --wsgi-file {{lab}}/hello/foobar.py"));
        make_certificate(server.dir());
        openssl(server.dir(), "genrsa -out other.key 2048");
        let ended = server.run();
        assert_eq!(ended.code, 1, "{files}: {}", ended.log);
        let told: Vec<_> = ended.log.lines().filter(|line| line.contains(complaint)).collect();
        assert_eq!(told.len(), 1, "{files}: {}", ended.log);
        assert!(!ended.log.contains("Python version"), "nothing else was begun: {}", ended.log);
    }
}

/// Sends one packet through TLS and returns the answer.
const PACKET: &str = "\
import socket, ssl, struct, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
pairs = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/hello', 'SERVER_PROTOCOL': 'HTTP/1.1', 'REQUEST_URI': '/hello'}
block = b''.join(struct.pack('<H', len(text)) + text.encode() for pair in pairs.items() for text in pair)
with socket.create_connection((sys.argv[1], 3031)) as raw, context.wrap_socket(raw) as tls:
    tls.sendall(struct.pack('<BHB', 0, len(block), 0) + block)
    answer = b''
    while piece := tls.recv(4096):
        answer += piece
print(answer.decode(), end='')
";

#[test]
fn uwsgi_over_tls_from_python() {
    for option in ["suwsgi-socket", "ssl-socket"] {
        let server =
            Server::new(&format!("--{option} {{ip}}:3031,foobar.crt,foobar.key --wsgi-file {{apps}}/probe.py"));
        make_certificate(server.dir());
        let server = server.file("client.py", PACKET).start();
        let shown = run(server.dir(), "python3", &format!("client.py {}", server.ip));
        let answer = String::from_utf8_lossy(&shown.stdout).replace("\r\n", "\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\n") && answer.ends_with("\n\nhello"), "{shown:?}");
        assert_eq!(server.stop().code, 0);
    }
}

/// Whether `needle` is anywhere in the memory of a process that may be written.
fn remembers(pid: i32, needle: &[u8]) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("a living process");
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("the right to look");
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let number = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (from, to) = (number(range.0), number(range.1));
        let mut bytes = vec![0; usize::try_from(to - from).expect("a size")];
        let count = memory.read_at(&mut bytes, from).unwrap_or(0);
        bytes[..count].windows(needle.len()).any(|window| window == needle)
    })
}

/// The key is for root, the server is nobody: workers get it from the master, each for itself, and nobody else does.
#[test]
fn a_key_for_root_only_reaches_workers_and_nobody_else() {
    if !geteuid().is_root() {
        // Whoever is no root can neither drop rights nor look into other processes; the router's test tells of that.
        return;
    }
    let arguments = "--https-socket {ip}:9090,foobar.crt,foobar.key --wsgi-file app.py --uid nobody --processes 2";
    let server = Server::new(arguments).arg("--cap").arg("dac_read_search");
    make_certificate(server.dir());
    let key = std::fs::read_to_string(server.dir().join("foobar.key")).expect("a key");
    let line = key.lines().nth(5).expect("a line of the key").to_owned();
    let server = server.file("app.py", TELLS).start();
    let url = format!("https://{}/", server.address(9090));
    let told = format!("on https HTTP/1.1 9090 {}", server.address(9090));
    assert_eq!(curl(server.dir(), &url), told);
    let nobody = User::from_name("nobody").expect("the user database").expect("nobody").uid.to_string();
    let workers = server.workers(2);
    for process in server.processes() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("the process lives");
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a user");
        assert!(uid.split_whitespace().all(|uid| uid == nobody), "{process:?}: {uid}");
        let is_let_in = workers.contains(&process.pid) || process.pid == server.pid();
        assert_eq!(remembers(process.pid, line.as_bytes()), is_let_in, "{process:?}");
    }
    // A new worker gets the key too, and so does a new generation.
    kill(Pid::from_raw(workers[0]), Signal::SIGKILL).expect("the worker is alive");
    server.workers(3);
    assert_eq!(curl(server.dir(), &url), told);
    server.signal(Signal::SIGHUP);
    server.workers(5);
    assert_eq!(curl(server.dir(), &url), told);
    assert_eq!(server.stop().code, 0);
}

/// One core, and a client that sends its first message byte by byte.
#[test]
fn a_slow_handshake_holds_no_core() {
    let server = Server::new("--https-socket {ip}:9090,foobar.crt,foobar.key --wsgi-file {lab}/hello/foobar.py")
        .arg("--socket-timeout")
        .arg("2");
    make_certificate(server.dir());
    let server = server.start();
    let mut slow = TcpStream::connect(server.address(9090)).expect("a connection");
    for byte in [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3] {
        slow.write_all(&[byte]).expect("the server listens");
        assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(9090))), "Hello World");
    }
    // It is given up without a word: nothing that it could read is said yet.
    assert_eq!(slow.read(&mut [0; 16]).expect("an end"), 0);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_request_that_takes_too_long_ends_here_as_well() {
    let server = Server::new("--https-socket {ip}:9090,foobar.crt,foobar.key --wsgi-file {apps}/slow.py --harakiri 1");
    make_certificate(server.dir());
    let server = server.start();
    let url = format!("https://{}", server.address(9090));
    let ended = run(server.dir(), "curl", &format!("-sk --max-time 20 {url}/stuck?30"));
    assert!(!ended.status.success(), "{ended:?}");
    server.log.wait_for("HARAKIRI");
    server.workers(2);
    assert!(curl(server.dir(), &format!("{url}/hello")).parse::<u32>().is_ok());
    assert_eq!(server.stop().code, 0);
}
