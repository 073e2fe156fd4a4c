//! Certificates by name, their renewal while a connection is open, HSTS and `tls-profile`, all through the options.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::openssl::{curl, openssl, run};
use crate::support::{Running, Server, eventually};

const APP: &str = "--wsgi-file {lab}/hello/foobar.py --master";

/// Makes `NAME.crt` and `NAME.key` for a server of that name.
fn make(folder: &Path, name: &str) {
    let files = format!("-keyout {name}.key -out {name}.crt");
    openssl(folder, &format!("req -x509 -newkey rsa:2048 -nodes {files} -subj /CN={name} -days 9"));
}

/// The name in the certificate that is shown to who asks for `name`.
fn shown(server: &Running, name: &str) -> String {
    let address = server.address(9090);
    let output = run(server.dir(), "openssl", &format!("s_client -connect {address} -servername {name}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let subject = text.lines().find_map(|line| line.strip_prefix("subject=CN = "));
    subject.unwrap_or_else(|| panic!("{name}: {text}")).to_owned()
}

#[test]
fn the_options_for_names_choose_certificates() {
    let server = Server::new(&format!("--https {{ip}}:9090,own.test.crt,own.test.key --sni-dir names {APP}"))
        .arg("--sni")
        .arg("named.test named.test.crt,named.test.key")
        .arg("--sni-regexp")
        .arg(r"^shop\d+\.test$ shop.test.crt,shop.test.key");
    let folder = server.dir().to_owned();
    ["own.test", "named.test", "shop.test"].iter().for_each(|name| make(&folder, name));
    std::fs::create_dir(folder.join("names")).expect("a folder");
    make(&folder.join("names"), "filed.test");
    let server = server.start();
    for (name, certificate) in [
        ("own.test", "own.test"),
        ("named.test", "named.test"),
        ("shop7.test", "shop.test"),
        ("filed.test", "filed.test"),
        ("shop.test", "own.test"),
    ] {
        assert_eq!(shown(&server, name), certificate, "{name}");
    }
    // A file that comes while it serves.
    make(&folder, "late.test");
    for ending in ["key", "crt"] {
        let file = format!("late.test.{ending}");
        std::fs::rename(folder.join(&file), folder.join("names").join(&file)).expect("moved");
    }
    eventually("the new name is known", || (shown(&server, "late.test") == "late.test").then_some(()));
}

#[test]
fn a_renewed_certificate_leaves_open_connections_alone() {
    let server = Server::new(&format!("--https {{ip}}:9090,own.crt,own.key {APP}"));
    let folder = server.dir().to_owned();
    for name in ["first.test", "second.test"] {
        make(&folder, name);
    }
    let put = |name: &str| {
        for ending in ["key", "crt"] {
            std::fs::copy(folder.join(format!("{name}.{ending}")), folder.join("new")).expect("copied");
            std::fs::rename(folder.join("new"), folder.join(format!("own.{ending}"))).expect("renamed");
        }
    };
    put("first.test");
    let server = server.start();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &server.address(9090).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let mut input = client.stdin.take().expect("a pipe");
    let mut output = BufReader::new(client.stdout.take().expect("a pipe"));
    let mut ask = || {
        input.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the client listens");
        let mut line = String::new();
        output.read_line(&mut line).expect("an answer");
        while !line.ends_with("\r\n\r\n") {
            assert!(output.read_line(&mut line).expect("a head") > 0, "{line}");
        }
        let mut body = [0; 11];
        output.read_exact(&mut body).expect("a body");
        (line.lines().next().unwrap_or_default().to_owned(), body)
    };
    let answer = ("HTTP/1.1 200 OK".to_owned(), *b"Hello World");
    assert_eq!(ask(), answer);
    assert_eq!(shown(&server, "any"), "first.test");
    put("second.test");
    eventually("the new certificate is shown", || (shown(&server, "any") == "second.test").then_some(()));
    assert_eq!(ask(), answer, "the same connection goes on");
    server.log.wait_for("certificates have changed and are in use");
    // Files that do not fit are named, and what was there is shown on.
    std::fs::copy(folder.join("first.test.key"), folder.join("own.key")).expect("copied");
    server.log.wait_for("certificates stay as they were: .*own.key does not belong to the certificate");
    assert_eq!(shown(&server, "any"), "second.test");
    client.kill().expect("it lives");
    client.wait().expect("its end");
}

#[test]
fn browsers_are_told_to_use_https_and_old_versions_are_turned_away() {
    let options = "--https-hsts 3600 --tls-profile modern";
    let server = Server::new(&format!("--https {{ip}}:9090,own.test.crt,own.test.key {options} {APP}"));
    make(server.dir(), "own.test");
    let server = server.start();
    let url = format!("https://{}/", server.address(9090));
    for version in ["--http1.1", "--http2"] {
        let head = curl(server.dir(), &format!("{version} -D - -o /dev/null {url}")).to_ascii_lowercase();
        assert!(head.contains("\r\nstrict-transport-security: max-age=3600\r\n"), "{head}");
    }
    let old = run(server.dir(), "curl", &format!("-sk --max-time 20 --tls-max 1.2 {url}"));
    assert!(!old.status.success() && old.stdout.is_empty(), "{old:?}");
}
