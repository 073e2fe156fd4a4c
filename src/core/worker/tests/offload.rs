//! Files that are sent by offload threads, to clients that take their time.

use std::path::PathBuf;

use super::*;

/// More than the buffers of two sockets hold.
const LINES: usize = 3_000_000;

/// A folder with a file of numbered lines, and a worker with one core that serves it.
struct Scene {
    _dir: tempfile::TempDir,
    path: PathBuf,
    text: String,
    worker: Worker,
}

impl Scene {
    fn new(protocol: Protocol, configure: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.txt");
        let text: String = (0..LINES).map(|line| format!("{line:09}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        std::fs::write(dir.path().join("small.txt"), "small").unwrap();
        let worker = Worker::start(protocol, 1, |config| {
            config.workers.offload_threads = 1;
            config.statics.map.push(("/static".into(), dir.path().to_owned()));
            config.statics.honour_range = true;
            configure(config);
        });
        Self { _dir: dir, path, text, worker }
    }

    fn http() -> Self {
        Self::new(Protocol::Http, |_| {})
    }

    /// A client that has asked for `target` and reads nothing yet.
    fn ask(&self, target: &str) -> TcpStream {
        let mut stream = self.worker.connect();
        stream.write_all(get(target).as_bytes()).unwrap();
        stream
    }

    fn app_target(&self) -> String {
        format!("/large?{}", self.path.display())
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// Compares without printing megabytes.
#[track_caller]
fn same(answer: &str, expected: &str) {
    assert_eq!(answer.len(), expected.len());
    assert!(answer == expected, "the bytes differ");
}

#[test]
fn clients_that_read_slowly_hold_no_core() {
    let scene = Scene::http();
    let mut slow = [scene.ask("/static/large.txt"), scene.ask(&scene.app_target()), scene.ask("/static/large.txt")];
    let mut other = scene.worker.connect();
    for _ in 0..20 {
        other.write_all(get("/").as_bytes()).unwrap();
        assert_eq!(read_one(&mut other).1, "hello");
    }
    for (stream, from) in slow.iter_mut().zip([0, 10, 0]) {
        same(&read_one(stream).1, &scene.text[from..]);
    }
    // The connections are the cores' again.
    for stream in &mut slow {
        for (target, body) in [("/", "hello"), ("/static/small.txt", "small"), ("/", "hello")] {
            stream.write_all(get(target).as_bytes()).unwrap();
            assert_eq!(read_one(stream).1, body);
        }
    }
}

#[test]
fn requests_behind_a_file_are_answered_after_it() {
    let scene = Scene::http();
    let mut stream = scene.worker.connect();
    let all = ["/", "/static/large.txt", "/", "/static/large.txt", "/"].map(get).concat();
    stream.write_all(all.as_bytes()).unwrap();
    for expected in ["hello", &scene.text, "hello", &scene.text, "hello"] {
        same(&read_one(&mut stream).1, expected);
    }
}

#[test]
fn a_request_that_comes_during_the_transfer_is_answered_after_it() {
    let scene = Scene::http();
    let mut stream = scene.ask("/static/small.txt");
    assert_eq!(read_one(&mut stream).1, "small");
    stream.write_all(get("/static/large.txt").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(get("/").as_bytes()).unwrap();
    same(&read_one(&mut stream).1, &scene.text);
    assert_eq!(read_one(&mut stream).1, "hello");
}

#[test]
fn several_parts_and_closing_connections_are_sent_whole() {
    let scene = Scene::http();
    let ask = "GET /static/large.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-9,10-29999989\r\nConnection: close\r\n\r\n";
    let answer = scene.worker.exchange(ask.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 206 Partial Content\r\n") && answer.ends_with("--\r\n"), "{}", answer.len());
    assert!(answer.contains("\r\n\r\n000000000\n\r\n--") && answer.contains(&scene.text[10..29_999_990]));
    let closing = "GET /static/large.txt HTTP/1.0\r\n\r\n";
    let answer = scene.worker.exchange(closing.as_bytes());
    same(answer.split_once("\r\n\r\n").unwrap().1, &scene.text);
}

#[test]
fn fastcgi_and_uwsgi_answers_are_offloaded_as_well() {
    let scene = Scene::new(Protocol::Fastcgi, |_| {});
    let mut stream = scene.worker.connect();
    let vars = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/static/large.txt")];
    for _ in 0..2 {
        stream.write_all(&fastcgi(&vars, b"", true)).unwrap();
        let mut other = scene.worker.connect();
        other.write_all(&fastcgi(&[("PATH_INFO", "/")], b"", false)).unwrap();
        assert!(fastcgi_answer(&mut other).ends_with("hello"));
        same(fastcgi_answer(&mut stream).split_once("\r\n\r\n").unwrap().1, &scene.text);
    }
    let scene = Scene::new(Protocol::Uwsgi, |_| {});
    let vars = [("REQUEST_METHOD", "GET"), ("SERVER_PROTOCOL", "HTTP/1.1"), ("PATH_INFO", "/static/large.txt")];
    let mut slow = scene.worker.connect();
    slow.write_all(&uwsgi(&vars, b"")).unwrap();
    let vars = [("REQUEST_METHOD", "GET"), ("SERVER_PROTOCOL", "HTTP/1.1"), ("PATH_INFO", "/")];
    assert!(scene.worker.exchange(&uwsgi(&vars, b"")).ends_with("hello"));
    same(read_to_end(&mut slow).split_once("\r\n\r\n").unwrap().1, &scene.text);
}

#[test]
fn who_takes_nothing_is_left_and_who_leaves_is_forgotten() {
    let scene = Scene::new(Protocol::Http, |config| config.limits.socket_timeout = Seconds(1));
    let mut stuck = scene.ask("/static/large.txt");
    drop(scene.ask("/static/large.txt"));
    std::thread::sleep(Duration::from_millis(3500));
    // Closed in the middle, whatever had been sent.
    assert!(read_to_end(&mut stuck).len() < scene.text.len());
    assert_eq!(scene.worker.leave(), Exit::Raw(30), "no connection is left over");
}

#[test]
fn a_worker_that_leaves_finishes_its_transfers() {
    let mut scene = Scene::http();
    let mut slow = scene.ask("/static/large.txt");
    // Its head has come: the answer has begun.
    let mut begun = [0; 12];
    slow.read_exact(&mut begun).unwrap();
    scene.worker.control.write_all(&[Order::Drain.byte()]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let rest = read_to_end(&mut slow);
    same(rest.split_once("\r\n\r\n").unwrap().1, &scene.text);
    assert_eq!(scene.worker.thread.take().unwrap().join().unwrap(), Exit::Raw(30));
}
