//! The control socket that every instance has.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use rsgi::control_socket::client::{AskError, Client};
use rsgi::control_socket::protocol::Request;
use serde_json::Value;

use crate::support::lab::LAB;
use crate::support::{Kind, Running, Server, eventually};

fn start() -> Running {
    let arguments = "--http-socket {ip}:3031 --pythonpath {apps} --module slow --processes 2 --threads 2";
    let server = Server::of(Kind::Rsgi, arguments).start();
    server.workers(2);
    server
}

fn client(server: &Running) -> Client {
    Client::to(server.pid().unsigned_abs()).expect("a control socket")
}

#[track_caller]
fn ask(server: &Running, request: &Request) -> Value {
    client(server).ask(request, Some(Duration::from_secs(30))).expect("an answer")
}

#[track_caller]
fn refused(server: &Running, request: &Request) -> String {
    match client(server).ask(request, Some(Duration::from_secs(30))) {
        Err(AskError::Refused(why)) => why,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn an_instance_says_who_it_is() {
    let server = Server::of(Kind::Rsgi, "").ini("http-socket = {ip}:3031\nwsgi-file = {lab}/hello/foobar.py").start();
    server.workers(1);
    let status =
        eventually("it serves", || Some(ask(&server, &Request::Status)).filter(|status| status["mood"] == "serving"));
    assert_eq!(status["pid"], server.pid());
    assert_eq!(status["files"][0], server.dir().join("app.ini").to_string_lossy().as_ref());
    assert_eq!(status["status"], "serving generation 0: 1 of 1 workers ready, 0 routers, 1 zygotes");
}

#[test]
fn a_drained_worker_finishes_and_has_a_successor() {
    let server = start();
    let mut client = server.connect(3031);
    client.send("GET /stuck?0.5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let busy = eventually("the request runs", || {
        let running = ask(&server, &Request::Look { lines: false, watch: 0 });
        running["running"][0]["worker"].as_u64()
    });
    let busy = u32::try_from(busy).expect("a worker");
    let pid = ask(&server, &Request::Drain { worker: busy })["pid"].clone();
    assert_eq!(client.response().expect(200).text(), "awake");
    server.log.wait_for(&format!(r"worker {busy} killed successfully \(pid: {pid}\)"));
    server.log.wait_for(&format!(r"Respawned rsgi worker {busy} "));
    assert_eq!(refused(&server, &Request::Drain { worker: 3 }), "there is no worker 3 now");
}

#[test]
fn stacks_go_to_the_log() {
    let server = start();
    // Each asks at once: a worker may take any number of those that have not asked yet.
    let ask_slowly = |_| {
        let mut client = server.connect(3031);
        client.send("GET /stuck?2 HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let mut clients: Vec<_> = (0..4).map(ask_slowly).collect();
    eventually("all cores are busy", || {
        let running = ask(&server, &Request::Look { lines: false, watch: 0 });
        (running["running"].as_array()?.len() == 4).then_some(())
    });
    ask(&server, &Request::Traceback { worker: 2 });
    server.log.wait_for(r"^\*\*\* stacks of worker 2 ");
    server.log.wait_for(r#"slow.py", line \d+ in answer_stuck"#);
    assert_eq!(refused(&server, &Request::Traceback { worker: 9 }), "there is no worker 9 now");
    clients.iter_mut().for_each(|client| drop(client.response().expect(200)));
}

/// The requests that run when `is_it` says that they are what is waited for.
#[track_caller]
fn running(server: &Running, watch: u32, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually("the requests are seen", || {
        let answer = ask(server, &Request::Look { lines: true, watch });
        let running = answer["running"].as_array().expect("a list").clone();
        is_it(&running).then_some(running)
    })
}

/// What is seen of a worker with two cores, one of which sleeps and the other computes.
#[track_caller]
fn sees_python(server: Server) {
    let server = server.start();
    server.workers(1);
    ask(&server, &Request::Look { lines: false, watch: 60 });
    let mut clients: Vec<_> = ["/stuck?2", "/spin?2"].map(|path| (path, server.connect(3031))).into();
    for (path, client) in &mut clients {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nConnection: close\r\n\r\n"));
    }
    let places = |running: &[Value]| running.iter().filter(|one| one["place"].is_string()).count();
    let mut running = running(&server, 60, |running| places(running) == 2);
    running.sort_by_key(|one| one["place"].as_str().map(|place| place.rsplit(' ').next().map(str::to_owned)));
    let place = |index: usize| running[index]["place"].as_str().expect("a place").to_owned();
    assert!(place(0).contains("/tests/apps/slow.py:") && place(0).ends_with(" answer_spin"), "{}", place(0));
    assert!(place(1).ends_with("/tests/apps/slow.py:22 answer_stuck"), "{}", place(1));
    let vars = running[1]["vars"].as_array().expect("variables");
    assert!(vars.contains(&"REQUEST_URI=/stuck?2".into()) && vars.contains(&"HTTP_COOKIE=***".into()), "{vars:?}");
    assert_eq!(running[1]["phase"], "application");
    // Having been asked has not disturbed them.
    assert_eq!(clients[0].1.response().expect(200).text(), "awake");
    assert_eq!(clients[1].1.response().expect(200).text(), "done");
}

const SLOW: &str = "--http-socket {ip}:3031 --pythonpath {apps} --module slow --threads 2";

#[test]
fn the_python_line_is_seen() {
    sees_python(Server::of(Kind::Rsgi, SLOW));
}

#[test]
fn the_python_line_is_seen_in_every_version() {
    // Some export the dumper, with others faulthandler is the way.
    for plugin in &LAB.plugins {
        let words = format!("--plugins-dir {} --plugin {plugin} {SLOW}", LAB.plugins_dir.display());
        sees_python(Server::of(Kind::Rsgi, &words).program(&LAB.core));
    }
}

#[test]
fn waiting_for_the_client_is_told_apart() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {apps}/waits.py --threads 2";
    let server = Server::of(Kind::Rsgi, arguments).start();
    server.workers(1);
    let mut sender = server.connect(3031);
    sender.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").send([b'x'; 70_000]);
    let mut taker = server.connect(3031);
    taker.send("GET /send HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut phases: Vec<_> = running(&server, 0, |running| {
        running.len() == 2
            && running
                .iter()
                .all(|one| one["phase"] == "sending" || one["phase"] == "reading" && one["place"].is_string())
    });
    phases.sort_by_key(|one| one["phase"].to_string());
    assert_eq!([&phases[0]["phase"], &phases[1]["phase"]], ["reading", "sending"]);
    assert!(phases[0]["place"].as_str().is_some_and(|place| place.ends_with("waits.py:7 application")));
    assert!(phases[0]["vars"].as_array().is_some_and(Vec::is_empty), "nobody said that he would look");
}

#[test]
fn it_can_be_a_file_and_stays_over_reloads() {
    let lines = "http-socket = {ip}:3031\nwsgi-file = {lab}/hello/foobar.py\ncontrol = {dir}/control\nvacuum = true\nchmod-socket = 666";
    let server = Server::of(Kind::Rsgi, "").ini(lines).start();
    server.log.wait_for("^control socket .*/control$");
    let path = server.dir().join("control");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = Client::at(&path).expect("a control socket");
    let pid = |client: &mut Client| client.ask(&Request::Ping, None).expect("an answer")["pid"].clone();
    assert_eq!(pid(&mut client), server.pid());
    server.signal(Signal::SIGHUP);
    eventually("it serves the next generation", || {
        let status = client.ask(&Request::Status, None).expect("an answer");
        (status["generation"] == 1).then_some(())
    });
    let without = std::fs::read_to_string(server.dir().join("app.ini")).expect("a file").replace("control = ", "; ");
    std::fs::write(server.dir().join("app.ini"), without + "\nno-control = true\n").expect("a file");
    server.signal(Signal::SIGHUP);
    // The listener is closed a moment before its file goes.
    eventually("there is none any more", || {
        let nobody = matches!(Client::to(server.pid().unsigned_abs()), Err(AskError::Nobody(_)));
        (nobody && Client::at(&path).is_err() && !path.exists()).then_some(())
    });
    // Who was connected may still ask.
    assert_eq!(pid(&mut client), server.pid());
}
