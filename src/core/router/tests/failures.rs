//! What goes wrong: workers that die, lie or are late, clients that leave or stall, and nobody there at all.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv};
use rsgi_proto::link::{self, Hello};

use super::stage::{Core, Said, Stage, head, whole};
use crate::control::{Order, Overdue, Queue, Report};

const SHORT: Duration = Duration::from_millis(200);

impl Core {
    /// Waits until something can be read, and reads nothing.
    fn wait(&self) {
        assert_eq!(recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK), Ok(1));
    }
}

#[test]
fn without_workers_clients_are_told_to_come_back() {
    let stage = Stage::with(|settings| settings.connect_timeout = SHORT);
    let mut client = stage.client();
    client.get("/");
    insta::assert_snapshot!(client.answer("503 Service Unavailable\n"));
    // The next need not wait for what has been known for long.
    let began = std::time::Instant::now();
    client.get("/");
    assert_eq!(client.status(), "HTTP/1.1 503 Service Unavailable");
    assert!(began.elapsed() < SHORT);
}

#[test]
fn a_request_waits_for_the_first_worker() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.get("/early");
    let mut core = stage.core();
    assert_eq!(core.path(), "/early");
    core.reply("x");
    client.status();
}

#[test]
fn nobody_waits_for_ever_for_a_core() {
    let stage = Stage::with(|settings| settings.timeout = SHORT);
    let (mut core, mut first, mut second) = (stage.core(), stage.client(), stage.client());
    first.get("/first");
    assert_eq!(core.path(), "/first");
    core.send(&head("200 OK", "", |_| {}));
    first.until("\r\n\r\n");
    second.get("/second");
    // The first keeps the core and is not late itself.
    let mut waited = false;
    while !waited {
        core.data(b"x");
        second.socket.set_read_timeout(Some(SHORT / 4)).unwrap();
        waited = second.socket.peek(&mut [0]).is_ok();
    }
    assert_eq!(second.status(), "HTTP/1.1 504 Gateway Timeout");
    core.finish();
    assert!(!first.chunks().is_empty());
    second.get("/third");
    assert_eq!(core.path(), "/third");
    core.reply("x");
    second.status();
}

#[test]
fn a_late_worker_is_answered_for_and_its_link_used_again() {
    let stage = Stage::with(|settings| settings.timeout = SHORT);
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/late");
    assert_eq!(core.path(), "/late");
    assert_eq!(client.status(), "HTTP/1.1 504 Gateway Timeout");
    assert_eq!(core.next(), Said::Abort);
    client.get("/next");
    core.reply("too late");
    assert_eq!(core.path(), "/next");
    core.reply("next");
    assert!(client.answer("next").ends_with("\nnext"));
}

#[test]
fn a_worker_that_stalls_within_its_answer_ends_the_connection() {
    let stage = Stage::with(|settings| settings.timeout = SHORT);
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    core.data(b"abc");
    client.until("\r\n\r\n");
    assert_eq!(client.rest().unwrap(), b"3\r\nabc\r\n");
    assert_eq!(core.next(), Said::Abort);
}

#[test]
fn a_safe_request_is_tried_once_more_when_its_worker_dies() {
    let stage = Stage::new();
    let (mut first, mut client) = (stage.core_of(1, 0), stage.client());
    client.get("/again");
    assert_eq!(first.path(), "/again");
    drop(first);
    let mut second = stage.core_of(2, 0);
    assert_eq!(second.path(), "/again");
    second.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    client.get("/again");
    assert_eq!(second.path(), "/again");
    let mut third = stage.core_of(3, 0);
    drop(second);
    assert_eq!(third.path(), "/again");
    let _idle = stage.core_of(4, 0);
    drop(third);
    assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway", "no third worker dies of it");
}

#[test]
fn every_safe_method_is_tried_once_more_and_not_twice() {
    for method in ["HEAD", "OPTIONS"] {
        let stage = Stage::new();
        let (mut first, mut client) = (stage.core_of(1, 0), stage.client());
        let ask = format!("{method} /again HTTP/1.1\r\nHost: h\r\n\r\n");
        client.send(&ask);
        assert_eq!(first.path(), "/again", "{method}");
        drop(first);
        let mut second = stage.core_of(2, 0);
        assert_eq!(second.path(), "/again", "{method}");
        second.reply("");
        assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 200 OK"), "{method}");
        client.send(&ask);
        assert_eq!(second.path(), "/again", "{method}");
        let mut third = stage.core_of(3, 0);
        drop(second);
        assert_eq!(third.path(), "/again", "{method}");
        let _idle = stage.core_of(4, 0);
        drop(third);
        assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 502 Bad Gateway"), "{method}: no third worker");
    }
}

#[test]
fn a_request_that_may_have_done_something_is_not_repeated() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
    core.request();
    assert_eq!(core.body(), b"ab");
    let _idle = stage.core_of(2, 0);
    drop(core);
    assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
}

#[test]
fn a_request_that_no_worker_has_read_goes_to_another() {
    let stage = Stage::new();
    let (core, mut client) = (stage.core(), stage.client());
    client.send("DELETE /unread HTTP/1.1\r\nHost: h\r\n\r\n");
    core.wait();
    drop(core);
    let mut other = stage.core_of(2, 0);
    assert_eq!(other.path(), "/unread");
    // Nor does one whose link was closed while it was idle.
    other.reply("x");
    client.status();
    drop(other);
    let mut third = stage.core_of(3, 0);
    client.send("POST /idle HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(third.path(), "/idle");
    assert_eq!(third.body(), b"x");
    third.reply("x");
    client.status();
}

#[test]
fn a_request_that_its_worker_is_killed_for_is_not_tried_again() {
    let mut stage = Stage::new();
    for round in 0..20 {
        let (mut late, mut client) = (stage.core_of(1, 3), stage.client());
        client.get("/late");
        assert_eq!(late.path(), "/late");
        let mut idle = stage.core_of(2, 3);
        // The master's word and the end of the link come at the same moment.
        stage.condemn(Overdue { pid: 101, link: 3 });
        drop(late);
        assert_eq!(client.status(), "HTTP/1.1 504 Gateway Timeout", "{round}");
        let mut client = stage.client();
        client.get("/next");
        assert_eq!(idle.path(), "/next");
        // What was said of one request is not true of others.
        drop(idle);
        let mut third = stage.core_of(3, 3);
        assert_eq!(third.path(), "/next");
        third.reply("x");
        assert_eq!(client.status(), "HTTP/1.1 200 OK");
    }
}

#[test]
fn a_worker_that_dies_within_its_answer_leaves_a_broken_one() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    core.data(b"abc");
    client.until("abc\r\n");
    drop(core);
    assert_eq!(client.rest().unwrap(), b"", "no last chunk");

    // Where only the end of the connection ends a body, it must not look like one.
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send("GET / HTTP/1.0\r\n\r\n");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    core.data(b"abc");
    client.until("abc");
    drop(core);
    assert_eq!(client.rest().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn an_application_that_breaks_off_leaves_a_broken_answer() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let mut aborted = Vec::new();
    link::encode_end(&mut aborted, true);
    client.get("/");
    core.request();
    core.send(&head("200 OK", "Content-Length: 5\r\n", |_| {}));
    core.data(b"abc");
    core.send(&aborted);
    client.until("\r\n\r\n");
    assert_eq!(client.rest().unwrap(), b"abc");
    // Before anything was sent, there is still an answer to give.
    let mut client = stage.client();
    client.get("/");
    core.request();
    let mut answer = head("200 OK", "", |_| {});
    answer.extend_from_slice(&aborted);
    core.send(&answer);
    assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
}

#[test]
fn a_worker_learns_that_its_client_is_gone_and_keeps_its_link() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/gone");
    assert_eq!(core.path(), "/gone");
    drop(client);
    assert_eq!(core.next(), Said::Abort);
    let mut next = stage.client();
    next.get("/next");
    core.send(&head("200 OK", "", |_| {}));
    core.data(b"for nobody");
    core.finish();
    assert_eq!(core.path(), "/next");
    core.reply("x");
    next.status();
}

#[test]
fn a_client_that_leaves_the_queue_takes_no_core() {
    let stage = Stage::new();
    let (mut core, mut first) = (stage.core(), stage.client());
    first.get("/first");
    assert_eq!(core.path(), "/first");
    let mut gone = stage.client();
    gone.get("/gone");
    drop(gone);
    let mut last = stage.client();
    last.get("/last");
    core.reply("x");
    first.status();
    // What is left of the one that went may come first, but then it is called off at once.
    loop {
        match core.next() {
            Said::Head(_, vars) if vars.contains(&("PATH_INFO".into(), "/last".into())) => break,
            Said::Abort => core.finish(),
            Said::Head(..) => {}
            other => panic!("{other:?}"),
        }
    }
    core.reply("x");
    last.status();
}

#[test]
fn nonsense_on_a_link_costs_that_link_only() {
    let stage = Stage::new();
    let mut out_of_place = Vec::new();
    link::encode_hello(&mut out_of_place, &Hello { worker: 1, core: 0, pid: 1, generation: 0 });
    let no_file = {
        let mut out = head("200 OK", "", |_| {});
        link::encode_file(&mut out, &link::File { offset: 0, length: 1 });
        out
    };
    let twice = [head("200 OK", "", |_| {}), head("200 OK", "", |_| {})].concat();
    for nonsense in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        &[0xff; 64],
        &out_of_place,
        &super::stage::frame(b"no head", true),
        &no_file,
        &twice,
        &whole("200 OK", "Bad Name: x\r\n", b""),
        &whole("200 OK", "X: a\u{7f}b\r\n", b""),
        &whole("200 OK", "no line end", b""),
        &whole("200 O\nK", "", b""),
        &whole("100 Continue", "", b""),
        &whole("200 OK", "Transfer-Encoding: chunked\r\n", b"zz"),
    ] {
        let (mut core, mut client) = (stage.core(), stage.client());
        client.send("POST / HTTP/1.1\r\nHost: h\r\n\r\n");
        core.request();
        core.send(nonsense);
        assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway", "{:?}", nonsense.escape_ascii().to_string());
        drop(core);
    }
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    client.until("\r\n\r\n");
    core.send(b"nonsense");
    assert_eq!(client.rest().unwrap(), b"");
    assert_eq!(core.next(), Said::Closed);
}

#[test]
fn a_worker_that_ends_a_request_without_an_answer_is_answered_for() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    for _ in 0..2 {
        client.get("/");
        core.request();
        core.finish();
        assert_eq!(client.status(), "HTTP/1.1 502 Bad Gateway");
    }
}

#[test]
fn links_with_a_wrong_greeting_are_refused() {
    let stage = Stage::new();
    let mut good = Vec::new();
    link::encode_hello(&mut good, &Hello { worker: 1, core: 0, pid: 1, generation: 0 });
    let mut other_build = good.clone();
    other_build[8] ^= 1;
    for message in [&b"hello"[..], &good[..20], &other_build, &[&good[..], b"x"].concat(), &[7; 1000]] {
        let mut refused = stage.bring(message);
        assert_eq!(refused.read(&mut [0]).unwrap(), 0);
    }
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.reply("x");
    client.status();
}

#[test]
fn a_core_that_leaves_gets_no_more_requests() {
    let stage = Stage::new();
    let (mut core, mut client) = (stage.core(), stage.client());
    let mut bye = Vec::new();
    link::encode_bye(&mut bye);
    // While it has a request, it still answers it.
    client.get("/last");
    core.request();
    let mut answer = bye.clone();
    answer.extend(whole("200 OK", "", b"x"));
    core.send(&answer);
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    assert_eq!(core.next(), Said::Closed);
    // While it is idle, its link is closed at once.
    let mut core = stage.core();
    core.send(&bye);
    assert_eq!(core.next(), Said::Closed);
}

#[test]
fn slow_heads_and_bodies_end_in_408() {
    let stage = Stage::with(|settings| (settings.headers_timeout, settings.timeout) = (SHORT, SHORT));
    let mut core = stage.core();
    let mut client = stage.client();
    client.send("GET / HTTP/1.1\r\nHost:");
    assert_eq!(client.status(), "HTTP/1.1 408 Request Timeout");
    assert_eq!(client.rest().unwrap(), b"");
    let mut client = stage.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
    assert_eq!(client.status(), "HTTP/1.1 408 Request Timeout");
    // The same when a worker has the request already.
    let mut client = stage.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    client.send(&"x".repeat(80_000));
    core.request();
    loop {
        match core.next() {
            Said::Body(_) => {}
            other => break assert_eq!(other, Said::Abort),
        }
    }
    assert_eq!(client.status(), "HTTP/1.1 408 Request Timeout");
}

#[test]
fn silent_and_idle_connections_are_closed_without_a_word() {
    let stage = Stage::with(|settings| {
        (settings.headers_timeout, settings.keepalive) = (SHORT, Some(Duration::from_millis(100)))
    });
    assert_eq!(stage.client().rest().unwrap(), b"");
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.reply("x");
    client.status();
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn connections_are_not_kept_when_that_is_off() {
    let stage = Stage::with(|settings| settings.keepalive = None);
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.reply("x");
    assert!(client.answer("x").contains("Connection: close"));
    assert_eq!(client.rest().unwrap(), b"");
    // A body that nobody has read takes nothing of the answer with it.
    let mut client = stage.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
    client.send(&"x".repeat(200_000));
    core.request();
    core.reply("x");
    assert!(client.answer("x").contains("Connection: close"));
    client.send(&"x".repeat(200_000));
    client.socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let stage = Stage::with(|settings| settings.timeout = SHORT);
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    let piece = super::stage::frame(&vec![b'x'; 100_000], false);
    // Far more than all buffers hold: this ends only because the client is cut off.
    for _ in 0..400 {
        core.socket.write_all(&piece).unwrap();
    }
    assert_eq!(core.next(), Said::Abort);
    client.rest().unwrap_err();
}

#[test]
fn the_master_learns_when_many_wait_and_when_they_do_no_longer() {
    let mut config = rsgi_config::Config::default();
    config.workers.harakiri_queue_threshold = Some(2);
    let mut stage = Stage::of(config, |_| {});
    let mut clients: Vec<_> = (0..3).map(|_| stage.client()).collect();
    clients.iter_mut().for_each(|client| client.get("/"));
    assert_eq!(stage.report(), Report::LongQueue);
    let mut core = stage.core();
    for _ in 0..2 {
        core.path();
        core.reply("x");
    }
    assert_eq!(stage.report(), Report::ShortQueue);
}

#[test]
fn the_master_learns_how_many_wait_when_it_wants_to() {
    let mut stage = Stage::new();
    let mut first = stage.client();
    first.get("/");
    stage.order(Order::TellQueue);
    let Report::Queue(queue) = stage.report() else { panic!("no queue") };
    assert_eq!(queue.waiting, 1);
    let mut second = stage.client();
    second.get("/");
    let longer = |stage: &mut Stage| loop {
        match stage.report() {
            Report::Queue(Queue { waiting: 1, .. }) => {}
            Report::Queue(queue) => return queue,
            other => panic!("{other:?}"),
        }
    };
    let two = longer(&mut stage);
    assert!(two.waiting == 2 && two.age >= queue.age, "{two:?}");
    let mut core = stage.core();
    for _ in 0..2 {
        core.path();
        core.reply("x");
    }
    assert_eq!(longer(&mut stage), Queue::default());
}

/// Whoever waits gets the next core, not the one that has just said farewell.
#[test]
fn a_core_that_leaves_with_its_answer_gets_nothing_more() {
    let mut stage = Stage::new();
    let (mut leaving, mut first, mut second) = (stage.core(), stage.client(), stage.client());
    first.get("/1");
    assert_eq!(leaving.path(), "/1");
    second.send("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
    stage.order(Order::TellQueue);
    while !matches!(stage.report(), Report::Queue(Queue { waiting: 1, .. })) {}
    let mut last = Vec::new();
    link::encode_bye(&mut last);
    last.extend(whole("200 OK", "Content-Length: 1\r\n", b"x"));
    leaving.send(&last);
    first.status();
    assert_eq!(leaving.next(), Said::Closed);
    let mut core = stage.core_of(2, 0);
    assert_eq!(core.path(), "/2");
    core.body();
    core.reply("x");
    assert_eq!(second.status(), "HTTP/1.1 200 OK");
}

/// However many come at the same moment: as many as there may be are served, then the others in their place.
#[test]
fn nobody_waits_for_a_place_that_is_free() {
    let mut config = rsgi_config::Config::default();
    config.limits.max_connections = 2;
    let stage = Stage::of(config, |_| {});
    let mut core = stage.core();
    for _ in 0..20 {
        let mut clients: Vec<_> = (0..5).map(|_| stage.client()).collect();
        clients.iter_mut().for_each(|client| client.get("/"));
        for _ in 0..5 {
            core.path();
            core.reply("x");
        }
        clients.iter_mut().for_each(|client| assert_eq!(client.status(), "HTTP/1.1 200 OK"));
    }
}

#[test]
fn the_queue_is_first_come_first_served() {
    let stage = Stage::new();
    let (mut core, mut first) = (stage.core(), stage.client());
    first.get("/0");
    assert_eq!(core.path(), "/0");
    let mut waiting: Vec<_> = (1..6).map(|_| stage.client()).collect();
    for (number, client) in (1..).zip(&mut waiting) {
        // A refused head behind the request says that the router has read the request.
        client.get(&format!("/{number}"));
        let mut probe = stage.client();
        probe.send("NONSENSE\r\n\r\n");
        probe.status();
    }
    core.reply("x");
    for (number, client) in (1..).zip(&mut waiting) {
        assert_eq!(core.path(), format!("/{number}"));
        core.reply("x");
        client.status();
    }
    first.status();
}
