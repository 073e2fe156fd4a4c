//! The second half of line 12: bodies that are longer than what is read ahead. How much of one has come when the answer ends
//! decides whether it is read to its end or the connection closed; it is never taken for requests.

use super::doors::followed;
use super::exchange::{Way, exchange, replies};
use super::witness::{self, DOORS, value};

#[test]
fn line_12_long_bodies_that_nobody_reads_are_no_requests() {
    let server = witness::start("");
    let hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n".repeat(2700);
    let head = "POST /unread HTTP/1.1\r\nHost: h\r\n";
    let plain = format!("{head}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
    let chunk = format!("{:x}\r\n{hidden}\r\n", hidden.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    for body in [plain, chunked] {
        for (door, port) in DOORS {
            for way in [Way::Whole, Way::Split(1), Way::Split(2), Way::Split(3)] {
                let bytes = exchange(server.address(port), &followed(body.as_bytes()), way).expect("an end");
                let count = replies(&bytes).expect("answers").len();
                assert!((1..=2).contains(&count), "{door}: {}", bytes.escape_ascii());
            }
        }
    }
    for record in witness::records(&server).values() {
        assert!(matches!(value(record, "PATH_INFO"), Some("/unread" | "/behind")), "{record:?}");
    }
}
