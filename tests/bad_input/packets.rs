//! Broken packets of the uwsgi protocol.

use crate::support::uwsgi::{encode, get, packet, packet_of, request};
use crate::support::{Kind, Running, Server};

fn start(options: &str) -> Running {
    Server::of(Kind::Rsgi, &format!("--socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}")).start()
}

/// The packet is answered with an error of the client's, or the connection closed; then the server still answers.
#[track_caller]
fn refused(server: &Running, what: &str, packet: &[u8]) {
    let mut client = server.connect(3031);
    client.send(packet).finish();
    let answer = String::from_utf8_lossy(&client.rest()).into_owned();
    let status = answer.get(9..12).unwrap_or("");
    let refused = answer.starts_with("HTTP/1.") && (status.starts_with('4') || status == "501");
    assert!(answer.is_empty() || refused, "{what}: {answer}");
    server.connect(3031).send(encode(&get("/hello"))).response().expect(200);
}

#[test]
fn malformed_blocks() {
    let server = start("");
    let worker =
        |server: &Running| server.connect(3031).send(encode(&get("/process"))).response().json()["pid"].clone();
    let before = worker(&server);
    for (what, bytes) in [
        ("an empty packet", vec![0, 0, 0, 0]),
        ("a key without an end", vec![0, 4, 0, 0, 0xff, 0xff, b'a', b'b']),
        ("a value without an end", vec![0, 6, 0, 0, 1, 0, b'a', 9, 0, b'b']),
        ("a key without a value", vec![0, 3, 0, 0, 1, 0, b'a']),
        ("half a length", vec![0, 1, 0, 0, 1]),
        ("an empty key", packet_of(0, 0, &[(b"", b"value"), (b"REQUEST_METHOD", b"GET")])),
        ("less than was announced", vec![0, 200, 0, 0, 1, 0]),
        ("half a head", vec![0, 200]),
        ("noise", vec![0xff; 300]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a modifier nobody serves", packet_of(5, 0, &[(b"REQUEST_METHOD", b"GET")])),
        (
            "a length that is none",
            packet(&[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "-3"), ("PATH_INFO", "/echo")]),
        ),
        (
            "a length beyond all bounds",
            packet(&[("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "99999999999999999999999")]),
        ),
    ] {
        refused(&server, what, &bytes);
    }
    assert_eq!(worker(&server), before);
}

#[test]
fn a_packet_that_is_too_large() {
    let server = start("--buffer-size 4096");
    let mut vars = get("/hello");
    vars.push(("HTTP_COOKIE".to_owned(), "c".repeat(5000)));
    let mut client = server.connect(3031);
    let _ = client.try_send(encode(&vars));
    client.response().expect(431);
    // The line names the limit and the option that raises it.
    server.log.wait_for("buffer-size");
}

#[test]
fn ping_is_answered() {
    let server = start("");
    assert_eq!(server.connect(3031).send([100, 0, 0, 0]).rest(), [100, 0, 0, 1]);
}

#[test]
fn the_later_of_equal_keys_wins() {
    let server = start("");
    let mut vars = get("/environ");
    vars.push(("HTTP_X_A".to_owned(), "first".to_owned()));
    vars.push(("HTTP_X_A".to_owned(), "second".to_owned()));
    let environ = server.connect(3031).send(encode(&vars)).response().expect(200).json();
    assert_eq!(environ["HTTP_X_A"], "second");
}

#[test]
fn more_variables_than_uwsgi_takes() {
    let server = start("");
    let mut vars = get("/environ");
    vars.extend((0..500).map(|n| (format!("HTTP_X_{n}"), n.to_string())));
    let environ = server.connect(3031).send(encode(&vars)).response().expect(200).json();
    assert_eq!(environ["HTTP_X_499"], "499");
}

/// uWSGI loads whatever file a packet names.
#[test]
fn variables_that_load_code_are_refused() {
    let server = start("");
    for (key, value) in [
        ("UWSGI_FILE", "{dir}/evil.py"),
        ("UWSGI_SCRIPT", "evil"),
        ("UWSGI_MODULE", "evil"),
        ("UWSGI_CALLABLE", "environ"),
        ("UWSGI_HOME", "/tmp"),
        ("UWSGI_PYHOME", "/tmp"),
        ("UWSGI_CHDIR", "/tmp"),
        ("UWSGI_SETENV", "LAB_EVIL=1"),
        ("UWSGI_POSTFILE", "/etc/passwd"),
        ("UWSGI_TOUCH_RELOAD", "/etc/passwd"),
    ] {
        let evil = server.dir().join("evil.py");
        std::fs::write(
            &evil,
            "open(__file__ + '.ran', 'w')\ndef application(e, s):\n    s('200 OK', [])\n    return [b'evil']\n",
        )
        .expect("written");
        let mut vars = get("/process");
        vars.push((key.to_owned(), value.replace("{dir}", &server.dir().display().to_string())));
        let raw = server.connect(3031).send(encode(&vars)).rest();
        let answer = String::from_utf8_lossy(&raw).into_owned();
        assert!(!answer.ends_with("evil") && !answer.contains("LAB_EVIL"), "{key}: {answer}");
        assert!(!server.dir().join("evil.py.ran").exists(), "{key} ran code");
    }
    let process = server.connect(3031).send(encode(&get("/process"))).response().json();
    assert_eq!(process["cwd"], server.dir().display().to_string());
}

#[test]
fn limit_post() {
    let server = start("--limit-post 1000");
    server.connect(3031).send(encode(&request("POST", "/count", 1001))).response().expect(413);
}

#[test]
fn a_body_that_ends_early() {
    let server = start("--socket-timeout 2");
    let mut client = server.connect(3031);
    client.send(encode(&request("POST", "/echo", 100))).send("only this").finish();
    let answer = String::from_utf8_lossy(&client.rest()).into_owned();
    assert!(!answer.contains(" 200 "), "half a body is no body: {answer}");
    server.connect(3031).send(encode(&get("/hello"))).response().expect(200);
}

#[test]
fn an_unknown_protocol_is_not_echoed() {
    let server = start("");
    let vars: Vec<(String, String)> = get("/hello")
        .into_iter()
        .map(|(key, value)| if key == "SERVER_PROTOCOL" { (key, "FOO/9\r\nX: 1".to_owned()) } else { (key, value) })
        .collect();
    let answer = String::from_utf8_lossy(&server.connect(3031).send(encode(&vars)).rest()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{answer}");
}
