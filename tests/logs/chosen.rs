//! Which requests are logged when others are not, whose address stands there, and a log that begins empty: beside uWSGI.

use crate::support::{Kind, Running, Server};

const APP: &str = "import os, time, uwsgi
HERE = os.path.dirname(os.path.abspath(__file__))
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/slow':
        time.sleep(0.6)
    if path == '/sendfile':
        start_response('200 OK', [])
        return environ['wsgi.file_wrapper'](open(HERE + '/app.py', 'rb'))
    if path == '/long':
        start_response('200 OK', [])
        return (b'x' * 65536 for _ in range(200))
    start_response('404 Not Found' if path == '/none' else '503 Service Unavailable' if path == '/busy' else '200 OK', [])
    return [b'y' * {'/big': 5000, '/zero': 0}.get(path, 10)]
";

fn server(kind: Kind, ini: &str) -> Running {
    let ini = format!("http-socket = {{ip}}:3031\nwsgi-file = {{dir}}/app.py\nmaster = true\n{ini}");
    Server::of(kind, "").file("app.py", APP).ini(&ini).start()
}

/// The paths in the log of a server after its requests.
fn logged(server: Running) -> Vec<String> {
    let log = server.stop().log;
    let paths = log.lines().filter_map(|line| line.split_once(" => generated ")?.0.rsplit_once(' '));
    paths.map(|(_, path)| path.to_owned()).collect()
}

#[test]
fn only_those_that_an_option_asks_for() {
    let paths =
        [("/", 200), ("/slow", 200), ("/big", 200), ("/zero", 200), ("/sendfile", 200), ("/none", 404), ("/busy", 503)];
    // One request is for one option; the options of the one server must not let those of the other pass.
    for (options, wanted) in [
        ("log-slow = 500\nlog-zero = true\nlog-4xx = true", ["/slow", "/zero", "/none"]),
        ("log-big = 4000\nlog-sendfile = true\nlog-5xx = true", ["/big", "/sendfile", "/busy"]),
    ] {
        for kind in [Kind::Uwsgi, Kind::Rsgi] {
            let server = server(kind, &format!("disable-logging = true\n{options}"));
            for (path, status) in paths {
                server.get(3031, path).expect(status);
            }
            server.log.wait_for(&format!("GET {} => generated ", wanted[2]));
            assert_eq!(logged(server), wanted, "{kind:?} {options}");
        }
    }
}

/// uWSGI has the option and writes no line for it: only an error of its own tells.
#[test]
fn those_that_a_client_did_not_wait_for() {
    for (kind, told, wanted) in
        [(Kind::Uwsgi, r"during GET /long \(", vec![]), (Kind::Rsgi, "GET /long => generated ", vec!["/long"])]
    {
        let server = server(kind, "disable-logging = true\nlog-ioerror = true");
        server.get(3031, "/").expect(200);
        let mut client = server.connect(3031);
        client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n").take(10);
        drop(client);
        server.log.wait_for(told);
        assert_eq!(logged(server), wanted, "{kind:?}");
    }
}

#[test]
fn the_address_that_a_proxy_tells() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = server(kind, "log-x-forwarded-for = true");
        server
            .ask(3031, "GET /told HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n")
            .expect(200);
        server.get(3031, "/untold").expect(200);
        let line = server.request_line("/told");
        assert!(line.contains("] 192.0.2.7 () {"), "{kind:?} {line}");
        let line = server.request_line("/untold");
        assert!(line.contains("] 127.") && !line.contains("192.0.2.7"), "{kind:?} {line}");
    }
}

#[test]
fn a_log_that_begins_empty() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        for (option, is_kept) in [("", true), ("log-truncate = true", false)] {
            let ini = format!(
                "http-socket = {{ip}}:3031\nwsgi-file = {{dir}}/app.py\nmaster = true\nlogto = {{dir}}/log\n{option}"
            );
            let server = Server::of(kind, "").file("app.py", APP).file("log", "of yesterday\n").ini(&ini).start();
            server.get(3031, "/").expect(200);
            let log = std::fs::read_to_string(server.dir().join("log")).expect("the log");
            assert_eq!(log.starts_with("of yesterday\n"), is_kept, "{kind:?} {option}: {log}");
        }
    }
}
