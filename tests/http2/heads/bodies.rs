//! RFC 9113, section 8.1: bodies, their lengths, and what follows them.

use super::Head;

pub(super) fn heads() -> Vec<Head> {
    let length = |name: &str, length: &str, body: &[&'static str]| {
        Head::post(format!("{name}: content-length {length:?}"), "/bad", &[("content-length", length)], body)
    };
    let seen = |name: &str, more: &[(&str, &str)], body: &[&'static str], there: &[(&'static str, &str)]| {
        Head::post(name, "/seen", more, body).seen(there)
    };
    let smuggled = "0\r\n\r\nGET /bad HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut heads = vec![
        seen(
            "a body with its length",
            &[("content-length", "3")],
            &["abc"],
            &[("body", "abc"), ("CONTENT_LENGTH", "3")],
        ),
        seen("a body in frames", &[("content-length", "3")], &["a", "b", "", "c"], &[("body", "abc")]),
        seen("a body without a length", &[], &["abc"], &[("body", "abc")])
            .unseen(&["CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"]),
        seen("an empty body", &[], &[""], &[("body", "")]),
        seen(
            "no body and a length of nothing",
            &[("content-length", "0")],
            &[],
            &[("body", ""), ("CONTENT_LENGTH", "0")],
        ),
        seen("a body that looks like chunks", &[], &["3\r\nabc\r\n0\r\n\r\n"], &[("body", "3\r\nabc\r\n0\r\n\r\n")]),
        seen("a body that looks like the end and a request", &[], &[smuggled], &[("body", smuggled)]),
        seen("a body of that kind with its length", &[("content-length", "35")], &[smuggled], &[("body", smuggled)]),
        Head::get("a body of GET", "/seen", &[])
            .with_body(&["abc"])
            .seen(&[("body", "abc"), ("REQUEST_METHOD", "GET")]),
        length("longer than the body", "5", &["abc"]),
        length("shorter than the body", "2", &["abc"]),
        length("shorter than the first frame of two", "2", &["ab", "c"]),
        length("of nothing, and a body", "0", &["abc"]),
        length("of a body that does not come", "5", &[]),
        length("of a body that is empty", "5", &[""]),
        length("the largest there is", "9223372036854775807", &["abc"]),
    ];
    for wrong in [
        "x",
        "+3",
        "-3",
        "3, 3",
        "3,3",
        "0x3",
        "3.0",
        "",
        " ",
        "3 3",
        "99999999999999999999",
        "18446744073709551615",
        "\u{b3}",
        "3\u{a0}",
    ] {
        heads.push(length("no length", wrong, &["abc"]));
    }
    let twice = |two: &str| {
        Head::post(
            format!("lengths 3 and {two}"),
            "/bad",
            &[("content-length", "3"), ("content-length", two)],
            &["abc"],
        )
    };
    heads.extend([twice("2"), twice("3").status("400"), twice("+3")]);
    let trailed = |name: &str, trailers: &[(&str, &str)]| Head::post(name, "/seen", &[], &["abc"]).trailers(trailers);
    let dropped =
        |head: Head| head.seen(&[("body", "abc"), ("HTTP_HOST", "localhost")]).unseen(&["HTTP_X_SUM", "HTTP_PROXY"]);
    heads.extend([
        dropped(trailed("a trailer", &[("x-sum", "1")])),
        dropped(trailed("a trailer named like a variable", &[("path-info", "/x"), ("proxy", "evil")])),
        dropped(trailed("a trailer without a body", &[("x-sum", "1")])),
    ]);
    let read = |name: &str, value: &str| {
        Head::post(format!("a trailer {name}: {value:?}"), "/read", &[], &["abc"]).trailers(&[(name, value)])
    };
    heads.extend([
        read("connection", "close"),
        read("transfer-encoding", "chunked"),
        read("X-Upper", "1").goaway(),
        read("x", "a\r\nb").goaway(),
        // Malformed by RFC 9113, section 8.1; dropped like all trailers.
        dropped(trailed("a pseudo-header among trailers", &[(":path", "/bad")])),
    ]);
    heads
}

impl Head {
    fn with_body(self, body: &[&'static str]) -> Self {
        Self { body: body.to_vec(), ..self }
    }
}
