//! RFC 9113, section 8.3: pseudo-headers stand first, once, and are known; and what they may say.

use super::{Head, owned};

const PLAIN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/bad")];

/// A plain request in which one pseudo-header says something else.
fn with(name: &str, value: &str) -> Head {
    let fields = PLAIN.into_iter().map(|(known, own)| (known, if known == name { value } else { own }));
    Head::new(format!("{name} = {:?}", value), owned(fields))
}

fn without(names: &[&str]) -> Head {
    let fields = PLAIN.into_iter().filter(|(known, _)| !names.contains(known));
    Head::new(format!("without {names:?}"), owned(fields))
}

fn in_order(name: &str, fields: &[(&str, &str)]) -> Head {
    Head::new(name, owned(fields.iter().copied()))
}

pub(super) fn heads() -> Vec<Head> {
    let mut heads = vec![
        without(&[":method"]),
        without(&[":scheme"]),
        without(&[":path"]),
        without(&[":method", ":scheme", ":authority", ":path"]),
        in_order("without any field", &[]),
        in_order("without an authority or a Host", &[(":method", "GET"), (":scheme", "https"), (":path", "/bad")])
            .status("400"),
        in_order(
            "a Host in place of an authority",
            &[(":method", "GET"), (":scheme", "https"), (":path", "/seen"), ("host", "h")],
        )
        .seen(&[("HTTP_HOST", "h"), ("PATH_INFO", "/seen")]),
        in_order("another order", &[(":path", "/seen"), (":authority", "h"), (":scheme", "https"), (":method", "PUT")])
            .seen(&[
                ("REQUEST_METHOD", "PUT"),
                ("HTTP_HOST", "h"),
                ("wsgi.url_scheme", "https"),
                ("SERVER_PROTOCOL", "HTTP/2.0"),
            ]),
        in_order(
            ":path behind a field",
            &[(":method", "GET"), (":scheme", "https"), (":authority", "h"), ("accept", "*/*"), (":path", "/bad")],
        ),
        in_order(
            ":method behind a field",
            &[(":scheme", "https"), (":authority", "h"), (":path", "/bad"), ("accept", "*/*"), (":method", "GET")],
        ),
    ];
    for (name, value) in PLAIN {
        heads.push(Head::get(format!("{name} twice"), "/bad", &[(name, value)]));
    }
    for (name, value) in
        [(":status", "200"), (":unknown", "x"), (":", "x"), (":method ", "GET"), (":Path", "/x"), (":host", "h")]
    {
        let head = Head::get(format!("{name} is no pseudo-header of a request"), "/bad", &[(name, value)]);
        heads.push(if name == ":status" { head } else { head.goaway() });
    }
    heads.push(Head::get(":protocol without CONNECT", "/bad", &[(":protocol", "websocket")]));

    for path in
        ["", "\r\n", "/bad\r\nx: y", "/bad\nx", "/bad\rx", "/bad\0", "/bad HTTP/1.1", "/bad\tx", "/bad\x7f", "bad"]
    {
        heads.push(with(":path", path));
    }
    heads.push(with(":path", "/seen?a b"));
    heads.push(with(":path", "*").status("400"));
    heads.push(with(":path", "?bad").status("400"));
    heads.push(with(":path", "https://other/bad"));
    heads.push(with(":path", "//other/seen").seen(&[("PATH_INFO", "//other/seen"), ("HTTP_HOST", "localhost")]));
    heads.push(with(":path", "/seen/%2e%2e/%zz").status("400"));
    heads.push(with(":path", "/seen%20x?a=%0d%0a").seen(&[("PATH_INFO", "/seen x"), ("QUERY_STRING", "a=%0d%0a")]));
    heads.push(with(":path", "/seen#there").seen(&[("PATH_INFO", "/seen"), ("REQUEST_URI", "/seen")]));
    heads.push(with(":path", "/seen?a#there").seen(&[("QUERY_STRING", "a"), ("REQUEST_URI", "/seen?a")]));

    for method in
        ["", "GE T", "GET\r\n", "GET\0", "G\nT", "GET:", "(GET)", "GET /bad HTTP/1.1\r\nHost: x\r\n\r\n", "\u{c4}"]
    {
        heads.push(with(":method", method).goaway());
    }
    heads.push(
        in_order(
            "a method in small letters is another one",
            &[(":method", "get"), (":scheme", "https"), (":authority", "h"), (":path", "/seen")],
        )
        .seen(&[("REQUEST_METHOD", "get")]),
    );

    for authority in ["a\r\nx: y", "a\nb", "a\0", "a b", "a/b", "a?b", "a#b", "a\\b", "[::1"] {
        heads.push(with(":authority", authority));
    }
    for authority in ["user@h", "user:secret@h", "h:port"] {
        heads.push(with(":authority", authority).status("400"));
    }
    heads.push(with(":authority", ""));
    for (authority, host) in [("h", "other"), ("h", "h:443"), ("h", ""), ("h", "h, h")] {
        let fields =
            [(":method", "GET"), (":scheme", "https"), (":path", "/bad"), (":authority", authority), ("host", host)];
        heads.push(in_order(&format!("authority {authority:?} and Host {host:?}"), &fields).status("400"));
    }
    heads.push(
        in_order(
            "an authority and the same Host",
            &[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/seen"),
                (":authority", "example.org"),
                ("host", "EXAMPLE.org"),
            ],
        )
        .seen(&[("HTTP_HOST", "example.org")]),
    );
    heads.push(
        Head::get("two Hosts of which one differs", "/bad", &[("host", "localhost"), ("host", "x")]).status("400"),
    );

    for scheme in ["ht tp", "https\r\n", "https:", "\0"] {
        heads.push(with(":scheme", scheme));
    }
    for scheme in ["", "1x", "ftp", "javascript"] {
        heads.push(with(":scheme", scheme).status("400"));
    }
    heads.push(
        in_order(
            "another scheme does not change what the connection is",
            &[(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/seen")],
        )
        .seen(&[("wsgi.url_scheme", "https"), ("HTTPS", "on")]),
    );

    heads.push(in_order("CONNECT", &[(":method", "CONNECT"), (":authority", "h:443")]).status("501"));
    heads.push(in_order(
        "CONNECT with a path",
        &[(":method", "CONNECT"), (":authority", "h:443"), (":scheme", "https"), (":path", "/bad")],
    ));
    heads.push(in_order(
        "CONNECT of another protocol",
        &[
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", "h"),
            (":path", "/bad"),
        ],
    ));
    heads
}
