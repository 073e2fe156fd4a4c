//! What happens to a server while it is under load.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::server::{Door, Server};

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// Options that the server needs for it.
    pub(super) options: &'static [&'static str],
    /// Ways to the server that are tried.
    pub(super) doors: &'static [Door],
    /// Requests that a killed worker was at may be lost, if they must not be sent again; they are answered all the same.
    pub(super) kills: bool,
    /// Only rsgi has what it takes.
    pub(super) own: bool,
    /// What happens until the moment.
    pub(super) act: fn(&Server, Instant),
    /// What rsgi's log says when it has happened.
    pub(super) proof: &'static [&'static str],
}

const PLAIN: &[Door] = &[Door::Router, Door::Direct, Door::Nginx];

const SCENE: Scene =
    Scene { name: "nothing", options: &[], doors: PLAIN, kills: false, own: false, act: |_, _| {}, proof: &[] };

const RECYCLING: &[&str] = &["--max-requests", "50", "--min-worker-lifetime", "0"];
const CHECK: &[&str] = &["--reload-check", "/health"];
const ROLLING: &[&str] = &["--reload-check", "/health", "--reload-mode", "rolling"];
const LOG: &[&str] = &["--logto", "served.log"];
const ROTATING: &[&str] = &["--logto", "served.log", "--log-master", "--master-fifo", "fifo"];

const CHEAPER: &[&str] = &["--cheaper", "1", "--cheaper-algo", "manual", "--master-fifo", "fifo"];

/// All of them.
pub(super) const SCENES: &[Scene] = &[
    SCENE,
    Scene { name: "reload x20", act: reloads, proof: &["serves"], ..SCENE },
    Scene { name: "rolling reload", options: ROLLING, own: true, act: slow_reloads, proof: &["serves"], ..SCENE },
    Scene { name: "broken reloads", act: broken_reloads, proof: &["a bad deploy", "reload failed"], ..SCENE },
    Scene { name: "failed checks", options: CHECK, own: true, act: failed_checks, proof: &["answered 500"], ..SCENE },
    Scene { name: "max-requests = 50", options: RECYCLING, proof: &["The work of process"], ..SCENE },
    Scene { name: "kill -9 a worker each second", kills: true, act: kill_workers, proof: &["signal 9"], ..SCENE },
    Scene { name: "kill -9 the zygote", own: true, act: kill_zygote, proof: &["DAMN ! zygote"], ..SCENE },
    Scene { name: "certificate changed", doors: &[Door::Tls], own: true, act: certificates, proof: RENEWED, ..SCENE },
    Scene { name: "log opened anew", options: LOG, own: true, act: reopen, proof: &[COUNTED], ..SCENE },
    Scene { name: "log rotated", options: ROTATING, own: true, act: rotate, ..SCENE },
    Scene { name: "cheaper up and down", options: CHEAPER, own: true, act: up_and_down, proof: &["cheaped"], ..SCENE },
    Scene { name: "going cheap", options: CHEAPER, own: true, act: rests, proof: &["cheaped"], ..SCENE },
    Scene { name: "master upgraded", own: true, act: upgrades, proof: &["serves"], ..SCENE },
    Scene { name: "pauses", own: true, act: pauses, proof: &["the pause is over"], ..SCENE },
];

/// SIGUSR1 ends in this line, in the file that was not there before.
const COUNTED: &str = " requests ***";

const RENEWED: &[&str] = &["certificates have changed and are in use"];

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

fn slow_reloads(server: &Server, until: Instant) {
    spread(until, 4, |_| server.signal(Signal::SIGHUP));
}

/// The application imports, and says that it is not well.
fn failed_checks(server: &Server, until: Instant) {
    let app = server.dir.join("app.py");
    let good = std::fs::read_to_string(&app).unwrap_or_default();
    let ill = format!("{good}\nHEALTH = 500\n");
    spread(until, 4, |number| {
        let _ = std::fs::write(&app, if number == 3 { &good } else { &ill });
        server.signal(Signal::SIGHUP);
    });
}

fn certificates(server: &Server, until: Instant) {
    spread(until, 2, |_| {
        if let Err(error) = server.authority.renew(&server.dir) {
            eprintln!("the certificate cannot be renewed: {error}");
        }
    });
}

fn rotate(server: &Server, until: Instant) {
    spread(until, 10, |_| {
        let _ = std::fs::write(server.dir.join("fifo"), "L");
    });
    let is_old = |name: std::ffi::OsString| name.to_string_lossy().starts_with("served.log.");
    let mut files = std::fs::read_dir(&server.dir).into_iter().flatten().flatten();
    // Nothing is said of it.
    assert!(files.any(|file| is_old(file.file_name())), "the log was not rotated");
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

fn upgrades(server: &Server, until: Instant) {
    spread(until, 4, |number| {
        // Refused while processes of the upgrade before are still leaving.
        let done =
            (0..100).any(|_| upgrade(server).inspect_err(|_| std::thread::sleep(Duration::from_millis(100))).is_ok());
        // A drill without what it is about would show nothing.
        assert!(done, "upgrade {} of the master: {:?}", number + 1, upgrade(server));
    });
}

/// Lets the master go on with another file of the same content.
fn upgrade(server: &Server) -> anyhow::Result<()> {
    let program = std::fs::read(format!("/proc/{}/exe", server.pid()))?;
    let (new, staged) = (server.dir.join("rsgi"), server.dir.join("rsgi.new"));
    std::fs::write(&staged, program)?;
    std::fs::set_permissions(&staged, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    std::fs::rename(&staged, &new)?;
    let output = std::process::Command::new(&new).args(["upgrade", &server.pid().to_string()]).output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn pauses(server: &Server, until: Instant) {
    spread(until, 4, |_| {
        server.signal(Signal::SIGTSTP);
        std::thread::sleep(Duration::from_millis(200));
        server.signal(Signal::SIGTSTP);
    });
}

fn up_and_down(server: &Server, until: Instant) {
    spread(until, 20, |number| server.signal(if number % 2 == 0 { Signal::SIGTTIN } else { Signal::SIGTTOU }));
}

fn rests(server: &Server, until: Instant) {
    spread(until, 6, |_| {
        let _ = std::fs::write(server.dir.join("fifo"), "C");
    });
}
