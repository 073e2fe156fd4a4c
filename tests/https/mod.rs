//! HTTPS as people meet it: the quickstart's `openssl` commands, curl, `openssl s_client`, bad files, files for root only.

mod direct;
mod names;
mod openssl;
mod sessions;

use nix::unistd::{User, geteuid};

use crate::support::Server;
use crate::support::openssl::{curl, make_certificate, openssl, run};

/// Answers with what it is told.
const TELLS: &str = "\
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    keys = ('HTTPS', 'wsgi.url_scheme', 'SERVER_PROTOCOL', 'SERVER_PORT', 'HTTP_HOST')
    return [' '.join(environ[key] for key in keys).encode()]
";

#[test]
fn curl_and_openssl_agree_on_the_versions() {
    let server = Server::new("--https {ip}:9090,foobar.crt,foobar.key --http-to-https {ip}:8080 --wsgi-file app.py");
    make_certificate(server.dir());
    let server = server.file("app.py", TELLS).start();
    let url = format!("https://{}/", server.address(9090));
    let host = server.address(9090).to_string();
    assert_eq!(curl(server.dir(), &format!("--http1.1 {url}")), format!("on https HTTP/1.1 9090 {host}"));
    assert_eq!(curl(server.dir(), &format!("--http2 {url}")), format!("on https HTTP/2.0 9090 {host}"));
    assert_eq!(curl(server.dir(), &format!("--http2 -d a=b {url}")), format!("on https HTTP/2.0 9090 {host}"));

    let shown = run(server.dir(), "openssl", &format!("s_client -connect {host} -alpn h2,http/1.1 -brief"));
    let shown = String::from_utf8_lossy(&shown.stderr).into_owned() + &String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("TLSv1.3"), "{shown}");

    let sent_on = server.ask(8080, "GET /x?y HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n").expect(301);
    assert_eq!(sent_on.header("Location"), Some("https://example.org/x?y"));
    // Who names the port that is open here finds the encrypted one beside it.
    let plain = server.address(8080);
    let url = format!("http://{plain}/");
    assert_eq!(curl(server.dir(), &format!("--http1.1 -L {url}")), format!("on https HTTP/1.1 9090 {host}"));
    assert_eq!(server.stop().code, 0);
}

#[test]
fn files_that_do_not_do_end_the_start() {
    for (files, complaint) in [
        ("missing.crt,foobar.key", "missing.crt cannot be read"),
        ("foobar.crt,missing.key", "missing.key cannot be read"),
        ("foobar.crt,other.key", "does not belong to the certificate"),
        ("foobar.key,foobar.key", "does not hold a certificate"),
        ("foobar.crt,foobar.crt", "does not hold a private key"),
    ] {
        let server = Server::new(&format!("--https {{ip}}:9090,{files} --wsgi-file {{lab}}/hello/foobar.py"));
        make_certificate(server.dir());
        openssl(server.dir(), "genrsa -out other.key 2048");
        let ended = server.run();
        assert_eq!(ended.code, 1, "{files}: {}", ended.log);
        let told: Vec<_> = ended.log.lines().filter(|line| line.contains(complaint)).collect();
        assert_eq!(told.len(), 1, "{files}: {}", ended.log);
        assert!(!ended.log.contains("Python version"), "nothing else was begun: {}", ended.log);
    }
}

/// `dac_read_search`: the interpreter of the tests may lie where only root can look.
#[test]
fn a_key_for_root_only_and_a_shared_socket() {
    let files = "=0,foobar.crt,foobar.key";
    let arguments =
        format!("--shared-socket {{ip}}:443 --https {files} --wsgi-file {{lab}}/hello/foobar.py --uid nobody");
    let server = Server::new(&arguments).arg("--cap").arg("dac_read_search");
    make_certificate(server.dir());
    if !geteuid().is_root() {
        let ended = server.run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        return;
    }
    let server = server.start();
    assert_eq!(curl(server.dir(), &format!("https://{}/", server.address(443))), "Hello World");
    let nobody = User::from_name("nobody").expect("the user database").expect("nobody").uid.to_string();
    for process in server.processes() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("the process lives");
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a user");
        assert!(uid.split_whitespace().all(|uid| uid == nobody), "{process:?}: {uid}");
    }
    assert_eq!(server.stop().code, 0);
}

#[test]
fn answers_are_compressed_in_every_version_of_http() {
    const APP: &str = "\
def application(environ, start_response):
    start_response('200 OK', [('uWSGI-Encoding', 'gzip'), ('Content-Type', 'text/plain')])
    return (b'0123456789' * 1000 for _ in range(100))
";
    let server = Server::new("--https {ip}:9090,foobar.crt,foobar.key --http-auto-gzip --wsgi-file app.py");
    make_certificate(server.dir());
    let server = server.file("app.py", APP).start();
    let url = format!("https://{}/", server.address(9090));
    for version in ["--http1.0", "--http1.1", "--http2"] {
        let plain = curl(server.dir(), &format!("{version} {url}"));
        assert_eq!(curl(server.dir(), &format!("{version} --compressed {url}")), plain, "{version}");
        let size = curl(server.dir(), &format!("{version} --compressed -o taken -w %{{size_download}} {url}"));
        assert!(plain.len() == 1_000_000 && size.parse::<usize>().expect("a number") < 50_000, "{version}: {size}");
    }
}
