//! Heads, connections, and what an application is told.

use std::io::Write;

use rsgi_proto::link::Request;
use rsgi_proto::{Body, Version};

use super::stage::{Said, Stage, head, value, whole};

#[test]
fn a_request_arrives_as_variables_and_its_answer_as_http() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(
        "GET /a%20b/../c?x=%20y HTTP/1.1\r\nHost: example.org:80\r\nX-One: 1\r\nCookie: a=1\r\nX_One: no\r\n\
         X-One: 2\r\nCookie: b=2\r\nProxy: no\r\nContent-Type: text/x\r\n\r\n",
    );
    let (request, vars) = core.request();
    assert_eq!(
        request,
        Request { body: Body::None, version: Version::Http11, is_head: false, expect_continue: false, upgrade: false }
    );
    let port = client.socket.local_addr().unwrap().port().to_string();
    assert_eq!(value(&vars, "REMOTE_PORT"), port);
    assert_eq!(value(&vars, "SERVER_PORT"), stage.address.port().to_string());
    let shown = vars.iter().filter(|(key, _)| key != "REMOTE_PORT" && key != "SERVER_PORT");
    let shown: String = shown.map(|(key, value)| format!("{key}={value}\n")).collect();
    insta::assert_snapshot!(shown);

    core.reply("hello");
    insta::assert_snapshot!(client.answer("hello"));
}

#[test]
fn a_connection_serves_many_requests_over_one_link() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    for round in 0..3 {
        client.get(&format!("/{round}"));
        assert_eq!(core.path(), format!("/{round}"));
        core.reply("x");
        assert_eq!(client.status(), "HTTP/1.1 200 OK");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
         GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(core.path(), "/1");
    core.reply("one");
    assert_eq!(core.path(), "/2");
    assert_eq!(core.body(), b"abc");
    core.reply("two");
    assert_eq!(core.path(), "/3");
    core.reply("three");
    client.until("one");
    client.until("two");
    client.until("three");
    assert_eq!(client.rest().unwrap(), b"", "nothing is served after a close");
}

#[test]
fn a_pipelined_error_keeps_its_place() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client
        .send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
    assert_eq!(core.path(), "/1");
    core.reply("one");
    client.until("one");
    insta::assert_snapshot!(client.answer("Host\n"));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn improper_heads_are_refused_and_the_connection_ends() {
    let stage = Stage::with(|settings| settings.head.head = 1024);
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(2000));
    let uri = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(2000));
    for (sent, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nHost: h\n\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "400"),
        ("GET / HTTP/9.9\r\nHost: h\r\n\r\n", "505"),
        ("GET /\r\n\r\n", "400"),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "501"),
        (long.as_str(), "431"),
        (uri.as_str(), "414"),
    ] {
        let mut client = stage.client();
        client.send(sent);
        let answer = client.answer("");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{sent:?}: {answer}");
        assert!(answer.contains("Connection: close"), "{sent:?}: {answer}");
        client.socket.shutdown(std::net::Shutdown::Write).unwrap();
        client.rest().unwrap();
    }
}

#[test]
fn http_1_0_closes_unless_asked_to_stay() {
    let stage = Stage::new();
    let mut core = stage.core();
    let mut client = stage.client();
    client.send("GET /old HTTP/1.0\r\n\r\n");
    let (request, vars) = core.request();
    assert_eq!((request.version, value(&vars, "SERVER_PROTOCOL")), (Version::Http10, "HTTP/1.0"));
    core.send(&head("200 OK", "", |_| {}));
    core.data(b"until ");
    core.data(b"the end");
    core.finish();
    let all = String::from_utf8(client.rest().unwrap()).unwrap();
    assert!(all.ends_with("\r\n\r\nuntil the end") && !all.contains("Transfer-Encoding"), "{all}");

    let mut client = stage.client();
    for _ in 0..2 {
        client.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        core.request();
        core.reply("x");
        let answer = client.answer("x").to_lowercase();
        assert!(answer.contains("connection: keep-alive"), "{answer}");
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(core.request().0.is_head);
    // A worker that sends a body all the same, and not even at once.
    core.send(&head("200 OK", "Content-Length: 5\r\n", |_| {}));
    insta::assert_snapshot!(client.answer(""), @r"
    HTTP/1.1 200 OK
    Content-Length: 5

    ");
    core.data(b"hello");
    core.finish();
    for (status, lines) in [("204 No Content", ""), ("304 Not Modified", "Etag: \"x\"\r\n")] {
        client.get("/");
        core.request();
        core.send(&whole(status, lines, b"not for the client"));
        let answer = client.answer("");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\n")), "{answer}");
        assert!(!answer.to_lowercase().contains("content-length"), "{answer}");
    }
}

#[test]
fn an_answer_of_which_the_client_has_all_holds_no_core_for_good() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (request, status, lines) in [
        ("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "200 OK", ""),
        (get, "304 Not Modified", ""),
        (get, "200 OK", "Content-Length: 5\r\n"),
    ] {
        client.send(request);
        core.request();
        core.send(&head(status, lines, |_| {}));
        core.data(b"hello");
        client.status();
        // A little more is let pass, but it does not end.
        core.data(b"hello");
        assert_eq!(core.next(), Said::Abort, "{request}");
        core.finish();
    }
    // The link is as good as before.
    client.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    client.status();
}

#[test]
fn reasons_and_repeated_headers_survive_and_connection_headers_do_not() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    let lines = "Set-Cookie: a=1\r\nset-cookie: b=2\r\nConnection: upgrade\r\nX-Latin: caf\u{e9}\r\nX-Empty: \r\n";
    core.send(&whole("999 Quite Fine", lines, b"."));
    insta::assert_snapshot!(client.answer("."), @r"
    HTTP/1.1 999 Quite Fine
    Set-Cookie: a=1
    Set-Cookie: b=2
    X-Latin: café
    X-Empty: 
    Content-Length: 1

    .
    ");
}

#[test]
fn a_worker_may_close_the_connection() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    let mut answer = head("200 OK", "", |response| {
        (response.close, response.last, response.inline) = (true, true, 1);
    });
    answer.push(b'x');
    core.send(&answer);
    let all = String::from_utf8(client.rest().unwrap()).unwrap();
    assert!(all.contains("Connection: close\r\n"), "{all}");
}

#[test]
fn configured_variables_come_last_and_server_name_may_be_the_host() {
    let stage = Stage::with(|settings| {
        settings.vars = vec![("DEPLOY".into(), "blue".into()), ("HTTPS".into(), "on".into())];
        settings.server_name_is_host = true;
    });
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    let (_, vars) = core.request();
    assert_eq!((value(&vars, "DEPLOY"), value(&vars, "HTTPS"), value(&vars, "SERVER_NAME")), ("blue", "on", "h"));
    assert_eq!(vars.last().unwrap().0, "HTTPS");
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.socket.set_nodelay(true).unwrap();
    for byte in b"POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" {
        client.socket.write_all(&[*byte]).unwrap();
    }
    let (request, _) = core.request();
    assert_eq!(request.body, Body::Chunked);
    assert_eq!(core.body(), b"abc");
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
}

#[test]
fn a_plugin_that_there_is_not_gets_no_request() {
    let stage = Stage::with(|settings| settings.modifier1 = 5);
    let mut client = stage.client();
    client.get("/");
    assert!(client.answer("").starts_with("HTTP/1.1 501 "));
}
