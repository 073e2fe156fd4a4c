//! What happens to a server while it is under load.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::server::Server;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// Options that the server needs for it.
    pub(super) options: &'static [&'static str],
    /// Requests that a killed worker was at may be lost, if they must not be sent again; they are answered all the same.
    pub(super) kills: bool,
    /// Only rsgi has what it takes.
    pub(super) own: bool,
    /// What happens until the moment.
    pub(super) act: fn(&Server, Instant),
}

const RECYCLING: &[&str] = &["--max-requests", "50", "--min-worker-lifetime", "0"];

/// All of them.
pub(super) const SCENES: &[Scene] = &[
    Scene { name: "nothing", options: &[], kills: false, own: false, act: |_, _| {} },
    Scene { name: "reload x20", options: &[], kills: false, own: false, act: reloads },
    Scene { name: "broken reloads", options: &[], kills: false, own: false, act: broken_reloads },
    Scene { name: "max-requests = 50", options: RECYCLING, kills: false, own: false, act: |_, _| {} },
    Scene { name: "kill -9 a worker each second", options: &[], kills: true, own: false, act: kill_workers },
    Scene { name: "kill -9 the zygote", options: &[], kills: false, own: true, act: kill_zygote },
    Scene { name: "log opened anew", options: &["--logto", "served.log"], kills: false, own: true, act: reopen },
    Scene { name: "pauses", options: &[], kills: false, own: true, act: pauses },
];

/// Calls `act` in equal steps until the moment.
fn spread(until: Instant, times: u32, mut act: impl FnMut(u32)) {
    let step = until.saturating_duration_since(Instant::now()) / (times + 1);
    for number in 0..times {
        std::thread::sleep(step);
        act(number);
    }
}

fn reloads(server: &Server, until: Instant) {
    spread(until, 20, |_| server.signal(Signal::SIGHUP));
}

fn broken_reloads(server: &Server, until: Instant) {
    let app = server.dir.join("app.py");
    let good = std::fs::read(&app).unwrap_or_default();
    spread(until, 4, |number| {
        // The last one is to leave a server that can be started.
        let text = if number == 3 { good.clone() } else { b"raise RuntimeError('a bad deploy')\n".to_vec() };
        let _ = std::fs::write(&app, text);
        server.signal(Signal::SIGHUP);
    });
}

fn kill_workers(server: &Server, until: Instant) {
    let seconds = until.saturating_duration_since(Instant::now()).as_secs();
    spread(until, u32::try_from(seconds).unwrap_or(1).max(2), |number| {
        let workers = server.processes("worker");
        if let Some(worker) = workers.get(number as usize % workers.len().max(1)) {
            let _ = kill(*worker, Signal::SIGKILL);
        }
    });
}

fn kill_zygote(server: &Server, until: Instant) {
    spread(until, 3, |_| {
        server.processes("zygote").into_iter().for_each(|zygote| {
            let _ = kill(zygote, Signal::SIGKILL);
        });
    });
}

fn reopen(server: &Server, until: Instant) {
    spread(until, 10, |number| {
        let _ = std::fs::rename(server.dir.join("served.log"), server.dir.join(format!("served.log.{number}")));
        server.signal(Signal::SIGUSR1);
    });
}

fn pauses(server: &Server, until: Instant) {
    spread(until, 4, |_| {
        server.signal(Signal::SIGTSTP);
        std::thread::sleep(Duration::from_millis(200));
        server.signal(Signal::SIGTSTP);
    });
}
