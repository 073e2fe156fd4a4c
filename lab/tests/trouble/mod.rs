//! What happens to containers in production: they are stopped, frozen, short of memory or of a disk, cut off, replaced. On Flask.

mod clock;
mod confined;
mod full;
mod loss;
mod memory;
mod names;
mod partition;
mod pause;
mod replacement;
mod shared_memory;
mod stop;

use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Completion;
use testcontainers::ImageExt;
use testcontainers::runners::SyncRunner;

use crate::images::Images;
use crate::place::{self, Place, Running};

/// Its name, and what proves it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    prove: Proof,
}

/// What proves a case.
#[derive(Debug)]
enum Proof {
    Always(fn(&Images) -> Result<()>),
    /// Where the kernel has what it takes; it says so where not.
    WherePossible(fn(&Images) -> Result<Completion>),
}

const fn case(name: &'static str, prove: fn(&Images) -> Result<()>) -> Case {
    Case { name, prove: Proof::Always(prove) }
}

pub(crate) static CASES: &[Case] = &[
    case("stop-with-requests-in-hand", stop::stop),
    case("backend-away-for-five-seconds", pause::away),
    case("read-only-root", confined::read_only),
    case("quickstart-without-a-shell", confined::quickstart),
    case("out-of-memory", memory::out_of_memory),
    case("rolling-replacement", replacement::replacement),
    case("no-shared-memory", shared_memory::none),
    case("full-tmp", full::tmp),
    case("clock-forward-and-back", clock::jumps),
    case("names-without-an-answer", names::silent),
    case("names-that-matter", names::wanted),
    case("network-taken-away", partition::disconnected),
    case("packets-that-vanish", partition::dropped),
    Case { name: "packet-loss", prove: Proof::WherePossible(loss::loss) },
];

impl Case {
    pub(crate) fn prove(&self, images: &Images) -> Result<Completion> {
        match self.prove {
            Proof::Always(prove) => prove(images).map(|()| Completion::Completed),
            Proof::WherePossible(prove) => prove(images),
        }
    }
}

const RELEASE: &str = "3.11";

/// Without the doors that take certificates and a shared socket.
const ALONE: [&str; 12] = [
    "--http-socket=:8080",
    "--http-socket-keepalive=75",
    "--http",
    ":8081",
    "--chdir=/app",
    "--module",
    "lab:app",
    "--virtualenv=/venv",
    "--processes=2",
    "--threads=2",
    "--worker-reload-mercy=8",
    "--buffer-size=65535",
];

/// Flask behind nginx, and the URL of the door by HTTP on kept connections.
fn flask(place: &Place) -> Result<(Running, Running, String)> {
    let app = place.doors(place.app("flask", RELEASE)?, "app").start()?;
    let nginx = place.nginx(&place.name("app"))?.start()?;
    let url = format!("http://{}", place::address(&nginx, 8003)?);
    place::wait_for(&format!("{url}/whoami"), &[&nginx, &app])?;
    Ok((nginx, app, url))
}

/// A request that is in the application: `began` hears when the first of three events has come, 0.8 seconds before the end.
struct Slow {
    began: Receiver<()>,
    thread: JoinHandle<Result<String>>,
}

impl Slow {
    fn start(url: &str) -> Self {
        let (begins, began) = mpsc::channel();
        let url = format!("{url}/events");
        let thread = std::thread::spawn(move || {
            let mut answer = BufReader::new(reqwest::blocking::get(url)?.error_for_status()?);
            let mut text = String::new();
            answer.read_line(&mut text)?;
            let _ = begins.send(());
            answer.read_to_string(&mut text)?;
            Ok(text)
        });
        Self { began, thread }
    }

    /// Until it is there, or has failed.
    fn wait(&self) {
        let _ = self.began.recv();
    }

    /// All that was answered.
    fn text(self) -> Result<String> {
        let text = self.thread.join().ok().context("a client panicked")??;
        ensure!(text.matches("data: ").count() == 3, "cut off: {text:?}");
        Ok(text)
    }
}

/// Has rsgi reload, and waits until the new generation serves.
fn reload(app: &Running) -> Result<()> {
    let serving = || place::log(app).matches(" serves\n").count();
    let before = serving();
    docker(&["kill", "--signal=HUP", app.id()])?;
    let end = Instant::now() + Duration::from_secs(90);
    while serving() == before {
        ensure!(Instant::now() < end, "no new generation serves\n{}", place::log(app));
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// nginx with this configuration, and the URL of its one door.
fn nginx(place: &Place, conf: &str) -> Result<(Running, String)> {
    let conf = format!("daemon off; error_log stderr notice; events {{}} http {{ access_log off; {conf} }}");
    let nginx = place.nginx("one")?.with_copy_to("/etc/nginx/nginx.conf", conf.into_bytes()).start()?;
    let url = format!("http://{}", place::address(&nginx, 8003)?);
    place::wait_for(&format!("{url}/whoami"), &[&nginx])?;
    Ok((nginx, url))
}

/// Runs a script as administrator of a container's network, and returns what it prints.
fn on_network_of(container: &Running, images: &Images, place: &Place, script: &str) -> Result<String> {
    let (name, network) = (place.name("tools"), format!("container:{}", container.id()));
    docker(&[
        "run",
        "--rm",
        "--name",
        &name,
        "--network",
        &network,
        "--cap-add=NET_ADMIN",
        "--user=0",
        "--entrypoint=sh",
        &images.trouble,
        "-e",
        "-c",
        script,
    ])
}

/// What `docker` with these words prints.
fn docker(words: &[&str]) -> Result<String> {
    let output = Command::new("docker").args(words).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "docker {words:?}: {}{text}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}
