//! `start_response`, `write()`, iterables, `close()`, `exc_info`.

use super::door::{Body, DOORS, Door, closed, start};
use crate::support::{Framing, eventually};

#[test]
fn write_and_generators() {
    let server = start("");
    for door in DOORS {
        assert_eq!(door.get(&server, "/write").expect(200).text(), "written twice then returned", "{door:?}");
        assert_eq!(door.get(&server, "/generator").expect(200).text(), "abc", "{door:?}");
        assert_eq!(door.get(&server, "/late_start").expect(201).text(), "late", "{door:?}");
    }
}

#[test]
fn what_was_yielded_reaches_the_client_before_the_next_step() {
    let server = start("");
    for door in DOORS {
        let mut client = door.connect(&server);
        client.send(door.request("GET", "/interleaved", Body::None));
        let mut count = 1;
        while !client.peek(count).windows(6).any(|window| window == b"first ") {
            count = client.peek(count).len() + 1;
        }
        // The second piece waits for this request.
        door.get(&server, "/go").expect(200);
        assert_eq!(client.response().expect(200).text(), "first second", "{door:?}");
    }
}

#[test]
fn statuses_and_headers_arrive_as_given() {
    let server = start("");
    for door in DOORS {
        let response = door.get(&server, "/headers").expect(200);
        let cookies: Vec<&str> =
            response.headers.iter().filter(|(name, _)| name == "Set-Cookie").map(|(_, value)| value.as_str()).collect();
        assert_eq!(cookies, ["a=1", "b=2"], "{door:?}");
        assert_eq!(response.header("x-empty"), Some(""), "{door:?}");
        assert_eq!(response.header("x-latin"), Some("caf\u{e9}"), "{door:?}");
        let response = door.get(&server, "/own_reason").expect(299);
        assert_eq!(response.reason, "Quite Fine Indeed", "{door:?}");
    }
}

#[test]
fn answers_without_a_body() {
    let server = start("");
    for door in DOORS {
        assert_eq!(door.get(&server, "/no_body").expect(200).text(), "", "{door:?}");
        assert_eq!(door.get(&server, "/not_modified").expect(304).header("etag"), Some("\"x\""), "{door:?}");
        if door != Door::Uwsgi {
            let mut client = door.connect(&server);
            client.send(door.request("GET", "/not_modified", Body::None)).response().expect(304);
            client.send(door.request("GET", "/no_body", Body::None)).response().expect(200);
        }
    }
}

#[test]
fn head_runs_the_application_and_sends_no_body() {
    let server = start("");
    for door in DOORS {
        let mut client = door.connect(&server);
        client.send(door.request("HEAD", "/closing?head", Body::None));
        client.response_to_head().expect(200);
        if door == Door::Uwsgi {
            assert!(client.closed(), "bytes after a head");
        } else {
            assert_eq!(client.send(door.request("GET", "/generator", Body::None)).response().expect(200).text(), "abc");
        }
    }
    eventually("three closes", || (closed(&server, "head") == 3).then_some(()));
}

#[test]
fn close_runs_exactly_once() {
    let server = start("");
    for door in DOORS {
        for case in ["closing", "closing_empty"] {
            let name = format!("{case}-{door:?}");
            door.get(&server, &format!("/{case}?{name}")).expect(200);
            eventually("close()", || (closed(&server, &name) > 0).then_some(()));
            assert_eq!(closed(&server, &name), 1, "{name}");
        }
    }
}

#[test]
fn close_runs_exactly_once_after_an_error() {
    let server = start("");
    for door in DOORS {
        for case in ["closing_after_error", "closing_before_output", "closing_that_raises"] {
            let name = format!("{case}-{door:?}");
            door.connect(&server).send(door.request("GET", &format!("/{case}?{name}"), Body::None)).rest_or_response();
            eventually("close()", || (closed(&server, &name) > 0).then_some(()));
            assert_eq!(closed(&server, &name), 1, "{name}");
        }
    }
    server.log.wait_for("RuntimeError: in the middle");
    server.log.wait_for("RuntimeError: before the first piece");
    server.log.wait_for(r"RuntimeError: close\(\) failed");
}

#[test]
fn close_runs_exactly_once_when_the_client_goes_away() {
    let server = start("");
    for door in DOORS {
        let name = format!("endless-{door:?}");
        let mut client = door.connect(&server);
        client.send(door.request("GET", &format!("/closing_endless?{name}"), Body::None));
        client.peek(100_000);
        drop(client);
        eventually("close()", || (closed(&server, &name) > 0).then_some(()));
        assert_eq!(closed(&server, &name), 1, "{name}");
    }
}

#[test]
fn write_to_a_client_that_is_gone_is_an_oserror() {
    let server = start("");
    let mut client = Door::HttpSocket.connect(&server);
    client.send(Door::HttpSocket.request("GET", "/writing_endless", Body::None)).peek(100_000);
    drop(client);
    eventually("the error", || {
        let report = Door::HttpSocket.get(&server, "/report").expect(200).json();
        (!report["errors"].as_array().expect("a list").is_empty()).then_some(())
    });
}

#[test]
fn exc_info() {
    let server = start("");
    for door in DOORS {
        let response = door.get(&server, "/replaced").expect(503);
        assert_eq!(response.text(), "replaced", "{door:?}");
        assert_eq!(response.header("x-first"), None, "{door:?}");
        assert_eq!(door.get(&server, "/too_late").expect(200).text(), "sent re-raised: too late", "{door:?}");
        assert_eq!(door.get(&server, "/twice").expect(200).text(), "refused: AssertionError", "{door:?}");
    }
}

#[test]
fn more_bytes_than_announced_are_cut_and_the_connection_stays_in_step() {
    let server = start("");
    for door in [Door::HttpSocket, Door::Router] {
        let mut client = door.connect(&server);
        let response = client.send(door.request("GET", "/too_long", Body::None)).response().expect(200);
        assert_eq!((response.text(), response.framing), ("12345", Framing::Length), "{door:?}");
        assert_eq!(client.send(door.request("GET", "/generator", Body::None)).response().expect(200).text(), "abc");
    }
    let raw = Door::Uwsgi.connect(&server).send(Door::Uwsgi.request("GET", "/too_long", Body::None)).rest();
    assert!(raw.ends_with(b"\r\n\r\n12345"), "{}", String::from_utf8_lossy(&raw));
}

#[test]
fn fewer_bytes_than_announced_end_the_connection() {
    let server = start("");
    for door in DOORS {
        let raw = door.connect(&server).send(door.request("GET", "/too_short", Body::None)).rest();
        let raw = String::from_utf8_lossy(&raw).into_owned();
        assert!(raw.ends_with("12345") && raw.contains("200 OK"), "{door:?}: {raw}");
    }
}
