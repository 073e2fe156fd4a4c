//! More requests than the interpreter can compute: cores back off (`worker/backoff.rs`), and are there when they are needed.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::support::{Client, Running, Server, eventually};

const CORES: usize = 4;

/// Whether a thread of this process sleeps by the clock, which the application never does.
fn backs_off(pid: i32) -> bool {
    let sleeps = format!("{} ", nix::libc::SYS_clock_nanosleep);
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    let mut calls = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("syscall")).ok());
    calls.any(|call| call.starts_with(&sleeps))
}

/// Asks on eight connections, one request after the other, while `work` runs.
fn load<R>(server: &Running, work: impl FnOnce() -> R) -> R {
    let is_over = AtomicBool::new(false);
    let ask = |mut client: Client| {
        while !is_over.load(Relaxed) {
            client.get("/").expect(200);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 * CORES {
            let client = server.connect(3031);
            scope.spawn(move || ask(client));
        }
        // Also when it fails, or the clients would never end.
        let _over = Over(&is_over);
        work()
    })
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn start(options: &str) -> Running {
    let options = format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/crush.py --disable-logging {options}");
    Server::new(&options).start()
}

#[test]
fn cores_back_off_when_all_of_them_compute() {
    let server = start("--threads 4");
    let worker = server.workers(1)[0];
    load(&server, || eventually("a core that backs off", || backs_off(worker).then_some(())));
    // Who had backed off is there again when the others have nothing to do.
    eventually("all cores", || (!backs_off(worker)).then_some(()));
}

/// All but one may have backed off, and that one is stuck.
#[test]
fn who_has_backed_off_comes_back_when_the_others_are_stuck() {
    let server = start("--threads 4");
    let worker = server.workers(1)[0];
    let mut stuck: Vec<_> = (1..CORES).map(|_| server.connect(3031)).collect();
    load(&server, || {
        eventually("a core that backs off", || backs_off(worker).then_some(()));
        for client in &mut stuck {
            client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        server.get(3031, "/go").expect(200);
    });
    stuck.iter_mut().for_each(|client| drop(client.response().expect(200)));
}

#[test]
fn an_order_to_leave_reaches_a_worker_whose_cores_back_off() {
    let server = start("--threads 4");
    let worker = server.workers(1)[0];
    load(&server, || eventually("a core that backs off", || backs_off(worker).then_some(())));
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
}
