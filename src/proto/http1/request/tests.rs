//! Cases for request heads. Each is decoded whole, after every prefix of it, and with another request behind it.

use super::*;
use crate::http1::Underscores;
use crate::vars::Var;

const PEER: Peer<'_> = Peer {
    server_name: b"box",
    server_port: b"80",
    remote_addr: b"127.0.0.1",
    remote_port: Some(b"4711"),
    https: false,
};

fn run(input: &[u8], limits: &Limits) -> Result<Option<(Head, Vars)>, Reject> {
    let (mut vars, mut head) = (Vars::new(), Head::default());
    match decode(input, &PEER, limits, &mut vars, &mut head)? {
        Progress::NeedMore => Ok(None),
        Progress::Done => Ok(Some((head, vars))),
    }
}

fn text(var: &Var<'_>) -> String {
    format!("{}={}", var.key.escape_ascii(), var.value.escape_ascii())
}

fn all(input: &[u8], vars: &Vars) -> Vec<String> {
    vars.iter(input).map(|var| text(&var)).collect()
}

/// Decodes `input` in every way it may arrive, and checks that they agree.
fn decode_every_way(name: &str, input: &[u8], limits: &Limits) -> Result<Option<(Head, Vars)>, Reject> {
    let whole = run(input, limits);
    let end = match &whole {
        Ok(Some((head, _))) => head.consumed,
        _ => input.len(),
    };
    let mut refused = false;
    for split in 0..end {
        match (run(&input[..split], limits), &whole) {
            (Ok(None), _) => assert!(!refused, "{name}: refused and then taken at {split}"),
            (Err(early), Err(late)) => {
                refused = true;
                assert_eq!(early.status, late.status, "{name}: at {split}: {early} against {late}");
            }
            (Err(early), other) => {
                panic!("{name}: refused at {split} ({early}), later {:?}", other.as_ref().map(|_| ()))
            }
            (Ok(Some(_)), _) => panic!("{name}: complete at {split} of {end}"),
        }
    }
    if let Ok(Some((head, vars))) = &whole {
        let mut pipelined = input[..end].to_vec();
        pipelined.extend_from_slice(b"\n\0garbage\r\n\r\n");
        let again = run(&pipelined, limits).expect(name).expect(name);
        assert_eq!(again.0, *head, "{name}: with bytes behind it");
        assert_eq!(all(&pipelined, &again.1), all(input, vars), "{name}: with bytes behind it");
    }
    whole
}

/// Head facts in short: body, then what is unusual.
fn facts(head: &Head) -> String {
    let mut shown = format!("{:?} {:?}", head.method, head.body);
    let flags = [(head.keep_alive, " keep"), (head.expect_continue, " expect"), (head.upgrade, " upgrade")];
    for (on, word) in flags {
        if on {
            shown.push_str(word);
        }
    }
    shown
}

#[test]
fn variables_come_in_the_order_of_uwsgi() {
    let input =
        b"GET /a%20b/../c?x=1 HTTP/1.1\r\nHost: h\r\nX-Odd: 1\r\nCookie: a\r\nx-odd: 2\r\nContent-Type: t\r\ncookie: b\r\n\r\n";
    let (head, vars) = run(input, &Limits::default()).expect("legal").expect("complete");
    let expected = "REQUEST_METHOD=GET REQUEST_URI=/a%20b/../c?x=1 PATH_INFO=/c QUERY_STRING=x=1 \
        SERVER_PROTOCOL=HTTP/1.1 SCRIPT_NAME= SERVER_NAME=box SERVER_PORT=80 REMOTE_ADDR=127.0.0.1 \
        REMOTE_PORT=4711 HTTP_HOST=h HTTP_X_ODD=1, 2 HTTP_COOKIE=a; b CONTENT_TYPE=t";
    assert_eq!(all(input, &vars).join(" "), expected);
    assert_eq!(head.consumed, input.len());
    let numbered = vars.iter(input).filter(|var| var.known.is_some()).count();
    assert_eq!(numbered, vars.len() - 1, "all but X-Odd have a number");
}

#[test]
fn https_and_missing_ports_show_in_the_variables() {
    let input = b"GET / HTTP/1.0\r\n\r\n";
    let peer = Peer { remote_port: None, https: true, ..PEER };
    let (mut vars, mut head) = (Vars::new(), Head::default());
    assert_eq!(decode(input, &peer, &Limits::default(), &mut vars, &mut head), Ok(Progress::Done));
    assert_eq!(vars.get(input, names::HTTPS), Some(&b"on"[..]));
    assert_eq!(vars.get(input, names::REMOTE_PORT), None);
}

/// Legal requests: name, head, facts, and one variable to find (empty: none).
#[test]
fn legal_heads_are_taken() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("9112 3: simplest", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/"),
        ("9112 3.2: empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "Get None keep", "HTTP_HOST="),
        ("Host in 1.0 may be missing", "GET / HTTP/1.0\r\n\r\n", "Get None", "SERVER_PROTOCOL=HTTP/1.0"),
        ("Host with port", "GET / HTTP/1.1\r\nHost: a.b:8080\r\n\r\n", "Get None keep", "HTTP_HOST=a.b:8080"),
        ("Host with empty port", "GET / HTTP/1.1\r\nHost: a.b:\r\n\r\n", "Get None keep", "HTTP_HOST=a.b:"),
        ("Host: IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "Get None keep", "HTTP_HOST=[::1]:80"),
        ("Host: IPvFuture", "GET / HTTP/1.1\r\nHost: [v1.a:b]\r\n\r\n", "Get None keep", "HTTP_HOST=[v1.a:b]"),
        ("Host: underscore", "GET / HTTP/1.1\r\nHost: a_b\r\n\r\n", "Get None keep", "HTTP_HOST=a_b"),
        ("Host: percent", "GET / HTTP/1.1\r\nHost: a%20b\r\n\r\n", "Get None keep", "HTTP_HOST=a%20b"),
        ("2.2: one empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/"),
        ("2.2: two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", ""),
        (
            "9110 9.1: methods keep their case",
            "get / HTTP/1.1\r\nHost: h\r\n\r\n",
            "Other None keep",
            "REQUEST_METHOD=get",
        ),
        (
            "9110 9.1: any token",
            "M-SEARCH!# / HTTP/1.1\r\nHost: h\r\n\r\n",
            "Other None keep",
            "REQUEST_METHOD=M-SEARCH!#",
        ),
        ("HEAD", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "Head None keep", ""),
        ("PUT", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n", "Put Length(1) keep", ""),
        ("PATCH without a body", "PATCH / HTTP/1.1\r\nHost: h\r\n\r\n", "Patch None keep", ""),
        ("DELETE", "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n", "Delete None keep", ""),
        ("3.2.4: asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "Options None keep", "PATH_INFO=*"),
        ("OPTIONS of a path", "OPTIONS /x HTTP/1.1\r\nHost: h\r\n\r\n", "Options None keep", "PATH_INFO=/x"),
        ("3.2.2: absolute form", "GET http://b/x?y HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/x"),
        ("3.2.2: its host wins", "GET http://b:1/x HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "HTTP_HOST=b:1"),
        ("3.2.2: its host in 1.0", "GET http://b/x HTTP/1.0\r\n\r\n", "Get None", "HTTP_HOST=b"),
        ("3.2.2: no path", "GET http://b HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/"),
        ("3.2.2: no path, query", "GET http://b?q HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "QUERY_STRING=q"),
        (
            "3.2.2: raw target stays",
            "GET HTTP://b/ HTTP/1.1\r\nHost: h\r\n\r\n",
            "Get None keep",
            "REQUEST_URI=HTTP://b/",
        ),
        ("query with ?", "GET /?a?b HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "QUERY_STRING=a?b"),
        ("query is not decoded", "GET /?%41%zz HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "QUERY_STRING=%41%zz"),
        ("query is always there", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "QUERY_STRING="),
        ("path decoded", "GET /%41%2fb%C3%a4 HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/A/b\\xc3\\xa4"),
        ("+ is no blank in a path", "GET /a+b HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/a+b"),
        ("UTF-8 unescaped", "GET /\u{e4} HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=/\\xc3\\xa4"),
        ("slashes stay", "GET //a//b/ HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "PATH_INFO=//a//b/"),
        ("script name", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "Get None keep", "SCRIPT_NAME="),
        ("9112 5.1: no blank needed", "GET / HTTP/1.1\r\nHost:h\r\nA:b\r\n\r\n", "Get None keep", "HTTP_A=b"),
        ("5.1: blanks around a value", "GET / HTTP/1.1\r\nHost: h\r\nA: \t b \t \r\n\r\n", "Get None keep", "HTTP_A=b"),
        ("empty value", "GET / HTTP/1.1\r\nHost: h\r\nA:\r\n\r\n", "Get None keep", "HTTP_A="),
        ("blank value", "GET / HTTP/1.1\r\nHost: h\r\nA: \t \r\n\r\n", "Get None keep", "HTTP_A="),
        ("tab in a value", "GET / HTTP/1.1\r\nHost: h\r\nA: b\tc\r\n\r\n", "Get None keep", "HTTP_A=b\\tc"),
        (
            "0x85 and 0xA0 are not trimmed",
            "GET / HTTP/1.1\r\nHost: h\r\nA: \u{a0}\r\n\r\n",
            "Get None keep",
            "HTTP_A=\\xc2\\xa0",
        ),
        (
            "5.3: lists are joined",
            "GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nB: c\r\naccept: d\r\n\r\n",
            "Get None keep",
            "HTTP_ACCEPT=a, d",
        ),
        (
            "5.3: unknown ones too",
            "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nX-a:3\r\n\r\n",
            "Get None keep",
            "HTTP_X_A=1, 2, 3",
        ),
        (
            "5.3: empty parts stay",
            "GET / HTTP/1.1\r\nHost: h\r\nX-A:\r\nX-A: 2\r\n\r\n",
            "Get None keep",
            "HTTP_X_A=, 2",
        ),
        (
            "6265: cookies",
            "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n",
            "Get None keep",
            "HTTP_COOKIE=a=1; b=2",
        ),
        ("key in upper case", "GET / HTTP/1.1\r\nHost: h\r\nx-Foo-bAr: 1\r\n\r\n", "Get None keep", "HTTP_X_FOO_BAR=1"),
        ("odd tokens in a key", "GET / HTTP/1.1\r\nHost: h\r\nx.a!: 1\r\n\r\n", "Get None keep", "HTTP_X.A!=1"),
        (
            "9112 6.3: length",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
            "Post Length(5) keep",
            "CONTENT_LENGTH=5",
        ),
        (
            "6.3: length 0",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            "Post Length(0) keep",
            "CONTENT_LENGTH=0",
        ),
        ("6.3: leading zeros", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 007\r\n\r\n", "Post Length(7) keep", ""),
        (
            "6.3: the longest",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n",
            "Post Length(9223372036854775807) keep",
            "",
        ),
        ("GET with a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", "Get Length(5) keep", ""),
        (
            "6.1: chunked",
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Post Chunked keep",
            "HTTP_TRANSFER_ENCODING=chunked",
        ),
        (
            "6.1: in any case",
            "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: Chunked\r\n\r\n",
            "Post Chunked keep",
            "",
        ),
        ("9.6: close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "Get None", ""),
        ("9.6: close in a list", "GET / HTTP/1.1\r\nHost: h\r\nConnection: x,\t Close ,y\r\n\r\n", "Get None", ""),
        (
            "9.6: close in a second field",
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n",
            "Get None",
            "HTTP_CONNECTION=x, close",
        ),
        (
            "9.6: close in a third field",
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: y\r\nConnection: close\r\n\r\n",
            "Get None",
            "",
        ),
        ("9.6: closed is another word", "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", "Get None keep", ""),
        ("9.3: 1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "Get None keep", ""),
        ("9.3: close beats keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "Get None", ""),
        (
            "9110 10.1.1: expect",
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n",
            "Post Length(3) keep expect",
            "",
        ),
        (
            "10.1.1: expect, chunked",
            "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Post Chunked keep expect",
            "",
        ),
        (
            "10.1.1: expect without a body",
            "GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
            "Get None keep",
            "",
        ),
        (
            "10.1.1: expect, length 0",
            "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            "Put Length(0) keep",
            "",
        ),
        (
            "10.1.1: expect in 1.0 is ignored",
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
            "Post Length(3)",
            "",
        ),
        (
            "7.8: upgrade",
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "Get None keep upgrade",
            "HTTP_UPGRADE=websocket",
        ),
        (
            "7.8: upgrade in a list",
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "Get None keep upgrade",
            "",
        ),
        ("7.8: only the field", "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", "Get None keep", ""),
        ("7.8: only the option", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\r\n", "Get None keep", ""),
        (
            "7.8: upgrade in 1.0 is ignored",
            "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "Get None",
            "",
        ),
    ];
    for &(name, input, expected, var) in cases {
        let (head, vars) = decode_every_way(name, input.as_bytes(), &Limits::default())
            .unwrap_or_else(|reject| panic!("{name}: {reject}"))
            .unwrap_or_else(|| panic!("{name}: incomplete"));
        assert_eq!(facts(&head), expected, "{name}");
        assert_eq!(head.consumed, input.len(), "{name}");
        let vars = all(input.as_bytes(), &vars);
        assert!(var.is_empty() || vars.iter().any(|shown| shown == var), "{name}: no {var} in {vars:?}");
    }
}

/// Illegal requests: name, head, status, and a word of the reason.
#[test]
fn illegal_heads_are_refused() {
    let cases: &[(&str, &[u8], u16, &str)] = &[
        ("1: LF ends the request line", b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400, "LF"),
        ("1: LF ends a field", b"GET / HTTP/1.1\r\nHost: h\n\r\n", 400, "LF"),
        ("1: LF ends a later field", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\nC: d\r\n\r\n", 400, "LF"),
        ("1: LF ends the head", b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400, "LF"),
        ("1: LF LF", b"GET / HTTP/1.1\nHost: h\n\n", 400, "LF"),
        ("1: LF after an empty value", b"GET / HTTP/1.1\r\nHost: h\r\nA:\nB: c\r\n\r\n", 400, "LF"),
        ("1: LF first", b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "stray"),
        ("1: CR in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400, "value"),
        ("1: CR ends a field", b"GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n", 400, "value"),
        ("1: CR CR LF", b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400, "value"),
        ("1: CR in the target", b"GET /\rx HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("1: CR in the head's end", b"GET / HTTP/1.1\r\nHost: h\r\n\rx", 400, "CRLF"),
        ("1: CR first", b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "stray"),
        ("1: many empty lines", b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "stray"),
        ("2: NUL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 400, "value"),
        ("2: NUL in a name", b"GET / HTTP/1.1\r\nHost: h\r\nA\0: b\r\n\r\n", 400, "name"),
        ("2: ESC in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \x1b\r\n\r\n", 400, "value"),
        ("2: DEL in a value", b"GET / HTTP/1.1\r\nHost: h\r\nA: \x7f\r\n\r\n", 400, "value"),
        ("2: VT is not trimmed", b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: \x0b5\r\n\r\n", 400, "value"),
        (
            "2: 0x85 is not trimmed",
            b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\x85\r\n\r\n",
            400,
            "Content-Length",
        ),
        (
            "2: 0xA0 is not trimmed",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\xa0\r\n\r\n",
            400,
            "chunked",
        ),
        ("2: NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("3: sign +", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", 400, "Content-Length"),
        ("3: sign -", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 400, "Content-Length"),
        ("3: empty", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400, "Content-Length"),
        ("3: letters", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3abc\r\n\r\n", 400, "Content-Length"),
        ("3: hexadecimal", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x10\r\n\r\n", 400, "Content-Length"),
        ("3: underscore", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\n", 400, "Content-Length"),
        ("3: fraction", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1.0\r\n\r\n", 400, "Content-Length"),
        ("3: list of equal ones", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n", 400, "Content-Length"),
        ("3: blank within", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 2\r\n\r\n", 400, "Content-Length"),
        (
            "3: 20 digits",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 00000000000000000005\r\n\r\n",
            400,
            "Content-Length",
        ),
        (
            "3: beyond 63 bits",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\n",
            400,
            "Content-Length",
        ),
        (
            "3: superscript digits",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \xc2\xb2\r\n\r\n",
            400,
            "Content-Length",
        ),
        (
            "3: twice, equal",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            400,
            "more than one",
        ),
        (
            "3: twice, different",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n",
            400,
            "more than one",
        ),
        ("4: gzip, chunked", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400, "exactly"),
        ("4: ,chunked", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ,chunked\r\n\r\n", 400, "exactly"),
        ("4: chunked,", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked,\r\n\r\n", 400, "exactly"),
        (
            "4: chunked, chunked",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            400,
            "exactly",
        ),
        ("4: chunked;x=y", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked;x=y\r\n\r\n", 400, "exactly"),
        ("4: empty", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n", 400, "exactly"),
        ("4: in quotes", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", 400, "exactly"),
        ("4: xchunked", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, "chunked"),
        ("4: gzip", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "chunked"),
        ("4: identity", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n", 501, "chunked"),
        (
            "4: twice",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "more than one",
        ),
        (
            "4: identity then chunked",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
            501,
            "chunked",
        ),
        ("4: in HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "1.0"),
        (
            "5: CL then TE",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "both",
        ),
        (
            "5: TE then CL",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            400,
            "both",
        ),
        (
            "5: even CL 0",
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            400,
            "both",
        ),
        ("8: blank before the colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, "name"),
        ("8: tab before the colon", b"GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", 400, "name"),
        ("8: folded line", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400, "folded"),
        ("8: folded by a tab", b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n", 400, "folded"),
        ("8: folded empty value", b"GET / HTTP/1.1\r\nHost: h\r\nA:\r\n b\r\n\r\n", 400, "folded"),
        ("8: blank before the first field", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, "folded"),
        ("8: blank line that is not empty", b"GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n", 400, "folded"),
        ("8: no colon", b"GET / HTTP/1.1\r\nHost: h\r\nABC\r\n\r\n", 400, "name"),
        ("8: empty name", b"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", 400, "name"),
        ("8: name with a slash", b"GET / HTTP/1.1\r\nHost: h\r\nA/B: c\r\n\r\n", 400, "name"),
        ("8: name with quotes", b"GET / HTTP/1.1\r\nHost: h\r\n\"A\": c\r\n\r\n", 400, "name"),
        ("8: name with a bracket", b"GET / HTTP/1.1\r\nHost: h\r\nA[]: c\r\n\r\n", 400, "name"),
        ("8: name outside ASCII", b"GET / HTTP/1.1\r\nHost: h\r\n\xc3\xa4: c\r\n\r\n", 400, "name"),
        ("9: no Host", b"GET / HTTP/1.1\r\n\r\n", 400, "no Host"),
        ("9: no Host, absolute form", b"GET http://h/ HTTP/1.1\r\n\r\n", 400, "no Host"),
        ("9: two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "more than one Host"),
        ("9: two Hosts in 1.0", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "more than one Host"),
        ("9: Host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid Host"),
        ("9: Host with a user", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "invalid Host"),
        ("9: Host with a blank", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid Host"),
        ("9: Host list", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "invalid Host"),
        ("9: Host with a query", b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400, "invalid Host"),
        ("9: Host with a fragment", b"GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", 400, "invalid Host"),
        ("9: Host with a backslash", b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400, "invalid Host"),
        ("9: Host, port of letters", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, "invalid Host"),
        ("9: Host, port too large", b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "invalid Host"),
        ("9: Host, two ports", b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400, "invalid Host"),
        ("9: Host, IPv6 without brackets", b"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400, "invalid Host"),
        ("9: Host, bracket left open", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "invalid Host"),
        ("9: Host, no address in brackets", b"GET / HTTP/1.1\r\nHost: [x]\r\n\r\n", 400, "invalid Host"),
        ("9: Host, text behind brackets", b"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400, "invalid Host"),
        ("9: Host, bad escape", b"GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", 400, "invalid Host"),
        ("9: Host outside ASCII", b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400, "invalid Host"),
        ("9: absolute form with a user", b"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "invalid host"),
        ("9: absolute form without a host", b"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "invalid host"),
        ("9: absolute form, bad port", b"GET http://h:x/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "invalid host"),
        ("9: absolute form hides no bad Host", b"GET http://h/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid Host"),
        ("9: other scheme", b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "scheme"),
        ("9: no authority", b"GET http:x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "authority"),
        ("9: relative target", b"GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "start with /"),
        ("9: query as target", b"GET ?x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "start with /"),
        ("9: authority form without CONNECT", b"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "scheme"),
        ("9: asterisk without OPTIONS", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "OPTIONS"),
        ("9: ** with OPTIONS", b"OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n", 400, "start with /"),
        ("9: CONNECT", b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "CONNECT"),
        ("9: CONNECT to a path", b"CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "CONNECT"),
        ("9: CONNECT without a port", b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", 400, "CONNECT"),
        ("9: CONNECT with an empty port", b"CONNECT h: HTTP/1.1\r\nHost: h\r\n\r\n", 400, "CONNECT"),
        ("9: CONNECT with an empty host", b"CONNECT :80 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "CONNECT"),
        ("9: fragment", b"GET /x#y HTTP/1.1\r\nHost: h\r\n\r\n", 400, "fragment"),
        ("9: fragment in the query", b"GET /x?y#z HTTP/1.1\r\nHost: h\r\n\r\n", 400, "fragment"),
        ("9: fragment after the host", b"GET http://h#z HTTP/1.1\r\nHost: h\r\n\r\n", 400, "fragment"),
        ("path: bad escape", b"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "hexadecimal"),
        ("path: short escape", b"GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "hexadecimal"),
        ("path: lone %", b"GET /% HTTP/1.1\r\nHost: h\r\n\r\n", 400, "hexadecimal"),
        ("path: escape with a sign", b"GET /%+1 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "hexadecimal"),
        ("path: escape before the query", b"GET /%4?1 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "hexadecimal"),
        ("path: NUL", b"GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "NUL"),
        ("10: HTTP/0.9", b"GET /\r\n\r\n", 400, "request line"),
        ("10: HTTP/0.9 by name", b"GET / HTTP/0.9\r\n\r\n", 505, "version"),
        ("10: HTTP/1.2", b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505, "version"),
        ("10: HTTP/1.10", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, "CRLF"),
        ("10: HTTP/11", b"GET / HTTP/11\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: HTTP/2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "version"),
        ("10: preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
        ("10: HTTP/3", b"GET / HTTP/3\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: http/1.1", b"GET / http/1.1\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: other protocol", b"GET / FOO/9\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: blank after the version", b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400, "CRLF"),
        ("10: two blanks", b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("10: two blanks before the version", b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: tab as a blank", b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("10: blank first", b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("10: blank in the target", b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "version"),
        ("10: method not a token", b"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("10: method in brackets", b"(GET) / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        ("10: TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "TLS"),
        ("13: other expectation", b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", 417, "Expect"),
        ("13: expectation list", b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue, x\r\n\r\n", 417, "Expect"),
        ("13: empty expectation", b"POST / HTTP/1.1\r\nHost: h\r\nExpect:\r\n\r\n", 417, "Expect"),
        (
            "13: second expectation",
            b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n",
            417,
            "Expect",
        ),
        (
            "17: two Content-Types",
            b"GET / HTTP/1.1\r\nHost: h\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n",
            400,
            "Content-Type",
        ),
    ];
    for &(name, input, status, reason) in cases {
        let reject = match decode_every_way(name, input, &Limits::default()) {
            Err(reject) => reject,
            Ok(Some((head, vars))) => panic!("{name}: taken as {} {:?}", facts(&head), all(input, &vars)),
            Ok(None) => panic!("{name}: incomplete"),
        };
        assert_eq!(reject.status, status, "{name}: {reject}");
        assert!(reject.reason.contains(reason), "{name}: {reject}");
    }
}

#[test]
fn dropped_names_never_become_variables() {
    let input = b"GET / HTTP/1.1\r\nHost: h\r\nProxy: evil\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 1.1.1.1\r\n\
        Content_Length: 9\r\nTransfer_Encoding: chunked\r\nproxy: evil\r\n\r\n";
    let (head, vars) = run(input, &Limits::default()).expect("legal").expect("complete");
    assert_eq!(head.body, Body::None);
    let shown = all(input, &vars);
    assert_eq!(shown[10..], ["HTTP_HOST=h", "HTTP_X_FORWARDED_FOR=1.1.1.1"]);
}

#[test]
fn underscores_by_choice() {
    let input = b"GET / HTTP/1.1\r\nHost: h\r\nMy_Own: 1\r\nMy-Own: 2\r\nX_Forwarded_For: 6\r\nContent_Length: 9\r\nPr_oxy: 1\r\n\
        Pro_xy-_: 3\r\n\r\n";
    let with = |underscores| run(input, &Limits { underscores, ..Limits::default() });
    let shown = |underscores| {
        let (_, vars) = with(underscores).expect("legal").expect("complete");
        all(input, &vars)[10..].join(" ")
    };
    assert_eq!(with(Underscores::Refuse).map(|_| ()), Err(Reject::bad("header name with an underscore")));
    assert_eq!(shown(Underscores::Drop), "HTTP_HOST=h HTTP_MY_OWN=2");
    assert_eq!(shown(Underscores::Keep), "HTTP_HOST=h HTTP_MY_OWN=1, 2 HTTP_PR_OXY=1 HTTP_PRO_XY__=3");
}

#[test]
fn limits_hold() {
    let small = Limits { head: 64, fields: 3, ..Limits::default() };
    let head = |fields: usize, pad: usize| {
        let fields: String = (0..fields).map(|n| format!("A{n}: b\r\n")).collect();
        format!("GET /{} HTTP/1.0\r\n{fields}\r\n", "x".repeat(pad))
    };
    let status = |text: &str| decode_every_way("limits", text.as_bytes(), &small).map(|done| done.is_some());
    let refused = |text: &str| status(text).map_err(|reject| reject.status);

    assert_eq!(refused(&head(3, 0)), Ok(true));
    assert_eq!(refused(&head(4, 0)), Err(431), "one field too many");
    assert_eq!(refused(&head(0, 64 - 18)), Ok(true), "as long as allowed");
    assert_eq!(head(0, 64 - 18).len(), 64);
    assert_eq!(refused(&head(0, 64 - 17)), Err(431), "one byte too long, in its last line");
    assert_eq!(refused(&head(0, 100)), Err(414), "the request line alone");
    assert_eq!(refused("GET /"), Ok(false));
    let one = format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "x".repeat(100));
    assert_eq!(refused(&one), Err(431), "one long field");
    let many = Limits { fields: usize::MAX, ..Limits::default() };
    let text = head(MAX_FIELDS + 1, 0);
    assert_eq!(run(text.as_bytes(), &many).map(|_| ()).map_err(|reject| reject.status), Err(431));
}

#[test]
fn pipelined_requests_are_taken_one_by_one() {
    let input = b"GET /1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\nGET /3 HTTP/1.0\r\n\r\n";
    let (mut vars, mut head) = (Vars::new(), Head::default());
    let mut at = 0;
    let mut paths = Vec::new();
    while at < input.len() {
        let rest = &input[at..];
        assert_eq!(decode(rest, &PEER, &Limits::default(), &mut vars, &mut head), Ok(Progress::Done));
        paths.push(String::from_utf8_lossy(vars.get(rest, names::PATH_INFO).unwrap_or_default()).into_owned());
        at += head.consumed;
        if let Body::Length(length) = head.body {
            at += usize::try_from(length).expect("a short body");
        }
    }
    assert_eq!(paths, ["/1", "/2", "/3"]);
    assert_eq!(at, input.len());
}

#[test]
fn repeats_of_one_name_cost_no_more_than_their_bytes() {
    let mut input = b"GET / HTTP/1.0\r\n".to_vec();
    for _ in 0..120 {
        input.extend_from_slice(b"X-A: ");
        input.extend_from_slice(&[b'v'; 400]);
        input.extend_from_slice(b"\r\n");
    }
    input.extend_from_slice(b"\r\n");
    let (_, mut vars) = run(&input, &Limits::default()).expect("legal").expect("complete");
    assert_eq!(vars.len(), 11);
    assert!(vars.scratch().len() < input.len() + 256, "{} bytes", vars.scratch().len());
}

/// Changes legal heads at random places; whatever comes out, nothing panics and prefixes agree with the whole.
#[test]
fn random_changes_never_panic() {
    let seeds: [&[u8]; 3] = [
        b"GET /a%20b/../c?x=1 HTTP/1.1\r\nHost: h\r\nX-Odd: 1\r\nCookie: a\r\nx-odd: 2\r\ncookie: b\r\n\r\n",
        b"POST http://u:1/%41 HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
        b"\r\nPUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, upgrade\r\nUpgrade: x\r\n\r\n",
    ];
    let spice = b"\r\n\0 \t:/%?#*_-,;\"\x7f\x80\xff09afAZ";
    let mut random = crate::random::Random::new(7);
    for round in 0..4000 {
        let mut input = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random.below(3) {
            if input.is_empty() {
                break;
            }
            let at = random.below(input.len());
            let byte = spice[random.below(spice.len())];
            match random.below(4) {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                2 => drop(input.remove(at)),
                _ => input.truncate(at.max(1)),
            }
        }
        let name = input.escape_ascii().to_string();
        if let Ok(Some((head, vars))) = decode_every_way(&name, &input, &Limits::default()) {
            assert!(head.consumed <= input.len());
            for var in vars.iter(&input) {
                assert!(!var.key.is_empty());
                assert!(
                    !var.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
                        || var.known == Some(names::PATH_INFO)
                );
            }
        }
    }
}
