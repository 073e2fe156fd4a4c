//! The environ: its flags, its strings, its life.

use super::door::{Body, DOORS, Door, start};

#[test]
fn flags() {
    let server = start("");
    for door in DOORS {
        let seen = door.get(&server, "/flags").expect(200).json();
        assert_eq!(
            seen,
            serde_json::json!({
                "wsgi.version": [1, 0], "wsgi.url_scheme": "http", "wsgi.multithread": true, "wsgi.multiprocess": false,
                "wsgi.run_once": false, "type": "dict", "strings": true,
            }),
            "{door:?}"
        );
    }
}

#[test]
fn bytes_travel_as_latin_1() {
    let server = start("");
    for door in [Door::HttpSocket, Door::Router] {
        let mut request = b"GET /latin/%E4%C3%A4%FF HTTP/1.1\r\nHost: localhost\r\nX-Name: ".to_vec();
        request.extend([0xe4, 0xc3, 0xa4, 0xff]);
        request.extend(b"\r\n\r\n");
        let response = door.connect(&server).send(request).response().expect(200);
        assert_eq!(response.body, b"/latin/\xe4\xc3\xa4\xff|\xe4\xc3\xa4\xff", "{door:?}");
    }
    let mut client = Door::Uwsgi.connect(&server);
    let packet = crate::support::uwsgi::packet_of(
        0,
        0,
        &[
            (b"REQUEST_METHOD", b"GET"),
            (b"SCRIPT_NAME", b""),
            (b"PATH_INFO", b"/latin/\xe4"),
            (b"QUERY_STRING", b""),
            (b"SERVER_NAME", b"localhost"),
            (b"SERVER_PORT", b"80"),
            (b"SERVER_PROTOCOL", b"HTTP/1.1"),
            (b"REQUEST_URI", b"/latin"),
            (b"HTTP_X_NAME", b"\xff"),
        ],
    );
    assert_eq!(client.send(packet).response().expect(200).body, b"/latin/\xe4|\xff");
}

#[test]
fn wsgi_errors_and_the_standard_streams_go_to_the_log() {
    let server = start("");
    Door::HttpSocket.get(&server, "/errors").expect(200);
    for line in [
        "^written to wsgi.errors: \u{e4}\u{20ac}$",
        "^line one of writelines$",
        "^line two of writelines$",
        "^printed to stdout$",
        "^printed to stderr$",
    ] {
        server.log.wait_for(line);
    }
}

#[test]
fn what_an_application_changes_is_gone_at_the_next_request() {
    let server = start("");
    for door in DOORS {
        let mut client = door.connect(&server);
        for _ in 0..2 {
            if door == Door::Uwsgi {
                client = door.connect(&server);
            }
            let response = client.send(door.request("GET", "/mutable", Body::None)).response().expect(200);
            assert_eq!(response.text(), "clean", "{door:?}");
        }
    }
}

/// uWSGI clears it (listed in docs/differences.md).
#[test]
fn an_environ_that_is_kept_stays_as_it_was() {
    let server = start("");
    let mut client = Door::HttpSocket.connect(&server);
    client.get("/kept?first").expect(200);
    client.get("/kept?second").expect(200);
    assert_eq!(client.get("/kept?third").expect(200).text(), "['first', 'second', 'third']");
}
