//! Static files through both front doors: the worker's own socket and the router.

mod named;
mod offload;

use std::os::unix::fs::symlink;

use crate::support::{Kind, Running, Server, eventually};

const DIRECT: u16 = 3031;
const ROUTER: u16 = 9090;

fn server(kind: Kind, options: &str) -> Server {
    Server::of(kind, &format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}"))
        .file("root/a.css", "body{}")
        .file("root/sub/index.html", "index")
        .file("root/types", "text/css css\ntext/html html\n")
        .file("out/o.txt", "outside")
}

fn rsgi(options: &str) -> Running {
    server(Kind::Rsgi, &format!("--http {{ip}}:9090 {options}")).start()
}

#[test]
fn files_come_from_both_doors_and_the_rest_from_the_application() {
    let server = rsgi("--static-map /static={dir}/root --static-map /hello={dir}/out --static-index index.html");
    symlink("../out/o.txt", server.dir().join("root/link")).expect("a link");
    for port in [DIRECT, ROUTER] {
        let css = server.get(port, "/static/a.css").expect(200);
        assert_eq!((css.text(), css.header("Content-Type")), ("body{}", Some("text/css")), "port {port}");
        assert_eq!(css.header("X-Content-Type-Options"), Some("nosniff"));
        assert_eq!(server.get(port, "/static/sub/").expect(200).text(), "index");
        assert_eq!(server.get(port, "/hello/o.txt").expect(200).text(), "outside");
        let app = server.get(port, "/hello").expect(200).text().to_owned();
        assert_ne!(app, "outside");
        for path in
            ["/static/link", "/static/%2e%2e/out/o.txt", "/static/..%2fout/o.txt", "/static/sub/../../out/o.txt"]
        {
            let response = server.get(port, path);
            assert_ne!(response.text(), "outside", "{path} on port {port}");
        }
    }
}

#[test]
fn request_lines_name_no_application() {
    let server = rsgi("--static-map /static={dir}/root");
    for (port, via) in [(DIRECT, "via sendfile()"), (ROUTER, "via offload()")] {
        let path = format!("/static/a.css?{port}");
        server.get(port, &path).expect(200);
        let line = server.request_line(&path);
        assert!(line.contains("|app: -1|req: -1/"), "{line}");
        assert!(line.contains("=> generated 6 bytes in ") && line.contains(via), "{line}");
        assert!(line.contains("(HTTP/1.1 200) ") && line.contains("(0 switches on core 0)"), "{line}");
    }
}

#[test]
fn the_router_serves_files_while_every_worker_is_busy() {
    let server = rsgi("--static-map /static={dir}/root");
    let mut busy = server.connect(ROUTER);
    busy.send("GET /sleep?3 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // The only core is taken once the application has the request: files before and after that must come alike.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(1);
    while std::time::Instant::now() < until {
        let began = std::time::Instant::now();
        assert_eq!(server.get(ROUTER, "/static/a.css").expect(200).text(), "body{}");
        assert!(began.elapsed() < std::time::Duration::from_millis(1500), "it waited for a worker");
    }
    busy.response().expect(200);
}

#[test]
fn workers_count_their_files() {
    let server = rsgi("--static-map /static={dir}/root --stats {ip}:9191");
    server.get(DIRECT, "/static/a.css").expect(200);
    server.get(DIRECT, "/hello").expect(200);
    // An answer is with its client a moment before it is counted.
    let core = eventually("the core is idle again", || {
        let document: serde_json::Value = serde_json::from_slice(&server.connect(9191).rest()).expect("JSON");
        let core = document["workers"][0]["cores"][0].clone();
        (core["in_request"] == 0 && core["requests"] == 2).then_some(core)
    });
    assert_eq!(core["static_requests"], 1, "{core}");
}

#[test]
fn a_pattern_that_is_none_stops_the_start() {
    let ended = server(Kind::Rsgi, "--static-map /static={dir}/root").arg("--static-expires").arg("[ 60").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("static-expires: \"[\" is not a regular expression"), "{}", ended.log);
}

/// Where the behaviour is meant to be the same: status, body, and the headers that uWSGI sends.
#[test]
fn uwsgi_agrees() {
    let options = "--static-map /static={dir}/root --static-map /hello={dir}/root --static-map /one={dir}/root/a.css --static-map2 /sub={dir}/root \
                   --check-static {dir}/out --static-index index.html --mimefile {dir}/root/types --honour-range \
                   --static-skip-ext types --static-expires-type text/css=3600";
    let servers = [Kind::Uwsgi, Kind::Rsgi].map(|kind| server(kind, options).start());
    for (path, header) in [
        ("/static/a.css", "X: 1"),
        ("/static/sub", "X: 1"),
        ("/static/sub/", "X: 1"),
        ("/one", "X: 1"),
        ("/sub/index.html", "X: 1"),
        ("/o.txt", "X: 1"),
        ("/static/a.css", "Range: bytes=1-3"),
        ("/static/a.css", "Range: bytes=-2"),
        ("/static/a.css", "Range: bytes=60-"),
        ("/static/a.css", "If-Modified-Since: Sun, 22 Nov 2099 10:00:00 GMT"),
    ] {
        let [theirs, ours] = servers.each_ref().map(|server| {
            let mut client = server.connect(DIRECT);
            client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"));
            client.response()
        });
        assert_eq!((ours.status, ours.text()), (theirs.status, theirs.text()), "{path} with {header}");
        for name in ["Content-Length", "Content-Range"] {
            if let Some(value) = theirs.header(name) {
                assert_eq!(ours.header(name), Some(value), "{name} of {path} with {header}");
            }
        }
        if let Some(kind) = theirs.header("Content-Type") {
            assert_eq!(ours.header("Content-Type"), Some(kind), "type of {path} with {header}");
        }
        if matches!(theirs.status, 200 | 206) {
            assert_eq!(ours.header("Expires").is_some(), theirs.header("Expires").is_some(), "{path} with {header}");
        }
    }
    for path in ["/hello/types", "/hello/none", "/hello", "/hello/"] {
        let [theirs, ours] = servers.each_ref().map(|server| server.get(DIRECT, path).expect(200));
        assert_eq!(ours.text(), theirs.text(), "{path}");
    }
}
