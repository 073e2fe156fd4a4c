//! Clients that want all of a core, and answers that must not wait for what comes after them.

use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Asks without pause, and takes the answers, until told to stop or left by the worker. Says when it is in full swing.
fn flood(worker: &Worker, stop: &AtomicBool, swing: Sender<()>) {
    let stream = worker.connect();
    let mut reader = stream.try_clone().unwrap();
    let requests = GET.repeat(200);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut answers = std::io::BufReader::with_capacity(1 << 16, &mut reader);
            std::io::copy(&mut Read::take(&mut answers, 100_000), &mut std::io::sink()).unwrap();
            swing.send(()).unwrap();
            while answers.fill_buf().is_ok_and(|piece| !piece.is_empty()) {
                answers.consume(answers.buffer().len());
            }
        });
        while !stop.load(Relaxed) && (&stream).write_all(&requests).is_ok() {}
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
}

#[test]
fn a_client_that_asks_without_pause_leaves_room_for_others() {
    let mut worker = Worker::http();
    let (stop, (swing, in_swing)) = (AtomicBool::new(false), channel());
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&worker, &stop, swing));
        in_swing.recv().unwrap();
        for _ in 0..20 {
            assert!(worker.exchange(b"GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
        }
        // And for the orders of the master.
        (&worker.control).write_all(&[Order::Drain.byte()]).unwrap();
        let mut rest = Vec::new();
        (&worker.control).read_to_end(&mut rest).unwrap();
        stop.store(true, Relaxed);
    });
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(Exit::WorkerEnd.code()));
}

#[test]
fn a_worker_that_has_served_enough_leaves_a_client_that_asks_without_pause() {
    let mut worker = Worker::start(Protocol::Http, 1, |config| config.workers.max_requests = Some(2000));
    let (stop, (swing, _in_swing)) = (AtomicBool::new(false), channel());
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&worker, &stop, swing));
        let mut rest = Vec::new();
        (&worker.control).read_to_end(&mut rest).unwrap();
        stop.store(true, Relaxed);
    });
    assert_eq!(worker.thread.take().unwrap().join().unwrap(), Exit::Raw(Exit::Reload.code()));
}

#[test]
fn a_complete_answer_waits_for_nothing() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    // Another request behind it, and an application that has not come back yet.
    stream.write_all(&[b"GET /complete HTTP/1.1\r\nHost: h\r\n\r\n", GET].concat()).unwrap();
    assert_eq!(read_one(&mut stream).1, "done");
    GATE.wait();
    assert_eq!(read_one(&mut stream).1, "hello");
}

#[test]
fn an_answer_without_a_body_does_not_go_on_for_ever() {
    let worker = Worker::http();
    let mut stream = worker.connect();
    stream.write_all(&[b"HEAD /chatter HTTP/1.1\r\nHost: h\r\n\r\n", GET].concat()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let began = Instant::now();
    assert_eq!(read_one(&mut stream).1, "hello");
    assert!(began.elapsed() < PATIENCE, "the application has gone on");
}
