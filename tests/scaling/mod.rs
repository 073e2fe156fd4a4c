//! A number of workers that follows the load, and workers that rest.

mod algorithms;
mod by_hand;
mod rest;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Client, Kind, Running, Server, eventually};

/// `/hold` waits until the test lets it go; who runs is in the answer.
const APP: &str = "import os, time
import uwsgi
def application(environ, start_response):
    if environ['PATH_INFO'] == '/hold':
        print('holding', flush=True)
        while not os.path.exists('{dir}/go'):
            time.sleep(0.01)
    body = str(uwsgi.worker_id()).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
";

/// The router and a worker's own socket.
const DOORS: [u16; 2] = [9090, 3031];

fn both(options: &str) -> Server {
    of(Kind::Rsgi, &format!("--http {{ip}}:9090 {options}"))
}

fn of(kind: Kind, options: &str) -> Server {
    let arguments =
        format!("--master --http-socket {{ip}}:3031 --disable-logging --wsgi-file {{dir}}/app.py {options}");
    Server::of(kind, &arguments).file("app.py", APP)
}

/// A request that is in the application when this returns.
#[track_caller]
fn hold(server: &Running, port: u16) -> Client {
    let before = server.log.matching("^holding").len();
    let client = ask_and_wait(server, port);
    server.log.wait_for_count(0, "^holding", before + 1);
    client
}

/// A request that ends when the test says so, wherever it is by now.
#[track_caller]
fn ask_and_wait(server: &Running, port: u16) -> Client {
    let mut client = server.connect(port);
    client.send("POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    client
}

/// Lets those go that hold.
fn let_go(server: &Running) {
    std::fs::write(server.dir().join("go"), "").expect("written");
}

/// Numbers of the workers that live.
fn workers(server: &Running) -> Vec<u32> {
    let number = |title: &str| title.trim().strip_prefix("rsgi worker ")?.parse().ok();
    let mut numbers: Vec<u32> = server.processes().iter().filter_map(|process| number(&process.title)).collect();
    numbers.sort_unstable();
    numbers
}

#[track_caller]
fn until_workers_are(server: &Running, numbers: &[u32]) {
    eventually(&format!("workers {numbers:?}"), || (workers(server) == numbers).then_some(()));
}

/// Asks again and again, on kept and on new connections, while `act` runs. Every request has to be answered.
fn under_load(server: &Running, act: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = DOORS.into_iter().flat_map(|port| [(port, true), (port, false)]);
        let load: Vec<_> = clients
            .map(|(port, keeps)| {
                scope.spawn({
                    let done = &done;
                    move || ask_until(server, port, keeps, done)
                })
            })
            .collect();
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        done.store(true, Ordering::Relaxed);
        let sent: Vec<_> = load.into_iter().map(|one| one.join()).collect();
        if let Err(panic) = acted {
            std::panic::resume_unwind(panic);
        }
        assert!(sent.iter().all(|count| matches!(count, Ok(1..))), "{sent:?}");
    });
}

fn ask_until(server: &Running, port: u16, keeps: bool, done: &AtomicBool) -> u32 {
    let (mut count, mut kept) = (0, None::<Client>);
    while !done.load(Ordering::Relaxed) {
        let mut client = kept.take().unwrap_or_else(|| server.connect(port));
        let connection = if keeps { "keep-alive" } else { "close" };
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: {connection}\r\n\r\nabc"));
        let closes = client.response().expect(200).header("connection") == Some("close");
        kept = (keeps && !closes).then_some(client);
        count += 1;
    }
    count
}
