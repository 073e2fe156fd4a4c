//! Bodies both ways: with length, in chunks, from files, and no faster than the slower side.

use std::io::{IoSlice, Read, Seek, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rsgi_proto::Body;
use rsgi_proto::link::{self, File};
use rsgi_sys::fdpass;

use super::stage::{Core, Said, Stage, frame, head, value, whole};

/// Long enough that a side which can still move would have.
const STUCK: Duration = Duration::from_millis(300);

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_small_body_comes_in_one_piece_with_its_head() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(&post("/", "small"));
    let (request, vars) = core.request();
    assert_eq!((request.body, value(&vars, "CONTENT_LENGTH")), (Body::Length(5), "5"));
    assert!(core.has_more(), "the body came with the head");
    assert_eq!(core.body(), b"small");
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    client.send(&post("/empty", ""));
    assert_eq!(core.request().0.body, Body::None);
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
}

#[test]
fn a_slow_sender_holds_no_core() {
    let stage = Stage::new();
    let (mut core, mut slow, mut quick) = (stage.core(), stage.client(), stage.client());
    slow.send("POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    quick.get("/quick");
    assert_eq!(core.path(), "/quick");
    core.reply("x");
    quick.status();
    slow.send("cd");
    assert_eq!(core.path(), "/slow");
    assert_eq!(core.body(), b"abcd");
    core.reply("x");
    slow.status();
}

#[test]
fn a_large_body_flows_while_it_comes() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let sent = body.clone();
    let mut socket = client.socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let head = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", sent.len());
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&sent).unwrap();
    });
    assert_eq!(core.request().0.body, Body::Length(3_000_000));
    assert!(core.body() == body);
    sender.join().unwrap();
    core.reply("got it");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
}

#[test]
fn a_worker_that_does_not_read_stops_the_client() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
    client.socket.set_write_timeout(Some(STUCK)).unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while let Ok(more) = client.socket.write(&piece) {
        sent += more;
        assert!(sent < 64 << 20, "nothing holds the client back");
    }
    core.request();
    drop(client);
    loop {
        match core.next() {
            Said::Body(_) => {}
            other => break assert_eq!(other, Said::Abort),
        }
    }
}

#[test]
fn chunks_are_decoded_for_the_worker() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n\
         GET /next HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    let (request, vars) = core.request();
    assert_eq!((request.body, value(&vars, "CONTENT_LENGTH")), (Body::Chunked, "(none)"));
    assert_eq!(core.body(), b"abcde");
    core.reply("x");
    assert_eq!(core.path(), "/next");
    core.reply("y");
    client.until("y");
}

#[test]
fn broken_chunks_are_the_clients_fault_and_never_the_next_request() {
    let stage = Stage::new();
    let mut core = stage.core();
    let mut client = stage.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcXXGET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(client.status(), "HTTP/1.1 400 Bad Request");
    // The same with a body that is on its way to a worker already.
    let mut client = stage.client();
    let large = "x".repeat(100_000);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(&format!("186a0\r\n{large}\r\n"));
    assert_eq!(core.path(), "/");
    client.send("zz\r\n");
    loop {
        match core.next() {
            Said::Body(_) => {}
            other => break assert_eq!(other, Said::Abort),
        }
    }
    core.finish();
    assert_eq!(client.status(), "HTTP/1.1 400 Bad Request");
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    next.status();
}

#[test]
fn a_client_that_expects_100_gets_it_when_the_worker_reads() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let expecting = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    client.send(expecting);
    assert!(core.request().0.expect_continue);
    let mut out = Vec::new();
    link::encode_continue(&mut out);
    core.send(&out);
    assert_eq!(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    assert_eq!(core.body(), b"ab");
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");

    // Refused without reading: no 100, and the body that never comes is no part of the next request.
    client.send(expecting);
    core.request();
    core.send(&whole("403 Forbidden", "", b"no"));
    assert_eq!(client.status(), "HTTP/1.1 403 Forbidden");
    assert_eq!(client.rest().unwrap(), b"");
    assert_eq!(core.next(), Said::Abort);
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    next.status();
}

#[test]
fn the_router_may_answer_expectations_itself() {
    let stage = Stage::with(|settings| settings.manage_expect = Some(10));
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    assert!(!core.request().0.expect_continue);
    assert_eq!(core.body(), b"ab");
    core.reply("x");
    client.status();
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.status(), "HTTP/1.1 413 Payload Too Large");
}

#[test]
fn bodies_over_the_limit_are_refused() {
    let stage = Stage::with(|settings| settings.body = Some(5));
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(&post("/", "12345"));
    core.request();
    assert_eq!(core.body(), b"12345");
    core.reply("x");
    client.status();
    client.send(&post("/", "123456"));
    assert_eq!(client.status(), "HTTP/1.1 413 Payload Too Large");
    let mut client = stage.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    assert_eq!(client.status(), "HTTP/1.1 413 Payload Too Large");
}

#[test]
fn a_worker_may_answer_before_it_has_read_everything() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    client.send(&"x".repeat(70_000));
    core.request();
    core.reply("enough");
    client.until("enough");
    loop {
        match core.next() {
            Said::Body(_) => {}
            other => break assert_eq!(other, Said::Abort),
        }
    }
    let mut next = stage.client();
    next.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    next.status();
}

#[test]
fn pieces_of_an_answer_arrive_as_they_are_made() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    assert!(client.until("\r\n\r\n").contains("Transfer-Encoding: chunked\r\n"));
    core.data(b"one");
    assert_eq!(client.until("3\r\none\r\n"), "3\r\none\r\n");
    core.data(b"");
    core.data(b"four");
    assert_eq!(client.until("\r\nfour\r\n"), "4\r\nfour\r\n");
    core.send(&frame(b"end", true));
    assert_eq!(client.until("0\r\n\r\n"), "3\r\nend\r\n0\r\n\r\n");
    client.get("/next");
    assert_eq!(core.path(), "/next");
    core.reply("x");
    client.status();
}

#[test]
fn the_applications_own_chunks_are_not_framed_twice() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let lines = "Transfer-Encoding: chunked\r\n";
    client.get("/");
    core.request();
    core.send(&whole("200 OK", lines, b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"));
    assert_eq!(client.answer("abcd"), "HTTP/1.1 200 OK\nContent-Length: 4\n\nabcd");
    client.get("/");
    core.request();
    core.send(&head("200 OK", lines, |_| {}));
    assert!(client.until("\r\n\r\n").contains("Transfer-Encoding: chunked\r\n"));
    core.data(b"3\r\nab");
    assert_eq!(client.until("\r\nab\r\n"), "2\r\nab\r\n");
    core.data(b"c\r\n1\r\nd\r\n0\r\n\r\n");
    core.finish();
    assert_eq!(client.until("0\r\n\r\n"), "1\r\nc\r\n1\r\nd\r\n0\r\n\r\n");
}

#[test]
fn a_client_that_does_not_read_stops_the_worker_and_not_for_small_answers() {
    let stage = Stage::new();
    let (mut core, mut client, mut other) = (stage.core(), stage.client(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    core.socket.set_write_timeout(Some(STUCK)).unwrap();
    let piece = frame(&vec![b'x'; 100_000], false);
    let mut sent = 0;
    'stuck: loop {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            match core.socket.write(rest) {
                Ok(more) => rest = &rest[more..],
                Err(_) => break 'stuck,
            }
            assert!(sent < 64 << 20, "nothing holds the worker back");
        }
        sent += piece.len();
    }
    assert!(sent > 200_000, "a small answer waits for nobody");
    // The others are served meanwhile.
    let mut second = stage.core_of(2, 0);
    other.get("/other");
    assert_eq!(second.path(), "/other");
    second.reply("x");
    other.status();
    drop(client);
    assert_eq!(core.next(), Said::Abort);
}

#[test]
fn content_length_is_a_promise() {
    let stage = Stage::new();
    let mut core = stage.core();
    // More than promised is cut.
    let mut client = stage.client();
    for streamed in [false, true] {
        client.get("/");
        core.request();
        if streamed {
            core.send(&head("200 OK", "Content-Length: 3\r\n", |_| {}));
            core.data(b"abcdef");
            core.finish();
        } else {
            core.send(&whole("200 OK", "Content-Length: 3\r\n", b"abcdef"));
        }
        assert_eq!(client.answer("abc"), "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc");
    }
    // Less than promised ends the connection, or is known before anything was sent.
    client.get("/");
    core.request();
    core.send(&whole("200 OK", "Content-Length: 9\r\n", b"abc"));
    assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
    client.get("/");
    core.request();
    core.send(&head("200 OK", "Content-Length: 9\r\n", |_| {}));
    core.data(b"abc");
    core.finish();
    client.until("\r\n\r\n");
    assert_eq!(client.rest().unwrap(), b"abc");
}

fn send_file(core: &mut Core, file: &std::fs::File, part: File) {
    let mut out = Vec::new();
    link::encode_file(&mut out, &part);
    assert_eq!(fdpass::send(core.socket.as_fd(), &[IoSlice::new(&out)], Some(file.as_fd())), Ok(out.len()));
}

/// What there is of it arrives, whether the file comes with the head or after it, and then the connection ends.
#[test]
fn a_file_shorter_than_promised_is_sent_and_cut() {
    let stage = Stage::new();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"abc").unwrap();
    for is_late in [false, true] {
        // Of a part with three bytes, and of one that says more than there is.
        for length in [3, 9] {
            let (mut core, mut client) = (stage.core(), stage.client());
            client.get("/");
            core.request();
            core.send(&head("200 OK", "Content-Length: 9\r\n", |_| {}));
            if is_late {
                client.until("\r\n\r\n");
            }
            send_file(&mut core, &file, File { offset: 0, length });
            if !is_late {
                client.until("\r\n\r\n");
            }
            assert_eq!(client.rest().unwrap(), b"abc", "late: {is_late}, {length} bytes");
        }
    }
}

#[test]
fn files_are_sent_by_the_router() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let mut file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..500_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    file.write_all(&content).unwrap();
    for (lines, part, expected) in [
        ("Content-Length: 500000\r\n", File { offset: 0, length: 500_000 }, &content[..]),
        ("", File { offset: 100, length: u64::MAX }, &content[100..]),
        ("", File { offset: 100, length: 200_000 }, &content[100..200_100]),
        ("", File { offset: 500_000, length: u64::MAX }, &[][..]),
    ] {
        client.get("/file");
        core.request();
        core.send(&head("200 OK", lines, |_| {}));
        send_file(&mut core, &file, part);
        let head = client.until("\r\n\r\n");
        let body = if head.contains("chunked") {
            client.chunks()
        } else {
            assert!(head.contains(&format!("Content-Length: {}\r\n", expected.len())), "{head}");
            client.bytes(expected.len())
        };
        assert!(body == expected);
    }
    // The core was idle all the time: the next request has come over the same link.
    assert_eq!(file.stream_position().unwrap(), 500_000);
}

#[test]
fn a_file_shorter_than_promised_ends_the_connection() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"short").unwrap();
    client.get("/file");
    core.request();
    core.send(&head("200 OK", "Content-Length: 10\r\n", |_| {}));
    send_file(&mut core, &file, File { offset: 0, length: 10 });
    client.until("\r\n\r\n");
    assert_eq!(client.rest().unwrap(), b"short");
}

#[test]
fn what_is_no_plain_file_is_read_to_its_end() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let (read, write) = nix::unistd::pipe().unwrap();
    client.get("/pipe");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    send_file(&mut core, &std::fs::File::from(read), File { offset: 0, length: u64::MAX });
    let mut pipe = std::fs::File::from(write);
    pipe.write_all(b"from a pipe").unwrap();
    drop(pipe);
    client.until("\r\n\r\n");
    assert_eq!(client.chunks(), b"from a pipe");
    let mut rest = Vec::new();
    client.socket.set_nonblocking(true).unwrap();
    assert!(client.socket.read_to_end(&mut rest).is_err(), "the connection is still open");
}

#[test]
fn answers_are_compressed_when_the_application_asks_and_the_client_takes_it() {
    let stage = Stage::with(|settings| settings.auto_gzip = true);
    let (mut core, mut client) = (stage.core(), stage.client());
    let plain = |packed: &[u8]| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).unwrap();
        text
    };
    let ask = |client: &mut super::stage::Client, accept: &str| {
        client.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {accept}\r\n\r\n"));
    };
    let lines = "uWSGI-Encoding: gzip\r\nContent-Length: 5\r\n";
    ask(&mut client, "br, gzip");
    core.request();
    core.send(&whole("200 OK", lines, b"hello"));
    let head = client.until("\r\n\r\n").to_lowercase();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    assert!(!head.contains("content-length") && !head.contains("uwsgi-encoding"), "{head}");
    assert_eq!(plain(&client.chunks()), "hello");

    ask(&mut client, "gzip;q=0");
    core.request();
    core.send(&whole("200 OK", lines, b"hello"));
    let answer = client.answer("hello").to_lowercase();
    assert!(answer.contains("vary: accept-encoding") && answer.contains("content-length: 5"), "{answer}");

    // A stream: what has come can be read before the rest is made.
    ask(&mut client, "gzip");
    core.request();
    core.send(&head_of("200 OK", "uWSGI-Encoding: gzip\r\n"));
    core.data(b"first ");
    client.until("\r\n\r\n");
    let size = usize::from_str_radix(client.until("\r\n").trim_end(), 16).unwrap();
    let mut packed = client.bytes(size);
    let mut first = [0; 6];
    std::io::Read::read_exact(&mut flate2::read::GzDecoder::new(&packed[..]), &mut first).unwrap();
    assert_eq!(&first, b"first ");
    client.bytes(2);
    core.data(b"second");
    core.finish();
    packed.extend(client.chunks());
    assert_eq!(plain(&packed), "first second");

    client.send("HEAD / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
    core.request();
    core.send(&whole("200 OK", lines, b""));
    assert!(client.answer("").to_lowercase().contains("content-encoding: gzip"));
    ask(&mut client, "gzip");
    core.request();
    core.send(&head_of("200 OK", lines));
    core.data(b"abc");
    core.finish();
    client.until("\r\n\r\n");
    let rest = client.rest().unwrap_or_default();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a broken answer must not look complete");
}

fn head_of(status: &str, lines: &str) -> Vec<u8> {
    head(status, lines, |_| {})
}
