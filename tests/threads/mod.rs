//! Threads of the server and of the application: how many, how they are called, how much stack they have, and that the
//! interpreter lock is free when nobody computes. (`enable-threads` is row 16 of the quickstart.)

mod crush;

use crate::support::{Kind, Running, Server, eventually, phrases};

fn start(kind: Kind, options: &str) -> Running {
    Server::of(kind, &format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py --master {options}")).start()
}

/// Names of the threads of a process, as `top -H` shows them.
fn names(pid: i32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    let mut names: Vec<String> =
        tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect();
    names.iter_mut().for_each(|name| name.truncate(name.trim_end().len()));
    names.sort();
    names
}

#[test]
fn each_core_is_a_thread_with_a_name() {
    let server = start(Kind::Rsgi, "--threads 3");
    let worker = server.workers(1)[0];
    server.get(3031, "/hello").expect(200);
    // Each thread gives itself its name, perhaps after the first request was answered by another.
    let wanted = ["rsgi worker 1", "rsgi-core-1", "rsgi-core-2"];
    eventually("three names", || (names(worker) == wanted).then_some(()));
}

/// The second begins while the first still sleeps.
#[test]
fn a_waiting_request_does_not_hold_the_interpreter_lock() {
    for kind in Kind::each() {
        let server = start(kind, "--threads 2");
        let mut clients: Vec<_> = (0..2).map(|_| server.connect(3031)).collect();
        for client in &mut clients {
            client.send("GET /sleep?1.5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        }
        server.log.wait_for_count(0, "^asleep for", 2);
        assert_eq!(server.log.matching(" => generated "), [""; 0]);
        let threads: std::collections::BTreeSet<i64> = clients
            .iter_mut()
            .map(|client| client.response().expect(200).json()["thread"].as_i64().expect("a thread"))
            .collect();
        assert_eq!(threads.len(), 2);
    }
}

/// Sizes in KiB of the writable mappings of a process.
fn mappings(pid: i32) -> Vec<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process lives");
    let size = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let bytes = u64::from_str_radix(end, 16).ok()?.checked_sub(u64::from_str_radix(start, 16).ok()?)?;
        rest.starts_with("rw-p").then_some(bytes / 1024)
    };
    text.lines().filter_map(size).collect()
}

#[test]
fn threads_stacksize_is_the_stack_of_each_core_but_the_first() {
    for kind in Kind::each() {
        for option in ["threads-stacksize", "thread-stacksize"] {
            let server = start(kind, &format!("--threads 3 --{option} 3210"));
            let worker = server.workers(1)[0];
            server.get(3031, "/hello").expect(200);
            let stacks = crate::support::eventually("the threads", || {
                let stacks = mappings(worker).into_iter().filter(|size| (3200..=3220).contains(size)).count();
                (stacks >= 2).then_some(stacks)
            });
            assert_eq!(stacks, 2, "{option}: {:?}", mappings(worker));
        }
    }
}

/// Nobody wakes in vain without it either; the option does nothing and says so nowhere in the way.
#[test]
fn thunder_lock_is_accepted() {
    for kind in Kind::each() {
        let server = start(kind, "--thunder-lock --processes 4 --threads 2");
        server.workers(4);
        for _ in 0..20 {
            server.get(3031, "/hello").expect(200);
        }
        assert_eq!(server.log.matching(phrases::worker_died(kind)), [""; 0]);
    }
}
