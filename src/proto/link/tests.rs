//! Both ends of a link, fed in pieces of every size.

use super::encode::put_frame;
use super::*;
use crate::names;
use crate::vars::Vars;

const LIMIT: u32 = 4096;

const REQUEST: Request =
    Request { body: Body::Length(5), version: Version::Http11, is_head: false, expect_continue: true, upgrade: false };

const RESPONSE_200: Response<'_> = Response {
    code: 200,
    close: false,
    app_chunked: false,
    has_date: true,
    has_server: false,
    switched: false,
    content_length: Some(5),
    last: true,
    inline: 5,
    status: b"200 OK",
    lines: b"Content-Length: 5\r\nDate: x\r\n",
};

fn vars() -> Vars {
    let mut vars = Vars::new();
    vars.push_text(names::REQUEST_METHOD, b"POST");
    vars.push_text(names::SCRIPT_NAME, b"");
    vars.push_key(b"HTTP_X_ODD", b"\xff\x00");
    vars.push_key(b"HTTP_HOST", &[b'h'; 300]);
    vars
}

/// What a worker's end understands of a stream that comes in pieces of `size` bytes, neighbouring pieces of a body joined.
fn worker_end(stream: &[u8], size: usize) -> Result<Vec<String>, LinkError> {
    let (mut end, mut vars) = (WorkerEnd::new(LIMIT), Vars::new());
    let (mut buffer, mut events, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        while let Some((used, event)) = end.decode(&buffer, &mut vars)? {
            if !matches!(event, ToWorker::Body(_)) && !body.is_empty() {
                events.push(format!("body {}", body.escape_ascii()));
                body.clear();
            }
            match event {
                ToWorker::Head(request) => {
                    let vars =
                        vars.iter(&buffer).map(|var| (var.known, var.key.len(), var.value.escape_ascii().to_string()));
                    events.push(format!("{request:?} {:?}", vars.collect::<Vec<_>>()));
                }
                ToWorker::Body(data) => body.extend_from_slice(data),
                other => events.push(format!("{other:?}")),
            }
            buffer.drain(..used);
        }
    }
    if !body.is_empty() {
        events.push(format!("body {} …", body.escape_ascii()));
    }
    Ok(events)
}

fn router_end(stream: &[u8], size: usize) -> Result<Vec<String>, LinkError> {
    let mut end = RouterEnd::new(LIMIT);
    let (mut buffer, mut events, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        while let Some((used, event)) = end.decode(&buffer)? {
            if !matches!(event, ToRouter::Data(_)) && !body.is_empty() {
                events.push(format!("data {}", body.escape_ascii()));
                body.clear();
            }
            match event {
                ToRouter::Data(data) => body.extend_from_slice(data),
                other => events.push(format!("{other:?}")),
            }
            buffer.drain(..used);
        }
    }
    if !body.is_empty() {
        events.push(format!("data {} …", body.escape_ascii()));
    }
    Ok(events)
}

fn same_in_all_sizes(
    stream: &[u8],
    run: fn(&[u8], usize) -> Result<Vec<String>, LinkError>,
) -> Result<Vec<String>, LinkError> {
    let whole = run(stream, stream.len().max(1));
    for size in 1..stream.len() {
        assert_eq!(run(stream, size), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn requests_cross_the_link() {
    let mut stream = Vec::new();
    encode_head(&mut stream, &REQUEST, vars().iter(&[])).expect("fits");
    body_prefix(&mut stream, 3, false);
    stream.extend_from_slice(b"abc");
    body_prefix(&mut stream, 0, false);
    body_prefix(&mut stream, 2, true);
    stream.extend_from_slice(b"de");
    let next = Request { is_head: true, upgrade: true, version: Version::Http10, ..Request::default() };
    encode_head(&mut stream, &next, Vars::new().iter(&[])).expect("fits");
    encode_leave(&mut stream);
    encode_abort(&mut stream);
    encode_head(&mut stream, &Request { body: Body::Chunked, ..Request::default() }, vars().iter(&[]).take(1))
        .expect("fits");
    encode_body_end(&mut stream);
    body_prefix(&mut stream, 0, true);

    let odd = "(None, 10, \"\\\\xff\\\\x00\")";
    let host = format!("(Some(HTTP_HOST), 9, \"{}\")", "h".repeat(300));
    let method = "(Some(REQUEST_METHOD), 14, \"POST\")";
    let script = "(Some(SCRIPT_NAME), 11, \"\")";
    let expected = [
        format!("{REQUEST:?} [{method}, {script}, {odd}, {host}]"),
        "body abcde".to_owned(),
        "End".to_owned(),
        format!("{next:?} []"),
        "Leave".to_owned(),
        "Abort".to_owned(),
        format!("{:?} [{method}]", Request { body: Body::Chunked, ..Request::default() }),
        "End".to_owned(),
        "End".to_owned(),
    ];
    assert_eq!(same_in_all_sizes(&stream, worker_end).expect("legal"), expected);
}

#[test]
fn answers_cross_the_link() {
    let mut stream = Vec::new();
    let hello = Hello { worker: 1, core: 2, pid: 3, generation: 4 };
    encode_hello(&mut stream, &hello);
    encode_continue(&mut stream);
    encode_response(&mut stream, &RESPONSE_200).expect("fits");
    stream.extend_from_slice(b"hello");
    let streamed = Response {
        last: false,
        inline: 0,
        content_length: None,
        has_server: true,
        switched: true,
        close: true,
        app_chunked: true,
        ..RESPONSE_200
    };
    encode_response(&mut stream, &streamed).expect("fits");
    data_prefix(&mut stream, 2, false);
    stream.extend_from_slice(b"ab");
    data_prefix(&mut stream, 0, false);
    data_prefix(&mut stream, 1, true);
    stream.extend_from_slice(b"c");
    let empty = Response { inline: 0, status: b"204 No Content", lines: b"", code: 204, ..RESPONSE_200 };
    encode_response(&mut stream, &empty).expect("fits");
    encode_response(&mut stream, &streamed).expect("fits");
    let file = File { offset: 7, length: u64::MAX };
    encode_file(&mut stream, &file);
    encode_response(&mut stream, &streamed).expect("fits");
    encode_end(&mut stream, true);
    encode_end(&mut stream, false);
    encode_bye(&mut stream);

    let end = "End { aborted: false }".to_owned();
    let expected = [
        format!("{:?}", ToRouter::Hello(hello)),
        "Continue".to_owned(),
        format!("{:?}", ToRouter::Response(RESPONSE_200)),
        "data hello".to_owned(),
        end.clone(),
        format!("{:?}", ToRouter::Response(streamed)),
        "data abc".to_owned(),
        end.clone(),
        format!("{:?}", ToRouter::Response(empty)),
        end.clone(),
        format!("{:?}", ToRouter::Response(streamed)),
        format!("{:?}", ToRouter::File(file)),
        format!("{:?}", ToRouter::Response(streamed)),
        "End { aborted: true }".to_owned(),
        end,
        "Bye".to_owned(),
    ];
    assert_eq!(same_in_all_sizes(&stream, router_end).expect("legal"), expected);
}

#[test]
fn bodies_are_handed_on_before_their_frame_is_complete() {
    let mut stream = Vec::new();
    data_prefix(&mut stream, u32::MAX, true);
    stream.extend_from_slice(b"abc");
    let mut end = RouterEnd::new(LIMIT);
    assert_eq!(end.decode(&stream), Ok(Some((11, ToRouter::Data(b"abc")))));
    assert_eq!(end.decode(b""), Ok(None));
    assert_eq!(end.decode(b"de"), Ok(Some((2, ToRouter::Data(b"de")))));
}

#[test]
fn wrong_frames_are_refused() {
    let frame = |kind: u8, length: u32, payload: &[u8]| {
        let mut frame = Vec::new();
        put_frame(&mut frame, kind, 0, length);
        frame.extend_from_slice(payload);
        frame
    };
    let malformed = |result: Result<_, LinkError>| matches!(result, Err(LinkError::Malformed(_)));
    for kind in [0, HELLO, CONTINUE, RESPONSE, DATA, FILE, 99, 255] {
        assert_eq!(worker_end(&frame(kind, 0, b""), 99), Err(LinkError::Kind(kind)));
    }
    for kind in [0, HEAD, BODY, ABORT, 99] {
        assert_eq!(router_end(&frame(kind, 0, b""), 99), Err(LinkError::Kind(kind)));
    }
    for (kind, run) in [
        (END, worker_end as fn(&[u8], usize) -> _),
        (ABORT, worker_end),
        (LEAVE, worker_end),
        (END, router_end),
        (CONTINUE, router_end),
        (BYE, router_end),
    ] {
        assert!(malformed(run(&frame(kind, 1, b"x"), 99)), "{kind} has no payload");
    }
    assert!(malformed(worker_end(b"\x03\x00\x01\x00\x00\x00\x00\x00", 99)), "reserved");
    assert_eq!(worker_end(&frame(HEAD, LIMIT + 1, b""), 99), Err(LinkError::TooLong(LIMIT + 1)));
    assert_eq!(worker_end(&frame(HEAD, LIMIT, b""), 99), Ok(vec![]), "waits for the rest");
    for length in 0..12 {
        assert!(malformed(worker_end(&frame(HEAD, length, &[0; 12][..length as usize]), 99)), "{length}");
    }
    let head = |body: u8, version: u8, length: u64, vars: &[u8]| {
        let mut payload = vec![body, version, 0, 0];
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(vars);
        worker_end(&frame(HEAD, u32::try_from(payload.len()).expect("short"), &payload), 99)
    };
    assert!(head(0, 0, 0, b"").is_ok());
    assert!(malformed(head(3, 0, 0, b"")), "body kind");
    assert!(malformed(head(0, 3, 0, b"")), "version");
    assert!(malformed(head(1, 0, u64::MAX, b"")), "body beyond 63 bits");
    assert!(malformed(head(0, 0, 0, b"\xfe\xff\x00\x00\x00\x00")), "key number");
    assert!(malformed(head(0, 0, 0, b"\x00")), "half a number");
    assert!(malformed(head(0, 0, 0, b"\x00\x00\x01\x00\x00\x00")), "value past the end");
    assert!(malformed(head(0, 0, 0, b"\xff\xff\x05\x00ab")), "key past the end");

    let mut hello = Vec::new();
    encode_hello(&mut hello, &Hello { worker: 1, core: 0, pid: 1, generation: 0 });
    hello[FRAME_HEADER] ^= 1;
    assert_eq!(router_end(&hello, 99), Err(LinkError::Build));
    assert!(malformed(router_end(&frame(HELLO, 3, b"abc"), 99)));
    assert_eq!(router_end(&frame(HELLO, 65, b""), 99), Err(LinkError::TooLong(65)));
    assert!(malformed(router_end(&frame(FILE, 15, &[0; 15]), 99)));
    assert!(malformed(router_end(&frame(RESPONSE, 15, b""), 99)), "shorter than its fixed part");
    let mut response = Vec::new();
    encode_response(&mut response, &Response { code: 99, ..RESPONSE_200 }).expect("fits");
    assert!(malformed(router_end(&response, 99)), "code");
    let long = vec![b'x'; LIMIT as usize + 1];
    response.clear();
    encode_response(&mut response, &Response { lines: &long, ..RESPONSE_200 }).expect("fits");
    assert_eq!(router_end(&response, 99_999), Err(LinkError::TooLong(LIMIT + 1)));
}

#[test]
fn what_does_not_fit_is_not_encoded() {
    let long = vec![b'k'; 65_536];
    let mut vars = Vars::new();
    vars.push_key(b"A", b"b");
    vars.push_key(&long, b"");
    let mut out = b"kept".to_vec();
    assert!(encode_head(&mut out, &REQUEST, vars.iter(&[])).is_err());
    assert_eq!(out, b"kept");
    assert!(encode_response(&mut out, &Response { status: &long, ..RESPONSE_200 }).is_err());
    assert!(encode_response(&mut out, &Response { inline: u32::MAX, ..RESPONSE_200 }).is_err());
    assert_eq!(out, b"kept");
}

#[test]
fn random_changes_never_panic() {
    let mut seed = Vec::new();
    encode_head(&mut seed, &REQUEST, vars().iter(&[]).take(3)).expect("fits");
    body_prefix(&mut seed, 3, true);
    seed.extend_from_slice(b"abc");
    let mut answers = Vec::new();
    encode_hello(&mut answers, &Hello { worker: 1, core: 2, pid: 3, generation: 4 });
    encode_response(&mut answers, &RESPONSE_200).expect("fits");
    answers.extend_from_slice(b"hello");
    encode_file(&mut answers, &File { offset: 7, length: 8 });
    let mut random = crate::random::Random::new(5);
    for _ in 0..1000 {
        for (seed, run) in [(&seed, worker_end as fn(&[u8], usize) -> _), (&answers, router_end)] {
            let mut input = seed.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(input.len());
                input[at] = u8::try_from(random.below(256)).expect("a byte");
            }
            let whole = run(&input, input.len());
            assert_eq!(run(&input, 1), whole, "{}", input.escape_ascii());
            assert_eq!(run(&input, 7), whole, "{}", input.escape_ascii());
        }
    }
}
