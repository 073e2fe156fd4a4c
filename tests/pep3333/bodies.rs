//! `wsgi.input` in every way of reading it, with a length, in chunks, and without a body.

use super::door::{Body, DOORS, Door, start};
use crate::support::{Running, eventually};

const TEXT: &[u8] = b"one\ntwo\n\nthree";

/// Asks through each door, with each framing it knows, and compares the answer.
#[track_caller]
fn everywhere(server: &Running, target: &str, body: &[u8], expected: &str) {
    for door in DOORS {
        let chunked = (door != Door::Uwsgi).then_some(Body::Chunked(body));
        for body in [Some(Body::Length(body)), chunked].into_iter().flatten() {
            let response = door.ask(server, "POST", target, body).expect(200);
            assert_eq!(response.text(), expected, "{target} through {door:?} with {body:?}");
        }
    }
}

#[test]
fn read() {
    let server = start("");
    everywhere(&server, "/read_all", b"hello", "hello|");
    everywhere(&server, "/read_no_argument", b"hello", "hello|");
    everywhere(&server, "/read_minus_one", b"hello", "he|llo|");
    everywhere(&server, "/read_in_steps", b"0123456789", "012|345|678|9");
    everywhere(&server, "/read_nothing", b"hello", "b''");
    everywhere(&server, "/wrapped", "gr\u{fc}n".as_bytes(), "gr\u{fc}n");
}

#[test]
fn lines() {
    let server = start("");
    everywhere(&server, "/readline", TEXT, r"[b'one\n', b'two\n', b'\n', b'three']");
    everywhere(&server, "/readline_with_size", TEXT, r"[b'one\n', b'two\n', b'\n', b'three']");
    everywhere(&server, "/readline_with_size", b"longer line\nrest", r"[b'long', b'er line\n', b'rest', b'']");
    everywhere(&server, "/readlines", TEXT, r"[b'one\n', b'two\n', b'\n', b'three']");
    everywhere(&server, "/readlines_with_hint", TEXT, r"b'one\n'");
    everywhere(&server, "/iterate", TEXT, r"[b'one\n', b'two\n', b'\n', b'three']");
    everywhere(&server, "/mixed", TEXT, r"[b'on', b'e\n', b't', [b'wo\n', b'\n', b'three']]");
}

#[test]
fn a_request_without_a_body_ends_at_once() {
    let server = start("");
    for door in DOORS {
        for method in ["GET", "POST"] {
            for (target, expected) in [
                ("/read_all", "|"),
                ("/read_no_argument", "|"),
                ("/readline", "[]"),
                ("/readlines", "[]"),
                ("/iterate", "[]"),
            ] {
                let response = door.ask(&server, method, target, Body::None).expect(200);
                assert_eq!(response.text(), expected, "{method} {target} through {door:?}");
            }
            assert_eq!(door.ask(&server, method, "/read_all", Body::Length(b"")).expect(200).text(), "|");
        }
    }
}

#[test]
fn large_bodies_arrive_whole_with_and_without_post_buffering() {
    for options in ["", "--post-buffering 8192"] {
        let server = start(options);
        // Lines of different lengths across every buffer's edge.
        let body: String = (0..40_000).map(|n| format!("{n}{}\n", "x".repeat(n % 37))).collect();
        for door in DOORS {
            let response = door.ask(&server, "POST", "/read_no_argument", Body::Length(body.as_bytes())).expect(200);
            assert!(response.text().strip_suffix('|') == Some(&body), "{door:?}: {} bytes", response.body.len());
            let response =
                door.ask(&server, "POST", "/read_in_steps", Body::Length(&body.as_bytes()[..90_000])).expect(200);
            assert_eq!(response.body.len(), 90_000 + 29_999, "{door:?}");
        }
        let response =
            Door::HttpSocket.ask(&server, "POST", "/read_no_argument", Body::Chunked(body.as_bytes())).expect(200);
        assert!(response.text().strip_suffix('|') == Some(&body), "chunked: {} bytes", response.body.len());
    }
}

#[test]
fn a_client_that_goes_away_is_an_error_of_reading_and_not_an_empty_body() {
    let server = start("");
    for door in DOORS {
        let mut client = door.connect(&server);
        // More than is read ahead, so that the application is reading when the client leaves.
        let request = door.request("POST", "/slow_reader", Body::Length(&vec![b'x'; 400_000]));
        client.send(&request[..request.len() - 100_000]);
        drop(client);
    }
    // A server may notice before it calls the application: then there is nothing to tell.
    for door in DOORS {
        eventually("the server goes on", || (door.get(&server, "/report").status == 200).then_some(()));
    }
    let report = Door::HttpSocket.get(&server, "/report").expect(200).json();
    for error in report["errors"].as_array().expect("a list") {
        assert!(!error.as_str().expect("text").starts_with("no error"), "{report:#}");
    }
}
