//! The second half of line 13: who waits for `100 Continue`, gets it when the application reads, and only then.

use super::witness::{self, DOORS, value};

const EXPECTING: &str = "HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn line_13_a_reading_application_lets_the_client_go_on() {
    let server = witness::start("");
    for (door, port) in DOORS {
        let mut client = server.connect(port);
        for _ in 0..2 {
            client.send(format!("POST /read {EXPECTING}"));
            assert_eq!(client.head().status, 100, "{door}");
            let answer = client.send("hello").response().expect(200);
            let number = answer.header("X-Number").and_then(|number| number.parse().ok()).expect("a number");
            assert_eq!(value(&witness::records(&server)[&number], "body"), Some("hello"), "{door}");
        }
    }
}

#[test]
fn line_13_an_application_that_does_not_read_does_not() {
    let server = witness::start("");
    for (door, port) in DOORS {
        let mut client = server.connect(port);
        let answer = client.send(format!("POST /unread {EXPECTING}")).response().expect(200);
        assert_eq!((answer.interim.len(), answer.header("Connection")), (0, Some("close")), "{door}");
        // Whether the body follows is not known: what comes now is no request.
        let _ = client.try_send("GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(client.closed(), "{door}");
    }
    let hidden = witness::records(&server).values().any(|record| value(record, "PATH_INFO") == Some("/hidden"));
    assert!(!hidden);
}
