//! What a Django project is asked in the rows about it.

use std::fmt::Write as _;
use std::process::Command;

use regex::Regex;

use crate::support::{Response, Running};

/// What has to be right in a project that has just been started.
pub(super) fn about(server: &Running, version: &str) {
    assert_eq!(server.get(9090, "/").expect(200).text(), "It works");
    let about = server.get(9090, "/about/").expect(200).json();
    assert!(about["django"].as_str().expect("a version").starts_with(version), "{about:#}");
    assert_eq!(about["settings"], "myproject.settings");
    assert_eq!(about["scheme"], "http");
    assert_eq!(about["host"], "localhost");
    assert_eq!(about["address"], "127.0.0.1");
    assert_eq!(about["script_name"], "");
    let missing = server.get(9090, "/nothing/").expect(404);
    assert!(missing.text().contains("Not Found"), "{}", missing.text());
}

/// Cookies that an answer sets, as a request sends them.
fn cookies(response: &Response) -> String {
    let set = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    set.map(|(_, value)| value.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join("; ")
}

fn token(response: &Response) -> String {
    let pattern = Regex::new(r#"name="csrfmiddlewaretoken" value="(\w+)""#).expect("a pattern");
    pattern.captures(response.text()).unwrap_or_else(|| panic!("no token in {}", response.text()))[1].to_owned()
}

fn post(server: &Running, path: &str, cookies: &str, kind: &str, body: &[u8]) -> Response {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    server.ask(9090, [head.as_bytes(), body].concat())
}

pub(super) fn log_in(server: &Running) {
    let page = server.get(9090, "/admin/login/").expect(200);
    assert!(page.text().contains("Django site admin"), "{}", page.text());
    let form = format!("csrfmiddlewaretoken={}&username=admin&password=secret&next=/admin/", token(&page));
    let kind = "application/x-www-form-urlencoded";
    let entered = post(server, "/admin/login/", &cookies(&page), kind, form.as_bytes()).expect(302);
    assert_eq!(entered.header("location"), Some("/admin/"));
    let index = server
        .ask(
            9090,
            format!(
                "GET /admin/ HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nConnection: close\r\n\r\n",
                cookies(&entered)
            ),
        )
        .expect(200);
    assert!(index.text().contains("Site administration"), "{}", index.text());
}

pub(super) fn post_form(server: &Running) {
    let page = server.get(9090, "/notes/").expect(200);
    let kind = "application/x-www-form-urlencoded";
    let form = format!("csrfmiddlewaretoken={}&text=gr%C3%BC%C3%9Fe+%26+more", token(&page));
    let stored = post(server, "/notes/", &cookies(&page), kind, form.as_bytes()).expect(302);
    assert_eq!(stored.header("location"), Some("/notes/"));
    let page = server.get(9090, "/notes/").expect(200);
    assert!(page.text().contains("<li>gr\u{fc}\u{df}e &amp; more</li>"), "{}", page.text());
    // Without the token Django refuses: what the client sends really reaches the middleware.
    post(server, "/notes/", "", kind, b"text=forged").expect(403);
}

pub(super) fn upload(server: &Running) {
    let page = server.get(9090, "/upload/").expect(200);
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let head = format!(
        "--boundary\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{}\r\n\
         --boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n",
        token(&page)
    );
    let body = [head.as_bytes(), &content, b"\r\n--boundary--\r\n"].concat();
    let kind = "multipart/form-data; boundary=boundary";
    let answer = post(server, "/upload/", &cookies(&page), kind, &body).expect(200).json();
    assert_eq!(answer["size"], content.len());
    assert_eq!(answer["name"], "big.bin");
    assert_eq!(answer["sha256"], sha256(&content));
}

/// By coreutils, so that the sum does not come from the code under test.
fn sha256(content: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), content).expect("written");
    let output = Command::new("sha256sum").arg(file.path()).output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout).split(' ').next().expect("a sum").to_owned()
}

pub(super) fn stream(server: &Running) {
    let mut expected = String::new();
    for n in 0..5000 {
        let _ = writeln!(expected, "row {n}");
    }
    let response = server.get(9090, "/stream/").expect(200);
    assert!(response.text() == expected, "{} bytes of {}", response.body.len(), expected.len());
}
