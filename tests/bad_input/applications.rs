//! Applications that fail: one clear status, one trace of whose fault it was, and the worker goes on.

use crate::support::{Kind, Running, Server, phrases, uwsgi};

fn start(options: &str) -> Running {
    Server::of(
        Kind::Rsgi,
        &format!(
            "--http {{ip}}:9090 --http-socket {{ip}}:8000 --socket {{ip}}:3031 --wsgi-file {{apps}}/bad.py --master {options}"
        ),
    )
    .start()
}

/// The bytes that come back, through each of the three doors.
fn through_every_door(server: &Running, path: &str) -> Vec<String> {
    let http = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let raw = [
        server.connect(8000).send(&http).rest(),
        server.connect(9090).send(&http).rest(),
        server.connect(3031).send(uwsgi::encode(&uwsgi::get(path))).rest(),
    ];
    raw.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[track_caller]
fn pid(server: &Running) -> String {
    server.get(8000, "/").expect(200).text().to_owned()
}

#[test]
fn a_mistake_before_any_output_is_a_500_and_the_worker_goes_on() {
    let server = start("");
    let worker = pid(&server);
    for path in [
        "/raises",
        "/raises_after_start",
        "/raises_in_first_step",
        "/raises_unprintable",
        "/raises_base_exception",
        "/raises_generator_exit",
        "/recursion",
        "/returns_none",
        "/returns_number",
        "/returns_text",
        "/yields_text",
        "/never_starts",
        "/starts_with_nothing",
        "/status_is_a_number",
        "/status_without_number",
        "/status_too_large",
        "/status_splits",
        "/headers_not_a_list",
        "/header_not_a_pair",
        "/header_value_is_a_number",
        "/header_value_is_bytes",
        "/header_value_splits",
        "/header_name_splits",
        "/header_name_with_blank",
        "/header_not_latin",
        "/length_is_nonsense",
    ] {
        let lines = server.log.len();
        for answer in through_every_door(&server, path) {
            assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{path}: {answer}");
            assert!(!answer.contains("X-Injected"), "{path}: {answer}");
            assert!(
                !answer.contains("Traceback") && !answer.contains("bad.py"),
                "{path} tells the client too much: {answer}"
            );
        }
        // The request line has the true status.
        let line = server.log.wait_from(lines, &format!(r" {path} => generated "));
        assert!(line.contains(" 500)"), "{line}");
    }
    assert_eq!(pid(&server), worker);
    for text in ["RuntimeError: raised at once", "RuntimeError: raised after start_response", "RecursionError"] {
        server.log.wait_for(text);
    }
}

#[test]
fn a_mistake_after_output_breaks_the_answer_off() {
    let server = start("");
    let worker = pid(&server);
    for answer in through_every_door(&server, "/raises_in_second_step") {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("first piece"), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "the client must see that the body is not whole: {answer}");
    }
    server.log.wait_for("RuntimeError: raised in the second step");
    assert_eq!(pid(&server), worker);
}

/// Applications written for uWSGI may send chunks of their own; what is no chunk must not pass for one.
#[test]
fn chunks_that_the_application_frames_itself() {
    let server = start("");
    for port in [8000, 9090] {
        assert_eq!(server.get(port, "/chunks_of_its_own").expect(200).text(), "x");
        let request = "GET /chunks_that_are_none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = String::from_utf8_lossy(&server.connect(port).send(request).rest()).into_owned();
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
        server.get(port, "/").expect(200);
    }
}

#[test]
fn an_error_in_a_thread_of_the_application_is_logged() {
    let server = start("");
    assert_eq!(server.get(8000, "/thread_raises").expect(200).text(), "went on");
    server.log.wait_for("RuntimeError: raised in a thread");
}

#[test]
fn the_end_of_the_worker_is_at_worst_one_request_and_one_worker() {
    let server = start("--processes 2");
    server.workers(2);
    for path in [
        "/raises_keyboard_interrupt",
        "/exits",
        "/exits_in_iterator",
        "/exits_hard",
        "/crashes",
        "/aborts",
        "/kills_itself",
    ] {
        for answer in through_every_door(&server, path) {
            let status = answer.get(9..12).unwrap_or("");
            let broken_off = path == "/exits_in_iterator" && status == "200" && !answer.ends_with("0\r\n\r\n");
            assert!(answer.is_empty() || broken_off || ["500", "502", "503"].contains(&status), "{path}: {answer}");
            // The other worker, or the new one, answers at once.
            server.get(9090, "/").expect(200);
        }
    }
    for _ in 0..10 {
        server.get(8000, "/").expect(200);
        server.get(9090, "/").expect(200);
    }
}

#[test]
fn a_dead_worker_is_logged_with_its_cause_and_replaced() {
    for (path, cause) in
        [("/exits_hard", "3"), ("/crashes", "(?i)signal 11|SIGSEGV"), ("/aborts", "(?i)signal 6|SIGABRT")]
    {
        let server = start("");
        let before = pid(&server);
        let lines = server.log.len();
        server.connect(8000).send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).rest();
        let line = server.log.wait_from(lines, phrases::worker_died(Kind::Rsgi));
        assert!(regex::Regex::new(cause).expect("a pattern").is_match(&line), "{line}");
        assert_ne!(pid(&server), before);
    }
}

#[test]
fn a_worker_that_dies_again_and_again_does_not_take_the_machine() {
    let server = Server::of(Kind::Rsgi, "--http-socket {ip}:3031 --master --lazy-apps --wsgi-file {dir}/dies.py")
        .file("dies.py", "import os\nos._exit(9)\n")
        .start();
    server.log.wait_for(phrases::worker_died(Kind::Rsgi));
    let first = server.log.len();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let deaths = server.log.matching(phrases::worker_died(Kind::Rsgi)).len();
    assert!(deaths <= 12, "{deaths} deaths in three seconds ({first} lines at first)");
}

#[test]
fn the_router_answers_while_no_worker_can() {
    let server = start("");
    // The only worker dies in the middle of this request, so nothing is known of its outcome: 502, and not a repetition.
    let answer = server
        .connect(9090)
        .send("POST /kills_itself HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        .response();
    assert!([502, 503].contains(&answer.status), "{}", answer.status);
    server.get(9090, "/").expect(200);
}
