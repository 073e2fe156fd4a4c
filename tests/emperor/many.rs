//! Two hundred vassals under one emperor, one of them always failing: how they start, serve and stop, and what each takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::lab::LAB;
use crate::support::{Client, Kind, Running, Server, processes};

const VASSALS: usize = 200;

/// Longest time for all of them to serve, on two processors that others use too.
const START: Duration = Duration::from_secs(90);

/// Private memory of a vassal in KiB, its interpreter aside: its master, and what its zygote does not share with its worker.
const LARGEST: u64 = 3584;

/// The release build: nobody runs the other one for its memory.
fn emperor() -> Server {
    let vassal = |name: &str, app: &str| {
        let (dir, plugin) = (LAB.plugins_dir.display(), &LAB.embedded);
        format!(
            "[uwsgi]\nplugins-dir = {dir}\nplugin = {plugin}\nhttp-socket = {{dir}}/{name}.sock\nwsgi-file = {app}\n\
             disable-logging = true\n"
        )
    };
    let server = Server::of(Kind::Rsgi, "--emperor {dir}/vassals --emperor-throttle 500 --emperor-max-throttle 500");
    let server = server
        .program(&LAB.core)
        .file("crash.py", "import os\nos._exit(3)\n")
        .file("vassals/failing.ini", &vassal("failing", "{dir}/crash.py"));
    (0..VASSALS).fold(server, |server, number| {
        let name = format!("good{number}");
        server.file(&format!("vassals/{name}.ini"), &vassal(&name, "{apps}/probe.py"))
    })
}

fn wait_until_all_serve(server: &Running) {
    let until = Instant::now() + START;
    loop {
        let seen = server.log.len();
        let loyal = server.log.matching(r"good\d+\.ini is now loyal").len();
        if loyal == VASSALS {
            return;
        }
        assert!(Instant::now() < until, "{loyal} of {VASSALS} vassals serve");
        server.log.wait_for_more(seen, Duration::from_secs(1));
    }
}

/// Private memory in KiB of all processes of a kind, and how many there are. Those of the failing vassal come and go.
fn private(server: &Running) -> BTreeMap<&'static str, (u64, u64)> {
    let mut kinds = BTreeMap::new();
    for process in server.processes().iter().filter(|process| !process.title.contains("failing")) {
        let kind = match process.title.as_str() {
            title if title.starts_with("rsgi zygote") => "zygote",
            title if title.starts_with("rsgi worker") => "worker",
            title if title.contains("--emperor") => "emperor",
            _ => "master",
        };
        if let Some((unique, _)) = processes::try_memory(process.pid) {
            let (sum, count) = kinds.entry(kind).or_insert((0, 0));
            (*sum, *count) = (*sum + unique, *count + 1);
        }
    }
    kinds
}

#[test]
fn two_hundred_vassals_serve_cheaply_beside_one_that_always_fails() {
    let server = emperor().spawn();
    wait_until_all_serve(&server);
    server.log.wait_for_count(0, r"failing\.ini ended too early", 3);
    for number in 0..VASSALS {
        let mut client = Client::unix(&server.dir().join(format!("good{number}.sock")));
        client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").response().expect(200);
    }
    let kinds = private(&server);
    let mut told = String::new();
    for (kind, (sum, count)) in &kinds {
        let _ = write!(told, "{count} × {kind} {} KiB; ", sum / count);
    }
    println!("private memory: {told}");
    let of = |kind: &str| kinds.get(kind).map_or(0, |(sum, count)| sum / count);
    assert_eq!(kinds["worker"].1, VASSALS as u64, "{told}");
    assert!(of("master") + of("zygote") <= LARGEST, "{told}");
    assert_eq!(server.log.matching(r"good\d+\.ini has been spawned").len(), VASSALS, "each was started once");
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(ended.log.matches("goodbye to rsgi.").count() >= VASSALS, "{}", ended.log);
}
