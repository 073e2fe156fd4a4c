//! RFC 9113, section 8.2: what would be another field, another request or the connection's own affair in HTTP/1.

use super::Head;

pub(super) fn heads() -> Vec<Head> {
    let mut heads = Vec::new();
    let values = [
        "a\r\nx-forged: 1",
        "a\nb",
        "a\rb",
        "a\0b",
        "\0",
        "a\r\n\r\nGET /bad HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n",
        "a\x7f",
        "a\x01",
    ];
    for name in ["x-one", "cookie", "host", "content-type", "expect"] {
        for value in values {
            heads.push(Head::get(format!("{name}: {value:?}"), "/bad", &[(name, value)]).goaway());
        }
    }
    for name in [
        "X-Upper", "x-uppeR", "x y", " x", "x ", "x\r\ny", "x\n", "x\0", "x:y", "x\u{e4}", "\u{ff}", "x(", "x/y",
        "x@y", "",
    ] {
        heads.push(Head::get(format!("a field named {name:?}"), "/bad", &[(name, "1")]).goaway());
    }
    for (name, value) in [
        ("connection", "close"),
        ("connection", ""),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", ""),
    ] {
        heads.push(Head::get(format!("{name}: {value:?} is the connection's affair"), "/bad", &[(name, value)]));
    }
    let seen =
        |name: &str, more: &[(&str, &str)], there: &[(&'static str, &str)]| Head::get(name, "/seen", more).seen(there);
    heads.extend([
        seen("te: trailers", &[("te", "trailers")], &[("HTTP_TE", "trailers")]),
        seen("an ordinary field", &[("x-one", "a b\tc")], &[("HTTP_X_ONE", "a b\tc")]),
        seen("a field twice", &[("x-one", "a"), ("x-one", "b")], &[("HTTP_X_ONE", "a, b")]),
        seen("an empty value", &[("x-one", "")], &[("HTTP_X_ONE", "")]),
        seen("bytes beyond ASCII", &[("x-one", "\u{e4}\u{ff}")], &[("HTTP_X_ONE", "\u{e4}\u{ff}")]),
        seen("blanks around a value", &[("x-one", " a ")], &[("HTTP_X_ONE", "a")]),
        seen("a cookie in crumbs", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")], &[("HTTP_COOKIE", "a=1; b=2")]),
        seen(
            "a name with an underscore is dropped",
            &[("x_forwarded_for", "6.6.6.6"), ("x-two", "2")],
            &[("HTTP_X_TWO", "2")],
        )
        .unseen(&["HTTP_X_FORWARDED_FOR"]),
        seen("a length with an underscore is none", &[("content_length", "5")], &[("body", "")])
            .unseen(&["CONTENT_LENGTH"]),
        seen("Proxy never becomes a variable", &[("proxy", "http://evil")], &[("PATH_INFO", "/seen")])
            .unseen(&["HTTP_PROXY"]),
        seen(
            "names of variables are only fields",
            &[("path-info", "/x"), ("remote-user", "root")],
            &[("PATH_INFO", "/seen"), ("HTTP_PATH_INFO", "/x"), ("HTTP_REMOTE_USER", "root")],
        )
        .unseen(&["REMOTE_USER"]),
        seen(
            "HTTP2-Settings is only a field",
            &[("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA")],
            &[("PATH_INFO", "/seen")],
        ),
        Head::get("two types", "/bad", &[("content-type", "a/b"), ("content-type", "c/d")]).status("400"),
        Head::get("an unknown expectation", "/bad", &[("expect", "a-miracle")]).status("417"),
    ]);
    heads
}
