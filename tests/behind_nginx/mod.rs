//! docs/deploy/behind-nginx.md: what it tells rsgi and nginx is told here to real ones. Only addresses and folders are others.

use std::net::SocketAddrV4;

use crate::support::nginx::Nginx;
use crate::support::openssl::{curl, make_certificate};
use crate::support::{Client, Kind, Running, Server, address};

/// The page's block that is marked so.
fn block(mark: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy/behind-nginx.md");
    let text = std::fs::read_to_string(page).expect("the page");
    let start = format!("```{mark}\n");
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("the page has no block {mark}"));
    rest.split_once("\n```\n").expect("an end of the block").0.to_owned()
}

/// rsgi as the block says, with an application of the tests.
fn shop(mark: &str, module: &str) -> Running {
    let text = block(mark);
    let lines = text.strip_prefix("[uwsgi]\n").expect("a section");
    let lines = lines
        .replace("/run/shop/shop.sock", "{dir}/shop.sock")
        .replace("127.0.0.1:9090", "{ip}:9090")
        .replace("chdir = /srv/shop", "pythonpath = {apps}")
        .replace("module = wsgi", &format!("module = {module}"));
    let server = Server::of(Kind::Rsgi, "");
    let server = if lines.contains("shop.sock") { server.unix("shop.sock") } else { server };
    server.file("media/report.txt", "for you alone").ini(&lines).start()
}

/// nginx as the block says, in front of `server`; and where it listens.
fn nginx(mark: &str, server: &Running) -> (Nginx, SocketAddrV4) {
    let front = SocketAddrV4::new(address::fresh(), 8000);
    let folder = server.dir().display();
    let text = block(mark)
        .replace("/run/shop/", &format!("{folder}/"))
        .replace("/srv/shop/media/", &format!("{folder}/media/"))
        .replace("/etc/ssl/", &format!("{folder}/"))
        .replace("include uwsgi_params", "include /etc/nginx/uwsgi_params")
        .replace("127.0.0.1:9090", &server.address(9090).to_string());
    let text =
        ["listen 80", "listen 443"].iter().fold(text, |text, port| text.replace(port, &format!("listen {front}")));
    (Nginx::passing("return 404;", &text), front)
}

#[test]
fn by_the_uwsgi_protocol() {
    let server = shop("ini uwsgi", "probe");
    let (_nginx, front) = nginx("nginx uwsgi", &server);
    let mut client = Client::tcp(front);
    let local = client.local();
    let environ = client.get("/environ").expect(200).json();
    assert_eq!((&environ["REMOTE_ADDR"], &environ["wsgi.url_scheme"]), (&"127.0.0.1".into(), &"http".into()));
    assert_eq!(environ["REMOTE_PORT"], local.port().to_string());
    assert!(environ["HTTP_X_FORWARDED_FOR"].is_null());
}

#[test]
fn by_http_on_kept_connections() {
    let server = shop("ini http", "probe");
    let (_nginx, front) = nginx("nginx http", &server);
    let ports: Vec<_> = (0..5)
        .map(|_| {
            let environ = Client::tcp(front).get("/environ").expect(200).json();
            assert_eq!(environ["HTTP_X_FORWARDED_FOR"], "127.0.0.1", "{environ:#}");
            assert_eq!(environ["HTTP_X_FORWARDED_PROTO"], "http");
            environ["REMOTE_PORT"].as_str().expect("a port").to_owned()
        })
        .collect();
    assert!(ports.iter().all(|port| *port == ports[0]), "one connection for all of them: {ports:?}");
}

#[test]
fn tls_in_front() {
    let server = shop("ini uwsgi", "probe");
    make_certificate(server.dir());
    for (from, to) in [("foobar.crt", "shop.pem"), ("foobar.key", "shop.key")] {
        std::fs::copy(server.dir().join(from), server.dir().join(to)).expect("a certificate");
    }
    let (_nginx, front) = nginx("nginx tls", &server);
    let text = curl(server.dir(), &format!("--http2 https://{front}/environ"));
    let environ: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&environ["wsgi.url_scheme"], &environ["HTTPS"]), (&"https".into(), &"on".into()), "{environ:#}");
}

#[test]
fn streams_and_websockets() {
    let server = shop("ini stream", "websocket");
    let (_nginx, front) = nginx("nginx stream", &server);
    let mut client = Client::tcp(front);
    client.send(
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head = client.head().expect(101);
    assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[test]
fn files_that_the_application_has_allowed() {
    let server = shop("ini uwsgi", "files");
    let (_nginx, front) = nginx("nginx accel", &server);
    let mut client = Client::tcp(front);
    let answer = client.get("/app?X-Accel-Redirect=/protected/report.txt").expect(200);
    assert_eq!((answer.text(), answer.header("x-accel-redirect")), ("for you alone", None));
    client.get("/protected/report.txt").expect(404);
}

#[test]
fn the_proxy_protocol() {
    let server = shop("ini proxy", "probe");
    let command = block("sh proxy").replace("127.0.0.1:9090", &server.address(9090).to_string());
    let arguments = command.strip_prefix("curl ").expect("a command of curl");
    let environ: serde_json::Value = serde_json::from_str(&curl(server.dir(), arguments)).expect("JSON");
    // curl says who it is: the header counts, though here it tells nothing else than the connection.
    assert_eq!(environ["REMOTE_ADDR"], "127.0.0.1", "{environ:#}");
    server.connect(9090).send("GET /environ HTTP/1.1\r\nHost: localhost\r\n\r\n").response().expect(400);
}
