//! `http-harakiri`: the longest time of a whole request, whatever moves meanwhile.

use std::time::{Duration, Instant};

use super::stage::{Said, Stage, frame, head};

const LIMIT: Duration = Duration::from_millis(300);

fn stage() -> Stage {
    Stage::with(|settings| settings.harakiri = Some(LIMIT))
}

#[test]
fn who_has_no_answer_in_time_gets_504_and_the_connection_goes_on() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    let began = Instant::now();
    client.get("/late");
    client.get("/next");
    assert_eq!(core.path(), "/late");
    assert_eq!(client.status(), "HTTP/1.1 504 Gateway Timeout");
    assert!(began.elapsed() >= LIMIT);
    assert_eq!(core.next(), Said::Abort);
    core.reply("too late");
    assert_eq!(core.path(), "/next");
    core.reply("next");
    assert!(client.answer("next").ends_with("\nnext"));
}

#[test]
fn an_answer_that_has_begun_is_cut_though_it_moves() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.send(&head("200 OK", "", |_| {}));
    client.until("\r\n\r\n");
    let began = Instant::now();
    let mut socket = core.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        while began.elapsed() < 20 * LIMIT && std::io::Write::write_all(&mut socket, &frame(b"x", false)).is_ok() {
            std::thread::sleep(LIMIT / 10);
        }
    });
    let rest = client.rest();
    assert!(rest.as_ref().map_or(true, |rest| !rest.ends_with(b"0\r\n\r\n")), "{rest:?}");
    assert!(began.elapsed() < 10 * LIMIT);
    assert_eq!(core.next(), Said::Abort);
    drop((core, stage));
    writer.join().unwrap();
}

#[test]
fn a_body_that_trickles_ends_in_time_too() {
    let stage = stage();
    let mut client = stage.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    let mut socket = client.socket.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..100 {
            if std::io::Write::write_all(&mut socket, b"x").is_err() {
                break;
            }
            std::thread::sleep(LIMIT / 10);
        }
    });
    assert_eq!(client.status(), "HTTP/1.1 504 Gateway Timeout");
    drop(client);
    writer.join().unwrap();
}

#[test]
fn every_request_has_its_own_time() {
    let stage = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    for _ in 0..3 {
        client.get("/");
        core.path();
        std::thread::sleep(LIMIT / 2);
        core.reply("in time");
        assert_eq!(client.status(), "HTTP/1.1 200 OK");
    }
}
