//! Where the log goes: loggers, routes, encoders, rotation.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::{Kind, Server, as_root, eventually};

const APP: &str = "import sys
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/fail':
        raise ValueError('no')
    if path == '/print':
        print('printed \"so\"', file=sys.stderr, flush=True)
    if path == '/many':
        sys.stderr.write('0123456789abcdef' * 8 + '\\n')
    start_response('200 OK', [])
    return [b'x']
";

fn server(kind: Kind, ini: &str) -> Server {
    let ini = format!("http-socket = {{ip}}:3031\nwsgi-file = {{dir}}/app.py\nmaster = true\n{ini}");
    Server::of(kind, "").file("app.py", APP).ini(&ini)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Waits until a file has a line with `text`, and returns all of it.
fn wait(path: &Path, text: &str) -> String {
    eventually(&format!("{text:?} in {}", path.display()), || read(path).contains(text).then(|| read(path)))
}

#[test]
fn request_lines_apart() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, "logger = file:{dir}/server.log\nreq-logger = file:{dir}/requests.log").start();
        server.get(3031, "/print").expect(200);
        let requests = wait(&server.dir().join("requests.log"), "GET /print => generated 1 bytes");
        let log = wait(&server.dir().join("server.log"), "printed \"so\"\n");
        assert!(!log.contains("GET /print") && !requests.contains("printed"), "{log}\n---\n{requests}");
    }
}

#[test]
fn requests_through_the_router_too() {
    let ini = "http = {ip}:9090\nreq-logger = file:{dir}/requests.log\nstatic-map = /s={dir}";
    let server = server(Kind::Rsgi, ini).start();
    server.get(9090, "/hello").expect(200);
    server.get(9090, "/s/app.py").expect(200);
    let requests = server.dir().join("requests.log");
    wait(&requests, "GET /hello =>");
    wait(&requests, "GET /s/app.py =>");
    assert!(!server.stop().log.contains("GET /"));
}

#[test]
fn encoded() {
    let encoder = r#"log-encoder = json {"unix":${unix},"msg":"${msg}"}"#;
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, &format!("logger = file:{{dir}}/log\n{encoder}\nlog-encoder = nl")).start();
        server.get(3031, "/print").expect(200);
        let log = wait(&server.dir().join("log"), "GET /print");
        let messages: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        assert!(messages.iter().any(|message| message["msg"] == "printed \"so\""), "{log}");
        assert!(messages.iter().all(|message| message["unix"].is_u64()), "{log}");
    }
}

#[test]
fn to_a_log_server() {
    let form = regex::Regex::new(r#"^<29>\w{3} [ \d]\d \d\d:\d\d:\d\d shop: printed "so"$"#).expect("a pattern");
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let [syslog, plain] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
        let port = |socket: &UdpSocket| socket.local_addr().expect("an address").port();
        let ini =
            format!("logger = rsyslog:127.0.0.1:{},shop\nlogger = socket:127.0.0.1:{}", port(&syslog), port(&plain));
        let server = server(kind, &ini).start();
        server.get(3031, "/print").expect(200);
        let find = |socket: &UdpSocket, text: &str| {
            socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
            loop {
                let mut buffer = [0; 4096];
                let length = socket.recv(&mut buffer).expect("a datagram");
                let datagram = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if datagram.contains(text) {
                    return datagram;
                }
            }
        };
        assert_eq!(find(&plain, "printed"), "printed \"so\"\n");
        let datagram = find(&syslog, "printed");
        assert!(form.is_match(&datagram), "{datagram}");
    }
}

/// `log-socket`: datagrams to an address or to a unix socket.
#[test]
fn to_a_socket() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        let server = server(kind, &format!("log-socket = 127.0.0.1:{port}")).start();
        server.get(3031, "/print").expect(200);
        let mut buffer = [0; 4096];
        let mut next = || {
            let length = socket.recv(&mut buffer).expect("a datagram");
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        eventually("the line", || (next() == "printed \"so\"\n").then_some(()));
        assert!(!server.stop().log.contains("printed"), "{kind:?}");
    }
}

/// `log-syslog`: the socket of this machine's syslog is the test's, in a `/dev` of the server's own.
#[test]
fn to_the_syslog_of_this_machine() {
    for (kind, ident) in [(Kind::Uwsgi, "uwsgi"), (Kind::Rsgi, "rsgi")] {
        for (option, priority, name) in
            [("log-syslog = shop", 30, "shop"), ("log-syslog = shop,local3", 158, "shop"), ("log-syslog =", 30, ident)]
        {
            let server = server(kind, option);
            let socket = UnixDatagram::bind(server.dir().join("syslog")).expect("a socket");
            socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
            let Some(server) = as_root::start_by_root(server.mounts(
                "mkdir {dir}/dev; mount --bind /dev {dir}/dev; mount -t tmpfs none /dev; ln -s {dir}/syslog /dev/log
                 for name in null urandom; do touch /dev/$name; mount --bind {dir}/dev/$name /dev/$name; done
                 mkdir /dev/shm; mount -t tmpfs none /dev/shm",
            )) else {
                return;
            };
            server.get(3031, "/print").expect(200);
            let mut buffer = [0; 4096];
            let datagram = eventually("the line", || {
                let length = socket.recv(&mut buffer).expect("a datagram");
                Some(String::from_utf8_lossy(&buffer[..length]).into_owned()).filter(|text| text.contains("printed"))
            });
            let form = format!(r#"^<{priority}>\w{{3}} [ \d]\d \d\d:\d\d:\d\d {name}(\[\d+\])?: printed "so"\n?$"#);
            assert!(
                regex::Regex::new(&form).expect("a pattern").is_match(&datagram),
                "{kind:?} {option}: {datagram:?}"
            );
        }
    }
}

#[test]
fn routed_filtered_and_drained() {
    let ini = "logger = mail file:{dir}/mail.log\nlog-route = mail ^Traceback\nlog-drain = GET /print\nlogger = file:{dir}/rest.log";
    let server = server(Kind::Rsgi, ini).start();
    server.get(3031, "/print").expect(200);
    server.get(3031, "/fail").expect(500);
    let mail = wait(&server.dir().join("mail.log"), "ValueError: no\n");
    assert!(mail.starts_with("Traceback (most recent call last):\n") && mail.lines().count() > 2, "one record: {mail}");
    let rest = wait(&server.dir().join("rest.log"), "GET /fail");
    assert!(rest.contains("printed") && !rest.contains("Traceback") && !rest.contains("GET /print"), "{rest}");
}

#[test]
fn only_what_a_filter_lets_through() {
    let server = server(Kind::Rsgi, "log-filter = ^printed").start();
    server.get(3031, "/print").expect(200);
    server.log.wait_for("^printed");
    assert_eq!(server.stop().log.lines().collect::<Vec<_>>(), ["printed \"so\""]);
}

#[test]
fn rotated_by_size() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let ini = "logto = {dir}/log\nlog-master = true\nlog-maxsize = 8192\nlog-backupname = {dir}/log.old";
        let server = server(kind, ini).start();
        let old = server.dir().join("log.old");
        eventually("a rotated log", || {
            server.get(3031, "/many").expect(200);
            old.exists().then_some(())
        });
        assert!(read(&old).len() >= 8192, "{}", read(&old).len());
        server.get(3031, "/print").expect(200);
        wait(&server.dir().join("log"), "printed");
    }
}

#[test]
fn opened_anew() {
    let server = server(Kind::Rsgi, "logto = {dir}/log\nlog-master = true").start();
    let (log, moved) = (server.dir().join("log"), server.dir().join("moved"));
    wait(&log, "ready in");
    std::fs::rename(&log, &moved).expect("a log to move");
    server.signal(Signal::SIGUSR1);
    eventually("a new log", || log.exists().then_some(()));
    server.get(3031, "/print").expect(200);
    wait(&log, "printed");
    assert!(!read(&moved).contains("printed"));
}

#[test]
fn the_last_words_are_kept() {
    let server = server(Kind::Rsgi, "logger = file:{dir}/log").start();
    let log = server.dir().join("log");
    let keep = log.clone();
    server.get(3031, "/print").expect(200);
    wait(&keep, "GET /print");
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::hard_link(&log, copy.path().join("log")).expect("a second name");
    assert_eq!(server.stop().code, 0);
    assert!(read(&copy.path().join("log")).ends_with("goodbye to rsgi.\n"), "{}", read(&copy.path().join("log")));
}

#[test]
fn a_reload_moves_the_loggers() {
    let server = server(Kind::Rsgi, "logger = file:{dir}/one.log").start();
    server.get(3031, "/print").expect(200);
    wait(&server.dir().join("one.log"), "printed");
    let ini = server.dir().join("app.ini");
    std::fs::write(&ini, read(&ini).replace("one.log", "two.log")).expect("a configuration");
    server.signal(Signal::SIGHUP);
    let two = server.dir().join("two.log");
    eventually("the other log", || {
        server.get(3031, "/print").expect(200);
        read(&two).contains("printed").then_some(())
    });
}

#[test]
fn what_cannot_be_is_said_before_anything_is_served() {
    for (ini, problem) in [
        ("log-route = nobody x", "log-route: there is no logger with the name nobody"),
        ("log-filter = (", "log-filter: ( is no regular expression"),
        ("req-logger = file:none/log", "req-logger: file:none/log cannot be opened: No such file or directory"),
        ("logger = pigeon:x", "there is no logger \"pigeon\""),
        ("log-encoder = gzip", "there is no encoder \"gzip\""),
    ] {
        let ended = server(Kind::Rsgi, ini).run();
        assert!(ended.code == 1 && ended.log.contains(problem), "{ini}\n{}", ended.log);
    }
}
