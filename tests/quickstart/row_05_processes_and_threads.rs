//! `--master --processes 4 --threads 2`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Client, Kind, Running, Server, phrases};

const COMMAND: &str = "--http {ip}:9090 --wsgi-file {apps}/probe.py --master --processes 4 --threads 2";

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        every_core_answers(&Server::of(kind, COMMAND).start());
    }
}

fn every_core_answers(server: &Running) {
    let workers: BTreeSet<i32> = server.workers(4).into_iter().collect();
    assert_eq!(workers.len(), 4);
    // Eight slow requests at a time take all eight cores; each names its process and thread.
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect(9090)).collect();
    for client in &mut clients {
        client.send("GET /sleep?1.5 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    let mut threads: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for client in &mut clients {
        let who = client.response().expect(200).json();
        threads
            .entry(who["pid"].as_i64().expect("a pid"))
            .or_default()
            .insert(who["thread"].as_i64().expect("a thread"));
    }
    let pids: BTreeSet<i32> = threads.keys().map(|pid| i32::try_from(*pid).expect("a pid")).collect();
    assert_eq!(pids, workers, "every worker answers");
    assert!(threads.values().all(|threads| threads.len() == 2), "two threads in each: {threads:?}");
}

#[test]
fn a_killed_worker_is_back_within_a_second_while_the_others_answer() {
    let server = Server::new(COMMAND).start();
    let victim = server.workers(4)[0];
    let stop = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Without a request in the victim's hands nothing may be lost, so a plain error counts.
                    let outcome = std::panic::catch_unwind(|| server.get(9090, "/hello").status);
                    let counter = if matches!(outcome, Ok(200)) { &answered } else { &failed };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        crate::support::eventually("first answers", || (answered.load(Ordering::Relaxed) > 50).then_some(()));
        let start = Instant::now();
        let lines = server.log.len();
        kill(Pid::from_raw(victim), Signal::SIGKILL).expect("the worker lives");
        server.log.wait_from(lines, phrases::worker_died(server.kind));
        server.log.wait_from(lines, phrases::worker_ready(server.kind));
        let took = start.elapsed();
        let before = answered.load(Ordering::Relaxed);
        crate::support::eventually("more answers", || (answered.load(Ordering::Relaxed) > before + 50).then_some(()));
        stop.store(true, Ordering::Relaxed);
        assert!(took < Duration::from_secs(1), "back after {took:?}");
    });
    let (answered, failed) = (answered.into_inner(), failed.into_inner());
    // At most the requests that the victim held when it was killed: one a core.
    assert!(failed <= 2, "{failed} requests failed, {answered} were answered");
}

#[test]
fn multithread_and_multiprocess_tell_the_truth() {
    for (arguments, threads, processes) in
        [("", false, false), ("--threads 2", true, false), ("--processes 2 --master", false, true)]
    {
        let server =
            Server::new(&format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {arguments}")).start();
        let environ = server.get(3031, "/environ").expect(200).json();
        assert_eq!(environ["wsgi.multithread"], threads, "{arguments}");
        assert_eq!(environ["wsgi.multiprocess"], processes, "{arguments}");
        assert_eq!(environ["wsgi.run_once"], false);
    }
}

#[test]
fn without_lazy_apps_the_application_is_imported_once_for_all_workers() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --master --processes 3").start();
    let workers = server.workers(3);
    let who = server.get(3031, "/process").expect(200).json();
    let importer = i32::try_from(who["imported_by"].as_i64().expect("a pid")).expect("a pid");
    assert!(!workers.contains(&importer), "imported by worker {importer}");
}
