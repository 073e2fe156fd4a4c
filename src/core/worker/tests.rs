//! The engine as clients see it, with applications that are Rust functions.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rsgi_abi::guest::Request;
use rsgi_abi::head::Head;
use rsgi_abi::host::{App, ReadError, Services};
use rsgi_abi::testing;
use rsgi_abi::types::{NEXT_EXIT, Outcome};
use rsgi_config::{Config, Protocol, Seconds};
use rsgi_proto::Body;
use rsgi_proto::link;
use rsgi_proto::vars::Vars;

use super::*;
use crate::control::Order;

mod encrypted;
mod hostile;
mod limits;
mod monitoring;
mod offload;
mod turns;
mod uploads;
mod websocket;

const PATIENCE: Duration = Duration::from_secs(20);

/// Where `/complete` stays until its client has the answer.
static GATE: Barrier = Barrier::new(2);

struct Quiet;

impl Services for Quiet {
    fn log(&self, _: u32, _: &[u8]) {}
    fn app_loaded(&self, _: App<'_>) {}
    fn control(&self, _: u32) -> bool {
        false
    }
    fn query(&self, _: u32) -> i64 {
        -1
    }

    fn set_title(&self, _title: &str) {}
}

/// One application for all tests; the path says what it does.
fn application(_: u32, request: &Request<'_>) -> Outcome {
    let outcome = Outcome { app: 0, switches: 1, ..Outcome::NONE };
    let var = |key: &[u8]| request.vars().iter().rev().find(|var| var.key() == key).map_or(&b""[..], |var| var.value());
    let mut head = Head::default();
    let mut start = |headers: &[(&str, &str)]| {
        head.start(b"200 OK").unwrap();
        for (name, value) in headers {
            head.header(name.as_bytes(), value.as_bytes()).unwrap();
        }
    };
    match var(b"PATH_INFO") {
        b"/echo" => match read_all(request) {
            Ok(body) => {
                start(&[]);
                let _ = request.send(Some(&head), &body, true);
            }
            Err(error) => {
                start(&[]);
                let _ = request.send(Some(&head), format!("{error:?}").as_bytes(), true);
            }
        },
        b"/halves" => {
            start(&[]);
            let _ = request.send(Some(&head), b"first,", false);
            let _ = read_all(request);
            let _ = request.send(None, b"second", true);
        }
        b"/later" => {
            start(&[]);
            let _ = request.send(Some(&head), b"first,", false);
            let body = read_all(request).unwrap_or_else(|error| format!("{error:?}").into_bytes());
            let _ = request.send(None, &body, true);
        }
        b"/chatter" => {
            let _ = read_all(request);
            start(&[]);
            let _ = request.send(Some(&head), b"first,", false);
            let began = Instant::now();
            while request.send(None, b".", false).is_ok() {
                if began.elapsed() > PATIENCE {
                    let _ = request.send(None, b"nobody has called it off", true);
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        b"/complete" => {
            start(&[("Content-Length", "4")]);
            let _ = request.send(Some(&head), b"done", true);
            // The client has it, whatever happens now.
            GATE.wait();
        }
        b"/stream" => {
            start(&[]);
            let _ = request.send(Some(&head), b"one,", false);
            let _ = request.send(None, b"two,", false);
            let _ = request.send(None, b"three", true);
        }
        b"/short" => {
            start(&[("Content-Length", "10")]);
            let _ = request.send(Some(&head), b"12345", true);
        }
        b"/long" => {
            start(&[("Content-Length", "3")]);
            let _ = request.send(Some(&head), b"12345", true);
        }
        b"/broken" => {
            start(&[]);
            let _ = request.send(Some(&head), b"begun", false);
        }
        b"/big" => {
            start(&[]);
            let _ = request.send(Some(&head), &vec![b'x'; 3_000_000], true);
        }
        b"/file" => {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"0123456789").unwrap();
            start(&[]);
            let file = std::os::fd::AsFd::as_fd(&file);
            let _ = request.send_file(Some(&head), file, 2, None);
        }
        b"/large" => {
            let file = std::fs::File::open(std::str::from_utf8(var(b"QUERY_STRING")).unwrap()).unwrap();
            start(&[]);
            let _ = request.send_file(Some(&head), std::os::fd::AsFd::as_fd(&file), 10, None);
        }
        b"/exit" => {
            start(&[]);
            let _ = request.send(Some(&head), b"bye", true);
            return Outcome { next: NEXT_EXIT, exit_code: 3, ..outcome };
        }
        b"/websocket" => {
            request.websocket_accept(b"", b"").unwrap();
            while request.websocket_receive(1000).is_ok() {}
        }
        b"/silent" => return Outcome { exceptions: 1, ..outcome },
        b"/vars" => {
            let text: Vec<String> = request
                .vars()
                .iter()
                .map(|var| format!("{}={}", String::from_utf8_lossy(var.key()), String::from_utf8_lossy(var.value())))
                .collect();
            start(&[]);
            let _ = request.send(Some(&head), text.join("\n").as_bytes(), true);
        }
        _ => {
            start(&[("Content-Type", "text/plain")]);
            let _ = request.send(Some(&head), b"hello", true);
        }
    }
    outcome
}

fn read_all(request: &Request<'_>) -> Result<Vec<u8>, ReadError> {
    let mut body = request.body().to_vec();
    let mut piece = [0; 1000];
    loop {
        match request.read_body(&mut piece)? {
            0 => return Ok(body),
            count => body.extend_from_slice(&piece[..count]),
        }
    }
}

/// A worker in a thread of this process.
struct Worker {
    address: std::net::SocketAddr,
    control: UnixStream,
    /// With `metrics`, what the worker counts.
    meters: Option<Meters>,
    thread: Option<std::thread::JoinHandle<Exit>>,
}

impl Worker {
    fn start(protocol: Protocol, cores: u32, configure: impl FnOnce(&mut Config)) -> Self {
        Self::start_with(protocol, cores, Vec::new(), configure)
    }

    fn start_with(
        protocol: Protocol,
        cores: u32,
        rendezvous: Vec<OwnedFd>,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (control, theirs) = UnixStream::pair().unwrap();
        let mut config = Config::default();
        config.workers.threads = cores;
        config.log.requests = false;
        configure(&mut config);
        let board = Scoreboard::create(1, cores as usize).unwrap();
        let board = Scoreboard::map(board.as_fd(), 1, cores as usize).unwrap();
        let name = address.to_string();
        let is_metered = config.monitoring.metrics.is_some();
        let meters = is_metered.then(|| Meters::map(Meters::create().unwrap().as_fd()).unwrap());
        let thread = std::thread::spawn(move || {
            let language = testing::language(application);
            language.init(&Quiet, rsgi_proto::names::KNOWN, &[]).unwrap();
            let listeners = vec![Listener { socket: socket.into(), protocol, name }];
            let control = OwnedFd::from(theirs);
            let material = crate::tls::read(&config, None).unwrap().workers;
            let (id, generation, master) = (1, 0, 0);
            let job = Job {
                id,
                generation,
                master,
                config,
                listeners,
                material,
                rendezvous,
                control,
                language,
                board,
                visitor: None,
                stands_by: false,
                meters,
            };
            let (signals, _writer) = nix::unistd::pipe2(OFlag::O_NONBLOCK).unwrap();
            let engine = Engine::new(job, "host".into(), signals).unwrap();
            serve(&engine, language, cores, None)
        });
        let mut ready = [0];
        let mut worker = Self { address, control, meters, thread: Some(thread) };
        worker.control.read_exact(&mut ready).unwrap();
        assert_eq!(Report::from_byte(ready[0]), Some(Report::Ready));
        worker
    }

    fn http() -> Self {
        Self::start(Protocol::Http, 1, |_| {})
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends `bytes`, reads to the end of the connection.
    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_to_end(&mut stream)
    }

    fn leave(mut self) -> Exit {
        self.control.write_all(&[Order::Drain.byte()]).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = self.control.write_all(&[Order::Drain.byte()]);
            let _ = thread.join();
        }
    }
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}; so far: {}", String::from_utf8_lossy(&all)),
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer with Content-Length.
fn read_one(stream: &mut TcpStream) -> (String, String) {
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
    (head, String::from_utf8(body).unwrap())
}

/// The answer without its Date line.
fn undated(answer: &str) -> String {
    answer.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

fn uwsgi(vars: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in vars {
        for text in [key, value] {
            block.extend_from_slice(&(text.len() as u16).to_le_bytes());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut packet = vec![0];
    packet.extend_from_slice(&(block.len() as u16).to_le_bytes());
    packet.push(0);
    [packet, block, body.to_vec()].concat()
}

#[test]
fn answers_with_a_length_and_keeps_the_connection() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let (head, body) = read_one(&mut stream);
        assert_eq!(
            (undated(&head).as_str(), body.as_str()),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n", "hello")
        );
    }
}

#[test]
fn closes_when_the_client_wants_it() {
    let worker = Worker::http();
    let closed = worker.exchange(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(closed.contains("Connection: close\r\n") && closed.ends_with("\r\n\r\nhello"), "{closed}");
    let old = worker.exchange(b"GET / HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.ends_with("\r\n\r\nhello"), "{old}");
}

#[test]
fn heads_may_come_byte_by_byte() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    for byte in b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_one(&mut stream).1, "abc");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let worker = Worker::http();
    let one = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let all: String = (0..50).map(|n| one("/echo", &format!("body {n}"))).collect();
    let mut stream = worker.connect();
    stream.write_all(all.as_bytes()).unwrap();
    for n in 0..50 {
        assert_eq!(read_one(&mut stream).1, format!("body {n}"));
    }
}

#[test]
fn chunked_bodies_are_decoded_and_the_next_request_is_found() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    let head = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head).unwrap();
    for byte in b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_one(&mut stream).1, "abc0123456789abcdef");
    assert_eq!(read_one(&mut stream).1, "hello");
}

#[test]
fn large_bodies_stream_through() {
    let worker = Worker::http();
    for chunked in [false, true] {
        let body = vec![b'z'; 1_000_000];
        let mut request = Vec::new();
        if chunked {
            request.extend_from_slice(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in body.chunks(70_001) {
                request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                request.extend_from_slice(piece);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
        } else {
            request.extend_from_slice(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
            request.extend_from_slice(&body);
        }
        request.extend_from_slice(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut stream = worker.connect();
        let mut writer = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || writer.write_all(&request).unwrap());
        let (_, answer) = read_one(&mut stream);
        assert!(answer.as_bytes() == body, "{} bytes", answer.len());
        assert_eq!(read_one(&mut stream).1, "hello", "chunked: {chunked}");
        sender.join().unwrap();
    }
}

#[test]
fn post_buffering_reads_the_body_first() {
    let worker = Worker::start(Protocol::Http, 1, |config| config.limits.post_buffering = 10);
    for body in ["0123456789", "0123456789012345678901234567890123456789"] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = worker.connect();
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_one(&mut stream).1, body);
    }
}

#[test]
fn a_client_that_expects_to_be_asked_is_asked() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    assert_eq!(read_one(&mut stream).1, "abc");
}

#[test]
fn a_body_nobody_asked_for_is_not_awaited() {
    let worker = Worker::http();
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    let answer = worker.exchange(request);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("Connection: close"), "{answer}");
}

#[test]
fn streams_are_chunked() {
    let worker = Worker::http();
    let answer = worker.exchange(b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n"), "{answer}");
    let old = worker.exchange(b"GET /stream HTTP/1.0\r\n\r\n");
    assert!(old.ends_with("\r\n\r\none,two,three"), "{old}");
}

#[test]
fn head_has_no_body() {
    let worker = Worker::http();
    let answer =
        worker.exchange(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.matches("hello").count(), 1, "{answer}");
}

#[test]
fn wrong_lengths_never_reach_the_next_answer() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    stream.write_all(b"GET /long HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut stream).1, "123");
    assert_eq!(read_one(&mut stream).1, "hello");
    let short = worker.exchange(b"GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(short.ends_with("\r\n\r\n12345"), "{short}");
}

#[test]
fn an_answer_that_breaks_off_has_no_proper_end() {
    let worker = Worker::http();
    let answer = worker.exchange(b"GET /broken HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.ends_with("5\r\nbegun\r\n"), "{answer}");
}

#[test]
fn no_answer_is_a_500() {
    let worker = Worker::http();
    let answer = worker.exchange(b"GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
}

#[test]
fn big_answers_and_files_arrive_whole() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /file HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut stream).1.len(), 3_000_000);
    assert_eq!(read_one(&mut stream).1, "23456789");
}

#[test]
fn bad_requests_are_told_so() {
    let worker = Worker::start(Protocol::Http, 1, |config| {
        config.limits.limit_post = Some(5);
        config.limits.buffer_size = 1000;
    });
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "y".repeat(2000));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabcdef", "413"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"),
        (&long, "431"),
    ] {
        let answer = worker.exchange(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}: {answer}");
    }
}

#[test]
fn nothing_behind_a_bad_request_is_served() {
    let worker = Worker::http();
    let answer = worker.exchange(b"BAD\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(!answer.contains("hello"), "{answer}");
}

#[test]
fn slow_heads_and_bodies_run_out_of_time() {
    let worker = Worker::start(Protocol::Http, 1, |config| {
        config.limits.header_timeout = Seconds(1);
        config.limits.socket_timeout = Seconds(1);
    });
    for start in ["GET / HTTP/1.1\r\nHo", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"] {
        let answer = worker.exchange(start.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 408 "), "{start}: {answer}");
    }
    let began = Instant::now();
    assert_eq!(worker.exchange(b""), "", "a silent connection is closed without a word");
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_to_end(&mut stream).ends_with("hello"));
}

#[test]
fn uwsgi_packets_are_answered_with_bare_http() {
    let worker = Worker::start(Protocol::Uwsgi, 1, |_| {});
    let vars = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/"), ("SERVER_PROTOCOL", "HTTP/1.1")];
    let answer = worker.exchange(&uwsgi(&vars, b""));
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello");
    let vars = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/echo"), ("CONTENT_LENGTH", "4")];
    let answer = worker.exchange(&uwsgi(&vars, b"body and more"));
    assert_eq!(answer, "HTTP/1.0 200 OK\r\n\r\nbody");
}

#[test]
fn uwsgi_pings_and_wrong_packets() {
    let worker = Worker::start(Protocol::Uwsgi, 1, |_| {});
    let mut stream = worker.connect();
    stream.write_all(&[100, 0, 0, 0]).unwrap();
    let mut pong = Vec::new();
    stream.read_to_end(&mut pong).unwrap();
    assert_eq!(pong, [100, 0, 0, 1]);
    assert!(worker.exchange(&[5, 0, 0, 0]).starts_with("HTTP/1.1 501 "));
    assert!(worker.exchange(&[0, 3, 0, 0, 9, 9, 9]).starts_with("HTTP/1.1 400 "));
    assert!(worker.exchange(&[0, 0, 0, 0]).starts_with("HTTP/1.1 400 "));
    let answer = worker.exchange(&uwsgi(&[("PATH_INFO", "/"), ("UWSGI_FILE", "/etc/passwd")], b""));
    assert!(answer.ends_with("hello"), "{answer}");
}

#[test]
fn many_connections_on_many_cores() {
    let worker = Worker::start(Protocol::Http, 4, |_| {});
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = worker.connect();
                for n in 0..200 {
                    let body = format!("{n}");
                    let head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: ";
                    stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
                    assert_eq!(read_one(&mut stream).1, body);
                }
            });
        }
    });
}

#[test]
fn draining_finishes_what_is_held_and_nothing_else() {
    let worker = Worker::http();
    let mut idle = worker.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut idle).1, "hello");
    assert_eq!(worker.leave(), Exit::Raw(30));
    assert_eq!(read_to_end(&mut idle), "");
}

/// The kernel wakes one worker for a connection. When that one is just about to leave, nobody else knows.
#[test]
fn a_worker_that_leaves_takes_what_it_was_woken_for() {
    for order in [Order::Retire, Order::Drain] {
        let mut worker = Worker::http();
        let mut busy = worker.connect();
        // The core waits for the last byte of this one.
        let length = super::ahead::READ_AHEAD + 1;
        write!(busy, "POST /halves HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n").unwrap();
        busy.write_all(&vec![b'x'; length - 1]).unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"first,\r\n") {
            let mut byte = [0];
            busy.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
        worker.control.write_all(&[order.byte()]).unwrap();
        let mut late = worker.connect();
        late.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        busy.write_all(b"x").unwrap();
        assert!(read_to_end(&mut busy).contains("second"));
        assert!(read_to_end(&mut late).ends_with("hello"), "{order:?}");
        assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
    }
}

#[test]
fn a_worker_that_retires_answers_the_clients_it_has() {
    let mut worker = Worker::http();
    let mut idle = worker.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert_eq!(read_one(&mut idle).1, "hello");
    worker.control.write_all(&[Order::Retire.byte()]).unwrap();
    while rsgi_sys::net::unreceived(worker.control.as_fd()).is_ok_and(|count| count > 0) {
        std::thread::yield_now();
    }
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let last = read_to_end(&mut idle);
    assert!(last.contains("Connection: close\r\n") && last.ends_with("hello"), "{last}");
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}

#[test]
fn a_retiring_worker_does_not_wait_for_silent_clients() {
    let mut worker = Worker::http();
    let mut idle = worker.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    read_one(&mut idle);
    worker.control.write_all(&[Order::Retire.byte()]).unwrap();
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
    assert_eq!(read_to_end(&mut idle), "");
}

#[test]
fn an_application_can_end_its_worker() {
    let mut worker = Worker::http();
    let answer = worker.exchange(b"GET /exit HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.ends_with("bye"), "{answer}");
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(3));
}

#[test]
fn the_end_of_the_master_is_the_end_of_the_worker() {
    let mut worker = Worker::http();
    worker.control.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}

#[test]
fn variables_are_those_of_the_request() {
    let worker = Worker::http();
    let answer =
        worker.exchange(b"GET /vars?a=b HTTP/1.1\r\nHost: h:1\r\nX-Y: z\r\nX_Z: no\r\nConnection: close\r\n\r\n");
    for var in [
        "REQUEST_URI=/vars?a=b",
        "PATH_INFO=/vars",
        "QUERY_STRING=a=b",
        "HTTP_HOST=h:1",
        "HTTP_X_Y=z",
        "REMOTE_ADDR=127.0.0.1",
        "SERVER_NAME=host",
    ] {
        assert!(answer.lines().any(|line| line == var), "{var} in {answer}");
    }
    assert!(!answer.contains("HTTP_X_Z"), "{answer}");
}

/// A FastCGI request: BEGIN, PARAMS, STDIN.
fn fastcgi(vars: &[(&str, &str)], body: &[u8], keep: bool) -> Vec<u8> {
    let record = |kind: u8, content: &[u8]| {
        let length = (content.len() as u16).to_be_bytes();
        [&[1, kind, 0, 1, length[0], length[1], 0, 0], content].concat()
    };
    let mut params = Vec::new();
    for (key, value) in vars {
        params.extend_from_slice(&[key.len() as u8, value.len() as u8]);
        params.extend_from_slice(key.as_bytes());
        params.extend_from_slice(value.as_bytes());
    }
    let mut all = [record(1, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0]), record(4, &params), record(4, &[])].concat();
    for piece in body.chunks(5000) {
        all.extend(record(5, piece));
    }
    all.extend(record(5, &[]));
    all
}

/// STDOUT of the next answer; checks that END_REQUEST follows.
fn fastcgi_answer(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).unwrap();
        let mut content = vec![0; usize::from(u16::from_be_bytes([header[4], header[5]])) + usize::from(header[6])];
        stream.read_exact(&mut content).unwrap();
        match header[1] {
            6 => out.extend_from_slice(&content),
            3 => return String::from_utf8(out).unwrap(),
            other => panic!("record {other}"),
        }
    }
}

#[test]
fn fastcgi_requests_are_answered_in_records() {
    let worker = Worker::start(Protocol::Fastcgi, 1, |_| {});
    let mut stream = worker.connect();
    let get = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")];
    for _ in 0..2 {
        stream.write_all(&fastcgi(&get, b"", true)).unwrap();
        assert_eq!(fastcgi_answer(&mut stream), "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello");
    }
    let body = "x".repeat(12_000);
    let post = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/echo"), ("CONTENT_LENGTH", "12000")];
    stream.write_all(&fastcgi(&post, body.as_bytes(), true)).unwrap();
    assert!(fastcgi_answer(&mut stream).ends_with(&format!("\r\n\r\n{body}")));
    for (path, end) in [("/big", 3_000_000), ("/file", 8)] {
        stream.write_all(&fastcgi(&[("PATH_INFO", path)], b"", true)).unwrap();
        assert_eq!(fastcgi_answer(&mut stream).len(), "Status: 200 OK\r\n\r\n".len() + end, "{path}");
    }
    stream.write_all(&fastcgi(&[("PATH_INFO", "/silent")], b"", true)).unwrap();
    assert!(fastcgi_answer(&mut stream).starts_with("Status: 500 Internal Server Error\r\n"));
    assert_eq!(read_to_end(&mut stream), "");
}

#[test]
fn fastcgi_connections_close_unless_they_are_to_be_kept() {
    let worker = Worker::start(Protocol::FastcgiNph, 1, |_| {});
    let mut stream = worker.connect();
    stream.write_all(&fastcgi(&[("PATH_INFO", "/"), ("SERVER_PROTOCOL", "HTTP/1.1")], b"", false)).unwrap();
    assert!(fastcgi_answer(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(read_to_end(&mut stream), "");
}

#[test]
fn scgi_requests_are_answered_with_a_status_field() {
    let worker = Worker::start(Protocol::Scgi, 1, |_| {});
    let request = |path: &str, body: &str| {
        let block = format!("CONTENT_LENGTH\0{}\0SCGI\01\0PATH_INFO\0{path}\0", body.len());
        format!("{}:{block},{body}", block.len())
    };
    assert_eq!(worker.exchange(request("/echo", "body").as_bytes()), "Status: 200 OK\r\n\r\nbody");
    assert!(worker.exchange(request("/silent", "").as_bytes()).starts_with("Status: 500 "));
    assert!(worker.exchange(b"nonsense").starts_with("Status: 400 Bad Request\r\n"));
}

#[test]
fn puwsgi_connections_carry_one_packet_after_the_other() {
    let worker = Worker::start(Protocol::Puwsgi, 1, |_| {});
    let vars = [("REQUEST_METHOD", "POST"), ("PATH_INFO", "/echo"), ("CONTENT_LENGTH", "4")];
    let mut stream = worker.connect();
    for body in [b"one.", b"two.", b"...."] {
        stream.write_all(&uwsgi(&vars, body)).unwrap();
        let mut answer = [0; 23];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *[b"HTTP/1.0 200 OK\r\n\r\n", &body[..]].concat());
    }
}

fn head_frame(path: &str, body: Body) -> Vec<u8> {
    let mut vars = Vars::new();
    vars.push_key(b"REQUEST_METHOD", b"GET");
    vars.push_key(b"PATH_INFO", path.as_bytes());
    let mut frame = Vec::new();
    let request = link::Request { body, ..link::Request::default() };
    link::encode_head(&mut frame, &request, vars.iter(b"")).unwrap();
    frame
}

fn body_frame(data: &[u8], last: bool) -> Vec<u8> {
    let mut frame = Vec::new();
    link::body_prefix(&mut frame, data.len() as u32, last);
    frame.extend_from_slice(data);
    frame
}

/// A link that is closed while something is under way is reset.
fn end_of_link(error: std::io::Error) -> std::io::Result<usize> {
    if error.kind() == ErrorKind::ConnectionReset { Ok(0) } else { Err(error) }
}

/// The router's end of one link.
struct Link {
    stream: UnixStream,
    end: link::RouterEnd,
    input: Vec<u8>,
}

/// Starts a worker with links only and gives the routers' ends of them.
fn linked(cores: u32) -> (Worker, Vec<Link>, OwnedFd) {
    linked_with(cores, |_| {})
}

fn linked_with(cores: u32, configure: impl FnOnce(&mut Config)) -> (Worker, Vec<Link>, OwnedFd) {
    let (ours, theirs) = nix::sys::socket::socketpair(
        nix::sys::socket::AddressFamily::Unix,
        nix::sys::socket::SockType::SeqPacket,
        None,
        nix::sys::socket::SockFlag::empty(),
    )
    .unwrap();
    let worker = Worker::start_with(Protocol::Http, cores, vec![theirs], configure);
    let links = (0..cores).map(|core| Link::take(&ours, core)).collect();
    (worker, links, ours)
}

impl Link {
    fn take(rendezvous: &OwnedFd, core: u32) -> Self {
        let mut frame = bytes::BytesMut::with_capacity(100);
        let received = rsgi_sys::fdpass::receive(rendezvous.as_fd(), &mut frame).unwrap();
        let hello = link::Hello { worker: 1, core, pid: std::process::id(), generation: 0 };
        let mut end = link::RouterEnd::new(1 << 16);
        assert_eq!(end.decode(&frame), Ok(Some((frame.len(), link::ToRouter::Hello(hello)))));
        let stream = UnixStream::from(received.fd.unwrap());
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, end, input: Vec::new() }
    }

    fn ask(&mut self, path: &str, body: Body) {
        self.stream.write_all(&head_frame(path, body)).unwrap();
    }

    fn body(&mut self, data: &[u8], last: bool) {
        self.stream.write_all(&body_frame(data, last)).unwrap();
    }

    /// Everything up to the answer's end, as text; `None` at the end of the link.
    fn answer(&mut self) -> Option<String> {
        self.read(|_, is_over| is_over)
    }

    /// What has come of an answer as soon as it contains `mark`.
    fn answer_up_to(&mut self, mark: &str) -> Option<String> {
        self.read(|text, _| text.contains(mark))
    }

    fn read(&mut self, is_enough: impl Fn(&str, bool) -> bool) -> Option<String> {
        let mut text = String::new();
        loop {
            let step = self.end.decode(&self.input).unwrap();
            let Some((used, event)) = step else {
                let mut piece = [0; 4096];
                match self.stream.read(&mut piece).or_else(end_of_link).unwrap() {
                    0 => return (!text.is_empty()).then_some(text),
                    count => self.input.extend_from_slice(&piece[..count]),
                }
                continue;
            };
            let over = match event {
                link::ToRouter::Response(response) => {
                    text.push_str(&format!("{} ", response.code));
                    false
                }
                link::ToRouter::Data(data) => {
                    text.push_str(&String::from_utf8_lossy(data));
                    false
                }
                link::ToRouter::End { aborted } => {
                    text.push_str(if aborted { " aborted" } else { "" });
                    true
                }
                link::ToRouter::File(file) => {
                    text.push_str(&format!("file {}+{}", file.offset, file.length));
                    true
                }
                link::ToRouter::Bye => {
                    text.push_str("bye");
                    true
                }
                other => {
                    text.push_str(&format!("{other:?} "));
                    false
                }
            };
            self.input.drain(..used);
            if is_enough(&text, over) {
                return Some(text);
            }
        }
    }
}

#[test]
fn a_link_answers_one_request_after_the_other() {
    let (_worker, mut links, _rendezvous) = linked(2);
    for link in &mut links {
        for (path, answer) in [
            ("/", "200 hello"),
            ("/stream", "200 one,two,three"),
            ("/silent", "500 Internal Server Error"),
            ("/broken", "200 begun aborted"),
            ("/short", "200 12345 aborted"),
            ("/long", "200 123"),
            ("/file", "200 file 2+8"),
            ("/", "200 hello"),
        ] {
            link.ask(path, Body::None);
            assert_eq!(link.answer().as_deref(), Some(answer), "{path}");
        }
    }
}

#[test]
fn a_link_carries_bodies() {
    let (_worker, mut links, _rendezvous) = linked(1);
    let link = &mut links[0];
    link.ask("/echo", Body::Chunked);
    for piece in ["one ", "two ", "three"] {
        link.body(piece.as_bytes(), piece == "three");
    }
    assert_eq!(link.answer().as_deref(), Some("200 one two three"));
    link.ask("/", Body::Length(4));
    link.body(b"un", false);
    link.body(b"read", true);
    assert_eq!(link.answer().as_deref(), Some("200 hello"));
    link.ask("/echo", Body::Length(0));
    link.body(b"", true);
    assert_eq!(link.answer().as_deref(), Some("200 "));
}

#[test]
fn a_broken_link_is_dialled_again() {
    let (_worker, mut links, rendezvous) = linked(1);
    links.clear();
    let mut again = Link::take(&rendezvous, 0);
    again.ask("/", Body::None);
    assert_eq!(again.answer().as_deref(), Some("200 hello"));
}

#[test]
fn a_link_that_cannot_be_dialled_is_tried_again_whatever_the_reason() {
    use socket2::{Domain, SockAddr, Socket, Type};
    let open = || Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let (router, rendezvous) = (open(), open());
    let dir = tempfile::tempdir().unwrap();
    let address = SockAddr::unix(dir.path().join("router")).unwrap();
    router.bind(&address).unwrap();
    router.listen(1).unwrap();
    // ENOTCONN stands for all that the code does not name, as ENOMEM and ETOOMANYREFS (unix(7): too many descriptors are on
    // their way).
    let _worker = Worker::start_with(Protocol::Http, 1, vec![rendezvous.try_clone().unwrap().into()], |_| {});
    std::thread::sleep(Duration::from_millis(100));
    router.set_read_timeout(Some(PATIENCE)).unwrap();
    rendezvous.connect(&address).unwrap();
    let there = OwnedFd::from(router.accept().unwrap().0);
    socket2::SockRef::from(&there).set_read_timeout(Some(PATIENCE)).unwrap();
    let mut link = Link::take(&there, 0);
    link.ask("/", Body::None);
    assert_eq!(link.answer().as_deref(), Some("200 hello"));
}

#[test]
fn a_leaving_worker_says_goodbye_to_the_router() {
    let (mut worker, mut links, _rendezvous) = linked(1);
    worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    let mut link = links.remove(0);
    assert_eq!(link.answer().as_deref(), Some("bye"));
    link.ask("/", Body::None);
    assert_eq!(link.answer().as_deref(), Some("200 hello"), "what crossed the goodbye is still answered");
    drop(link);
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}

#[test]
fn a_worker_whose_router_is_gone_leaves_at_once() {
    let (mut worker, links, rendezvous) = linked(2);
    drop(links);
    worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
    drop(rendezvous);
}

#[test]
fn a_router_that_does_not_answer_a_goodbye_is_left() {
    let (mut worker, _links, _rendezvous) = linked(1);
    worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}

/// A folder with a file `a.txt`, and a configuration that serves it below `/static`.
fn shop() -> (tempfile::TempDir, impl Fn(&mut Config)) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), "0123456789").unwrap();
    let root = dir.path().to_owned();
    (dir, move |config: &mut Config| {
        config.statics.map.push(("/static".into(), root.clone()));
        config.statics.honour_range = true;
    })
}

#[test]
fn files_answer_in_place_of_the_application() {
    let (_dir, configure) = shop();
    let worker = Worker::start(Protocol::Http, 1, configure);
    let mut stream = worker.connect();
    for (path, body) in [("/static/a.txt", "0123456789"), ("/static/none", "hello"), ("/staticx", "hello")] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(read_one(&mut stream).1, body, "{path}");
    }
    stream.write_all(b"POST /static/a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab").unwrap();
    assert_eq!(read_one(&mut stream).1, "hello");
    stream.write_all(b"GET /static/a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab").unwrap();
    assert_eq!(read_one(&mut stream).1, "0123456789");
    stream.write_all(b"HEAD /static/a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let head = read_to_end(&mut stream);
    assert!(head.contains("Content-Length: 10\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn parts_of_files_and_nothing_at_all_keep_the_connection() {
    let (_dir, configure) = shop();
    let worker = Worker::start(Protocol::Http, 1, configure);
    let mut stream = worker.connect();
    let mut ask = |range: &str| {
        stream
            .write_all(format!("GET /static/a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes={range}\r\n\r\n").as_bytes())
            .unwrap();
        read_one(&mut stream)
    };
    assert_eq!(ask("2-4").1, "234");
    assert_eq!(ask("20-").1, "");
    let (head, body) = ask("0-1,8-");
    assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("multipart/byteranges"), "{head}");
    assert!(body.contains("\r\n\r\n01\r\n--") && body.contains("\r\n\r\n89\r\n--"), "{body}");
    let (head, _) = ask("0-0");
    let tag = head.split("\r\n").find_map(|line| line.strip_prefix("ETag: ")).unwrap();
    let conditional =
        format!("GET /static/a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n");
    stream.write_all(conditional.as_bytes()).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 304 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn files_go_over_uwsgi_too() {
    let (_dir, configure) = shop();
    let worker = Worker::start(Protocol::Uwsgi, 1, configure);
    let packet =
        uwsgi(&[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/static/a.txt"), ("SERVER_PROTOCOL", "HTTP/1.1")], b"");
    let answer = worker.exchange(&packet);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n0123456789"), "{answer}");
    assert!(!answer.contains("Connection:") && !answer.contains("Date:"), "{answer}");
    for path in ["/static/../a.txt", "/static/x/../../a.txt"] {
        let packet = uwsgi(&[("REQUEST_METHOD", "GET"), ("PATH_INFO", path)], b"");
        assert!(worker.exchange(&packet).ends_with("hello"), "{path}");
    }
}
