//! Files that applications name (`x-sendfile`, `x-accel-redirect`), and files named for the server in front
//! (`file-serve-mode`).

use crate::support::nginx::Nginx;
use crate::support::{Kind, Running, Server};

const DIRECT: u16 = 3031;
const ROUTER: u16 = 9090;

fn server(options: &str) -> Running {
    Server::new(&format!(
        "--http {{ip}}:9090 --http-keepalive --http-socket {{ip}}:3031 --wsgi-file {{apps}}/files.py {options}"
    ))
    .file("media/a.css", "body{}")
    .file("out/o.txt", "outside")
    .start()
}

const BOTH: &str = "--x-sendfile {dir}/media --x-accel-redirect /internal/={dir}/media";

fn by_path(server: &Running, path: &str) -> String {
    format!("/app?X-Sendfile={}/{path}&Set-Cookie=a%3D1&Content-Disposition=attachment", server.dir().display())
}

#[test]
fn the_file_takes_the_place_of_the_body() {
    for options in [BOTH.to_owned(), format!("{BOTH} --offload-threads 1")] {
        let server = server(&options);
        for port in [DIRECT, ROUTER] {
            let mut client = server.connect(port);
            for target in [
                by_path(&server, "media/a.css"),
                "/app?X-Accel-Redirect=/internal/a.css&Set-Cookie=a%3D1&Content-Disposition=attachment".into(),
            ] {
                let whole = client.get(&target).expect(200);
                assert_eq!(
                    (whole.text(), whole.header("Content-Type")),
                    ("body{}", Some("text/css")),
                    "{port} {target}"
                );
                assert_eq!(whole.header("Set-Cookie"), Some("a=1"));
                assert_eq!(whole.header("Content-Disposition"), Some("attachment"));
                assert_eq!((whole.header("X-Sendfile"), whole.header("X-Accel-Redirect")), (None, None));
                let tag = whole.header("ETag").expect("a tag").to_owned();
                let mut ask = |method: &str, line: &str| {
                    client.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"));
                    if method == "HEAD" { client.response_to_head() } else { client.response() }
                };
                let part = ask("GET", "Range: bytes=1-3").expect(206);
                assert_eq!((part.text(), part.header("Content-Range")), ("ody", Some("bytes 1-3/6")), "port {port}");
                let parts = ask("GET", "Range: bytes=0-1,4-5").expect(206);
                assert!(parts.text().contains("Content-Range: bytes 4-5/6\r\n\r\n{}\r\n--"), "{}", parts.text());
                ask("GET", &format!("If-None-Match: {tag}")).expect(304);
                assert_eq!(ask("HEAD", "X: y").expect(200).header("Content-Length"), Some("6"));
                ask("GET", "Range: bytes=60-").expect(416);
            }
            // What the application sends besides is dropped, and the connection goes on.
            let target = by_path(&server, "media/a.css").replace("/app", "/streamed");
            assert_eq!(client.get(&target).expect(200).text(), "body{}");
            let target = by_path(&server, "media/a.css").replace("/app", "/missing");
            assert_eq!(client.get(&target).expect(404).text(), "body{}");
            assert_eq!(client.get("/app").expect(200).text(), "hello");
        }
    }
}

#[test]
fn the_log_names_the_application_for_what_it_may_not_send() {
    let server = server(BOTH);
    let out = by_path(&server, "out/o.txt");
    let none = by_path(&server, "media/none");
    for port in [DIRECT, ROUTER] {
        let mut client = server.connect(port);
        for (target, status) in [
            (out.as_str(), 403),
            ("/app?X-Sendfile=/etc/passwd", 403),
            (&none, 404),
            ("/app?X-Accel-Redirect=/internal/../out/o.txt", 404),
            ("/app?X-Accel-Redirect=/elsewhere/a.css", 404),
        ] {
            let refused = client.get(target).expect(status);
            assert!(refused.header("Set-Cookie").is_none() && !refused.text().contains("outside"), "{target}");
        }
    }
    server.log.wait_for(
        r#"the application named "/etc/passwd" in X-Sendfile, which lies in no directory of x-sendfile \(403\); asked for "/app\?"#,
    );
    server.log.wait_for(r#"the application named ".*/media/none" in X-Sendfile, which is not there \(404\)"#);
    server
        .log
        .wait_for(r#"named "/elsewhere/a.css" in X-Accel-Redirect, which begins like no prefix of x-accel-redirect"#);
}

#[test]
fn without_the_options_the_headers_pass() {
    let server = server("");
    for port in [DIRECT, ROUTER] {
        let passed = server.get(port, "/app?X-Sendfile=/etc/passwd&X-Accel-Redirect=/internal/a.css").expect(200);
        assert_eq!((passed.header("X-Sendfile"), passed.text()), (Some("/etc/passwd"), "hello"));
        assert_eq!(passed.header("X-Accel-Redirect"), Some("/internal/a.css"));
    }
}

/// uWSGI's answers, but for ranges: those are for the server in front.
#[test]
fn the_server_in_front_is_told_which_file_to_send() {
    for mode in ["x-sendfile", "x-accel-redirect", "nginx"] {
        let options = format!(
            "--http-socket {{ip}}:3031 --wsgi-file {{apps}}/files.py --static-map /static={{dir}}/media \
             --file-serve-mode {mode} --static-expires-type text/css=60"
        );
        for kind in Kind::each() {
            let server = Server::of(kind, &options).file("media/a.css", "body{}").start();
            let told = server.get(DIRECT, "/static/a.css").expect(200);
            let name = if mode == "x-sendfile" { "X-Sendfile" } else { "X-Accel-Redirect" };
            let path = server.dir().join("media/a.css").display().to_string();
            assert_eq!((told.header(name), told.text()), (Some(path.as_str()), ""), "{kind:?}");
            assert_eq!(told.header("Content-Type"), Some("text/css"), "{kind:?}");
            assert!(told.header("Expires").is_some() && told.header("Last-Modified").is_some(), "{kind:?}");
            assert!(!server.request_line("/static/a.css").contains(" via "), "{kind:?}");
            let since = "If-Modified-Since: Sun, 22 Nov 2099 10:00:00 GMT";
            let ask = format!("GET /static/a.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{since}\r\n\r\n");
            server.ask(DIRECT, ask).expect(304);
            assert_eq!(server.get(DIRECT, "/app").expect(200).text(), "hello");
        }
    }
}

#[test]
fn a_word_that_is_no_mode_stops_the_start() {
    let ended = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/files.py --file-serve-mode sideways").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("expected x-sendfile or x-accel-redirect, found \"sideways\""), "{}", ended.log);
}

/// The whole of it: nginx asks, is told, and sends, with ranges of its own.
#[test]
fn nginx_sends_what_it_is_told() {
    let server = server("--static-map /static={dir}/media --file-serve-mode x-accel-redirect");
    let (backend, dir) = (server.address(DIRECT), server.dir().join("media").display().to_string());
    let nginx = Nginx::passing(&format!("proxy_pass http://{backend}; location {dir}/ {{ internal; root /; }}"), "");
    let mut client = nginx.connect();
    assert_eq!(client.get("/static/a.css").expect(200).text(), "body{}");
    client.send("GET /static/a.css HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-3\r\n\r\n");
    assert_eq!(client.response().expect(206).text(), "ody");
    assert_eq!(client.get("/app").expect(200).text(), "hello");
    client.get(&format!("{dir}/a.css")).expect(404);
}
