//! Lengths that are too large, and keys that come twice.

use super::doors::{Door, PACKETS, PROXIES, at_each};
use super::health::Health;
use super::{PORT, start};
use crate::support::Client;

/// Announces as much as there may be or more, and sends nothing of it.
fn announcements(door: &Door) -> Vec<(&'static str, Vec<u8>)> {
    let body =
        |length: &str| (door.say)(&[("REQUEST_METHOD", "POST"), ("PATH_INFO", "/"), ("CONTENT_LENGTH", length)], "x");
    let own: Vec<(&'static str, Vec<u8>)> = match door.name {
        "uwsgi" | "puwsgi" => vec![
            ("a block of 65535 bytes", vec![0, 0xff, 0xff, 0]),
            ("a block of 4096 bytes", vec![0, 0, 0x10, 0]),
            ("a key of 65535 bytes", vec![0, 0, 0x10, 0, 0xff, 0xff, b'k']),
        ],
        "fastcgi" => vec![
            ("a record of 65535 bytes", [begin(), vec![1, 4, 0, 1, 0xff, 0xff, 0xff, 0]].concat()),
            (
                "a key of 2 GB",
                [
                    begin(),
                    vec![
                        1, 4, 0, 1, 0, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, b'k', b'v', b'x', b'x',
                    ],
                    end(),
                ]
                .concat(),
            ),
            (
                "a value of 2 GB",
                [begin(), vec![1, 4, 0, 1, 0, 6, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, b'k'], end()].concat(),
            ),
            ("empty records", [begin(), vec![1, 4, 0, 1, 0, 0, 255, 0]].concat()),
        ],
        "scgi" => vec![
            ("a block of 65536 bytes", b"65536:".to_vec()),
            ("a block of 99999999 bytes", b"99999999:k".to_vec()),
            ("a block of 99999999999999999999 bytes", b"99999999999999999999:k".to_vec()),
            ("a block of 4096 bytes", b"4096:k".to_vec()),
        ],
        _ => vec![
            ("a header of 65535 bytes", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff\x01".to_vec()),
            ("a header of 4000 bytes", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xa0\x01".to_vec()),
            ("a line without an end", [b"PROXY TCP4 ", &[b'1'; 90][..]].concat()),
        ],
    };
    let bodies = if own[0].0.starts_with("a header") {
        Vec::new()
    } else {
        vec![
            ("a body of 2^63 - 1 bytes", body("9223372036854775807")),
            ("a body of 2^64 bytes", body("18446744073709551616")),
            ("a body of 1 TB", body("1099511627776")),
        ]
    };
    [own, bodies].concat()
}

fn begin() -> Vec<u8> {
    vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn end() -> Vec<u8> {
    vec![1, 4, 0, 1, 0, 0, 0, 0]
}

at_each! { cost_nothing at
    announced_lengths_at_uwsgi: PACKETS[0],
    announced_lengths_at_puwsgi: PACKETS[1],
    announced_lengths_at_fastcgi: PACKETS[2],
    announced_lengths_at_scgi: PACKETS[3],
    announced_lengths_of_version_1_at_a_worker: PROXIES[0],
    announced_lengths_of_version_2_at_a_worker: PROXIES[1],
    announced_lengths_of_version_1_at_the_router: PROXIES[2],
    announced_lengths_of_version_2_at_the_router: PROXIES[3],
}

at_each! { refused_at_once at
    beyond_the_limits_at_uwsgi: PACKETS[0],
    beyond_the_limits_at_puwsgi: PACKETS[1],
    beyond_the_limits_at_fastcgi: PACKETS[2],
    beyond_the_limits_at_scgi: PACKETS[3],
    beyond_the_limits_of_version_1_at_a_worker: PROXIES[0],
    beyond_the_limits_of_version_2_at_a_worker: PROXIES[1],
    beyond_the_limits_of_version_1_at_the_router: PROXIES[2],
    beyond_the_limits_of_version_2_at_the_router: PROXIES[3],
}

at_each! { twice at
    keys_twice_at_uwsgi: PACKETS[0],
    keys_twice_at_puwsgi: PACKETS[1],
    keys_twice_at_fastcgi: PACKETS[2],
    keys_twice_at_scgi: PACKETS[3],
}

/// A hundred connections for each: memory is for what has come, not for what was announced.
#[track_caller]
fn cost_nothing(door: &Door) {
    const EACH: usize = 100;
    let server = start(door, "");
    let health = Health::of(&server, door);
    let announcements = announcements(door);
    let mut held: Vec<Client> = Vec::new();
    for (_, bytes) in &announcements {
        for _ in 0..EACH {
            let mut client = server.connect(PORT);
            let _ = client.try_send(bytes);
            held.push(client);
        }
    }
    // What waits, waits beside others.
    let answer = door.ask(&server, &door.sample("/"));
    assert!(answer.ends_with("WHOLE hello"), "{}: {answer}", door.name);
    health.holds_no_more(door, "announced lengths");
    drop(held);
    health.unharmed(&server, door, "announced lengths", announcements.len() * EACH);
}

/// Who announces more than may be is refused before it comes.
fn refused_at_once(door: &Door) {
    // Nobody's time is over before the test's.
    let server = start(door, "--buffer-size 2000 --limit-post 100000 --http-headers-timeout 60");
    for (what, bytes) in announcements(door) {
        if what.contains("without an end") || what.contains("empty") || what.contains("of 4000") {
            continue;
        }
        let mut client = server.connect(PORT);
        client.send(&bytes);
        let text = door.text(&client.rest());
        assert!(!text.contains("WHOLE"), "{}, {what}: {text}", door.name);
    }
    assert!(!server.log.text().contains("did not arrive in time"), "{}", door.name);
}

/// Of equal keys the last counts, for the server and for the application. Two lengths must be one.
fn twice(door: &Door) {
    let server = start(door, "");
    let ask = |vars: &[(&str, &str)], body: &str| door.ask(&server, &(door.say)(vars, body));
    let seen = ask(
        &[
            ("REQUEST_METHOD", "GET"),
            ("PATH_INFO", "/first"),
            ("HTTP_X", "1"),
            ("QUERY_STRING", "a"),
            ("HTTP_X", "2"),
            ("PATH_INFO", "/seen"),
            ("REQUEST_METHOD", "HEAD"),
            ("REQUEST_METHOD", "PUT"),
            ("QUERY_STRING", "b"),
            ("HTTP_X", "3"),
        ],
        "",
    );
    for told in [r#""HTTP_X": "3""#, r#""PATH_INFO": "/seen""#, r#""REQUEST_METHOD": "PUT""#, r#""QUERY_STRING": "b""#]
    {
        assert!(seen.contains(told), "{}: no {told} in {seen}", door.name);
    }
    let lengths = |lengths: &[&str]| {
        let mut vars = vec![("REQUEST_METHOD", "POST"), ("PATH_INFO", "/")];
        vars.extend(lengths.iter().map(|length| ("CONTENT_LENGTH", *length)));
        ask(&vars, "hello")
    };
    assert!(lengths(&["5", "5"]).ends_with("WHOLE hello"), "{}", door.name);
    for differing in [["5", "3"], ["3", "5"], ["5", ""], ["", "5"], ["0", "5"], ["5", "0"], ["5", "05"]] {
        let text = lengths(&differing);
        let whole = text.ends_with("WHOLE hello");
        assert!(
            !text.contains("WHOLE") || whole && matches!(differing, ["", "5"] | ["5", "05"]),
            "{}: {differing:?}: {text}",
            door.name
        );
    }
    for many in [200, 2000] {
        let vars: Vec<_> = [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/")]
            .into_iter()
            .chain(std::iter::repeat_n(("A", "b"), many))
            .collect();
        let text = ask(&vars, "");
        assert!(text.contains("WHOLE") || !text.contains("200"), "{}: {text}", door.name);
    }
}
