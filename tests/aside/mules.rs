//! `mule`, `mules`, `farm` and `mule-harakiri`.

use std::io::Read;
use std::net::TcpStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Kind, Running, Server, eventually};

const MULES: &str = "--http-socket {ip}:3031 --wsgi-file {apps}/mules.py --master --mules 2";

fn start(options: &str) -> Running {
    Server::of(Kind::Rsgi, &format!("{MULES} {options}")).start()
}

fn ask(server: &Running, path: &str) -> String {
    server.get(3031, path).expect(200).text().to_owned()
}

fn mule(server: &Running, number: u32) -> Option<i32> {
    let title = format!("rsgi mule {number}");
    server.processes().iter().find(|process| process.title.trim() == title).map(|process| process.pid)
}

#[track_caller]
fn stats(server: &Running) -> Value {
    let mut text = String::new();
    TcpStream::connect(server.address(9191)).expect("connected").read_to_string(&mut text).expect("a document");
    serde_json::from_str::<Value>(&text).expect("JSON")["mules"].clone()
}

/// What both servers answer and do.
fn calls_run_in_mules(kind: Kind) {
    let server = Server::of(kind, MULES).start();
    ask(&server, "/anywhere?a");
    server.log.wait_for(r"said anywhere \('a',\) \{'key': 'value'\} worker 0");
    // Where a program reads messages, it would take those for anybody as well.
    let options = "--farm mails:1,2 --mule={apps}/mule_program.py";
    let server = Server::of(kind, &format!("{MULES} {options}")).start();
    for line in [r"forked worker 1 mule 0", r"forked worker 0 mule 1", r"forked worker 0 mule 2"] {
        server.log.wait_for(&format!("said {line}"));
    }
    ask(&server, "/second?b");
    server.log.wait_for("said second b mule 2");
    ask(&server, "/fails?on+purpose");
    server.log.wait_for(r"ValueError: on\+purpose");
    assert_eq!(ask(&server, "/long"), "False");
    server.log.wait_for(r"said program __main__ 0 3 \['uwsgi'\] None None");
    server.log.wait_for("said nothing b'' True");
    server.log.wait_for("said short b'abc'");
    ask(&server, "/raw?plain");
    server.log.wait_for("said program got b'plain'");
    let nobody = "['False', 'ValueError: invalid mule', 'ValueError: invalid mule', 'TypeError', 'None', 'TypeError', \
        'ValueError: you can receive mule messages only in a mule !!!', \
        'ValueError: you can receive farm messages only in a mule !!!', 'None', 'None', '0']";
    assert_eq!(ask(&server, "/nobody"), nobody);
}

#[test]
fn calls_run_in_mules_on_rsgi() {
    calls_run_in_mules(Kind::Rsgi);
}

#[test]
fn calls_run_in_mules_on_uwsgi() {
    calls_run_in_mules(Kind::Uwsgi);
}

#[test]
fn messages_to_a_farm_reach_its_mules_only() {
    let app = "import sys, uwsgi\nfrom uwsgidecorators import farm, mulemsg\n\
        say = lambda *words: print('said', *words, file=sys.stderr, flush=True)\n\
        @farm('mails')\ndef mail(message):\n    say('mail', message, uwsgi.mule_id())\n\
        @mulemsg(1)\ndef first(message):\n    say('first', message, uwsgi.mule_id())\n\
        def application(e, s):\n    s('200 OK', [])\n    uwsgi.farm_msg('mails', b'letter')\n    \
        return [repr(uwsgi.mule_msg(b'one', 1)).encode()]\n";
    let arguments = "--http-socket {ip}:3031 --wsgi-file {dir}/app.py --mules 3 --farm mails:2,3";
    let server = Server::of(Kind::Rsgi, arguments).file("app.py", app).start();
    for _ in 0..4 {
        assert_eq!(ask(&server, "/"), "True");
    }
    server.log.wait_for_count(0, r"said mail b'letter' [23]", 4);
    server.log.wait_for_count(0, r"said first b'one' 1", 4);
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_message_is_worked_on_to_its_end_and_what_waits_passes_to_the_next_generation() {
    let server = start("--mule={apps}/mule_program.py");
    let (old, program) = eventually("three mules", || mule(&server, 1).zip(mule(&server, 3)));
    ask(&server, "/sleeps?5");
    server.log.wait_for("said sleeps in");
    server.log.wait_for("said short");
    ask(&server, "/sleeps?0");
    server.signal(Signal::SIGHUP);
    server.log.wait_for("generation 1 serves");
    let next = eventually("the next mule", || mule(&server, 3).filter(|pid| *pid != program));
    assert_ne!(next, program);
    server.log.wait_for("said atexit");
    // The second call goes to the new mule while the old one is still at the first.
    let begins = server.log.wait_for_count(0, "said sleeps in", 2);
    assert!(begins[0].ends_with(&old.to_string()) && !begins[1].ends_with(&old.to_string()), "{begins:?}");
    server.log.wait_for_count(0, "said has slept", 2);
    server.log.wait_for("mule 1 killed successfully");
    let ended = server.stop();
    assert_eq!(ended.code, 0);
    assert!(!ended.log.contains("NO MERCY"), "{}", ended.log);
}

#[test]
fn a_killed_mule_is_replaced_and_its_queue_is_kept() {
    let server = start("--stats {ip}:9191");
    let victim = eventually("a mule", || mule(&server, 1));
    ask(&server, "/sleeps?60");
    server.log.wait_for("said sleeps in");
    ask(&server, "/sleeps?0.1");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("it lives");
    server.log.wait_for(r"DAMN ! mule 1 \(pid: \d+\) died, killed by signal 9 :\( trying respawn");
    server.log.wait_for("said has slept");
    let mules = eventually("an idle mule", || Some(stats(&server)).filter(|mules| mules[0]["status"] == "idle"));
    assert_eq!((&mules[0]["respawn_count"], &mules[0]["messages"]), (&2.into(), &1.into()), "{mules}");
    assert_eq!(mules.as_array().map(Vec::len), Some(2));
    assert_eq!(server.stop().code, 0);
}

#[test]
fn a_message_that_takes_too_long_ends_its_mule() {
    let server = start("--mule-harakiri 1 --stats {ip}:9191");
    ask(&server, "/sleeps?60");
    ask(&server, "/second?other");
    server.log.wait_for("said second other");
    for line in [
        r"^\*\*\* HARAKIRI ON MULE 1 \(pid: \d+, try: 1, graceful: no\) \*\*\*$",
        r"^HARAKIRI \[message\] to mule 1 since \d{10}$",
        r"^HARAKIRI \[message\] MESSAGE=.*mules\.sleeps",
        r"^HARAKIRI triggered by mule 1 !!!$",
        r#"mules\.py", line \d+ in sleeps"#,
        r"DAMN ! mule 1 \(pid: \d+\) died, killed by signal 9",
    ] {
        server.log.wait_for(line);
    }
    ask(&server, "/sleeps?0.1");
    server.log.wait_for("said has slept");
    let mules = stats(&server);
    assert_eq!((&mules[0]["harakiri_count"], &mules[1]["harakiri_count"]), (&1.into(), &0.into()), "{mules}");
    // The next deadline counts from the next message.
    assert_eq!(server.log.matching("HARAKIRI ON MULE").len(), 1);
}

#[test]
fn senders_never_wait() {
    let server = start("");
    ask(&server, "/sleeps?60");
    server.log.wait_for("said sleeps in");
    assert_eq!(ask(&server, "/flood"), "False");
    server.log.wait_for("a message to mule 1 is not sent: the queue is full: its mules do not keep up");
    assert_eq!(ask(&server, "/second?free"), "True");
    server.log.wait_for("said second free mule 2");
    server.signal(Signal::SIGINT);
    server.log.wait_for("stopping gracefully");
    server.signal(Signal::SIGINT);
    assert_eq!(server.wait().code, 0);
}

#[test]
fn a_program_that_never_asks_for_messages_leaves_at_once() {
    let program = "import atexit, sys, time\nsay = lambda *w: print('said', *w, file=sys.stderr, flush=True)\n\
        atexit.register(say, 'atexit')\ndef work():\n    try:\n        say('works')\n        time.sleep(600)\n    finally:\n        say('cleans up')\n";
    let arguments = "--http-socket {ip}:3031 --wsgi-file {apps}/mules.py --mule=work:work --pythonpath {dir}";
    let server = Server::of(Kind::Rsgi, arguments).file("work.py", program).start();
    server.log.wait_for("said works");
    let ended = server.stop();
    assert_eq!(ended.code, 0);
    assert!(ended.log.contains("said cleans up") && ended.log.contains("said atexit"), "{}", ended.log);
}

#[test]
fn without_mules_there_is_nobody_to_write_to() {
    let wanted = "['ValueError: no mule configured', 'ValueError: no mule configured', 'ValueError: no mule configured', \
        'TypeError', 'None', 'TypeError', 'ValueError: you can receive mule messages only in a mule !!!', \
        'ValueError: you can receive farm messages only in a mule !!!', 'None', 'None', '0']";
    for kind in [Kind::Rsgi, Kind::Uwsgi] {
        let server = Server::of(kind, "--http-socket {ip}:3031 --wsgi-file {apps}/mules.py --master").start();
        assert_eq!(ask(&server, "/nobody"), wanted, "{kind:?}");
    }
}

#[test]
fn a_farm_of_mules_that_are_not_there_is_an_error() {
    let ended = Server::of(Kind::Rsgi, &format!("{MULES} --farm mails:1,3")).run();
    assert_eq!(ended.code, 1);
    assert!(ended.log.contains("farm: mails names mule 3, but there are 2"), "{}", ended.log);
}
