//! What holds of the image.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Recipe;
use crate::packaging::docker::{Container, docker, told};
use crate::{command, setup};

/// What the image may weigh, bytes.
const HEAVIEST: u64 = 60_000_000;

/// The rights that a careful operator leaves a container.
const CONFINED: [&str; 4] =
    ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--publish=127.0.0.1::9090"];

/// Asks the image everything; returns a few words.
pub(super) fn everything(recipe: &Recipe) -> Result<String> {
    forms_differ_in_files_only(recipe)?;
    has_no_shell(recipe)?;
    let inside = confined_inside(recipe)?;
    Ok(format!("{}, {inside}", serves(recipe)?))
}

/// Serves the quickstart in all three forms, and is light.
pub(super) fn serves(recipe: &Recipe) -> Result<String> {
    let mount = format!("--volume={}:/app:ro", setup::root().join("lab/hello").display());
    for image in [recipe.tag(), recipe.form("debug"), recipe.form("slim")] {
        let options = [&CONFINED[..], &[&mount]].concat();
        let container = Container::run(&options, &image, &["--http", ":9090", "--wsgi-file", "/app/foobar.py"])?;
        ensure!(container.get(9090, "/")? == "Hello World", "{image}: {}", container.logs());
        let python = format!("Python version: {}.", recipe.python);
        ensure!(container.logs().contains(&python), "{image} runs another Python: {}", container.logs());
        let version = container.exec(&["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
        ensure!(image.ends_with("slim") || version? == recipe.python, "{image}: python3 is another one");
    }
    let size: u64 = told(&["image", "inspect", "--format", "{{.Size}}", &recipe.tag()])?.parse()?;
    ensure!(size <= HEAVIEST, "{} has {size} bytes, more than {HEAVIEST}", recipe.tag());
    Ok(format!("Python {}, {:.1} MB", recipe.python, size as f64 / 1e6))
}

/// User, signal, health check and labels are the same in each.
fn forms_differ_in_files_only(recipe: &Recipe) -> Result<()> {
    let settings = |image: &str| -> Result<Value> {
        let text = told(&["image", "inspect", "--format", "{{json .Config}}", image])?;
        let mut config: Value = serde_json::from_str(&text)?;
        let config = config.as_object_mut().context("no settings")?;
        let kept = ["User", "Entrypoint", "Cmd", "StopSignal", "Healthcheck", "Labels", "WorkingDir", "ExposedPorts"];
        config.retain(|key, _| kept.contains(&key.as_str()));
        Ok(Value::Object(config.clone()))
    };
    let plain = settings(&recipe.tag())?;
    for form in ["debug", "slim"] {
        let other = settings(&recipe.form(form))?;
        ensure!(other == plain, "{} is set up in another way: {other}, not {plain}", recipe.form(form));
    }
    ensure!(plain["User"] == "10001:10001" && plain["StopSignal"] == "SIGINT", "{plain}");
    let version = &plain["Labels"]["org.opencontainers.image.version"];
    ensure!(version == env!("CARGO_PKG_VERSION"), "the Containerfile labels another version: {version}");
    Ok(())
}

/// Neither a shell nor a package manager, and in the debug form a shell.
fn has_no_shell(recipe: &Recipe) -> Result<()> {
    let made = told(&["create", &recipe.tag()])?;
    let mut export = docker(&["export", &made]).stdout(Stdio::piped()).spawn()?;
    let tar = export.stdout.take().context("no output")?;
    let list = command::output(Command::new("tar").arg("--list").stdin(tar));
    let exported = export.wait();
    told(&["rm", &made])?;
    ensure!(exported?.success(), "the image cannot be exported");
    let list = list?;
    let is_tool = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        path.contains("bin/") && ["sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "perl"].contains(&name)
    };
    let found: Vec<_> = list.lines().filter(is_tool).collect();
    ensure!(found.is_empty(), "{} has {found:?}", recipe.tag());
    ensure!(list.contains("var/lib/dpkg/status.d/libc6\n"), "scanners cannot tell what {} is made of", recipe.tag());
    let debug = Container::run(&["--entrypoint=sleep"], &recipe.form("debug"), &["60"])?;
    ensure!(debug.exec(&["sh", "-c", "echo $((6 * 7))"])? == "42", "the debug form has no shell");
    Ok(())
}

/// Rights, health, orphans and the end, as an application sees them.
fn confined_inside(recipe: &Recipe) -> Result<String> {
    let mount = format!("--volume={}/src/dev/packaging/image:/app:ro", setup::root().display());
    let options = [&CONFINED[..], &[&mount]].concat();
    let words = ["--http", ":9090", "--wsgi-file", "/app/app.py", "--processes", "2"];
    let container = Container::run(&options, &recipe.tag(), &words)?;
    let ask = |path: &str| -> Result<Value> { Ok(serde_json::from_str(&container.get(9090, path)?)?) };

    let facts = ask("/facts")?;
    let status = &facts["status"];
    ensure!(
        status["Uid"].as_array().is_some_and(|ids| ids.iter().all(|id| id == "10001")),
        "not as user 10001: {facts}"
    );
    ensure!(status["CapEff"][0] == "0000000000000000" && status["CapBnd"][0] == "0000000000000000", "rights: {facts}");
    ensure!(status["NoNewPrivs"][0] == "1" && facts["written"] == "Read-only file system", "{facts}");
    ensure!(facts["certificates"].as_u64() > Some(50), "no certificates: {facts}");
    container.wait_until_healthy()?;
    for wanted in ["not ready: paused", "pid 1: ready"] {
        container.signal("TSTP")?;
        eventually(wanted, || {
            let said = container.exec(&["rsgi", "healthcheck"]).unwrap_or_else(|error| error.to_string());
            Ok(said.contains(wanted))
        })?;
    }

    let orphan = ask("/orphan")?;
    ensure!(orphan["adopter"] == 1, "orphans are adopted by process 1: {orphan}");
    let pid = orphan["pid"].to_string();
    eventually("the orphan is reaped", || {
        let processes = ask("/processes")?;
        let processes = processes.as_object().context("no processes")?;
        Ok(!processes.contains_key(&pid) && processes.values().all(|state| state != "Z"))
    })?;

    let (answer, stopped) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| container.get(9090, "/slow"));
        std::thread::sleep(Duration::from_millis(500));
        let stopped = container.stop();
        (slow.join(), stopped)
    });
    let (code, took) = stopped?;
    let answer = answer.ok().context("the client panicked")?;
    ensure!(answer.is_ok_and(|text| text == "\"done\""), "a request was lost by the stop\n{}", container.logs());
    ensure!(code == "0" && took < Duration::from_secs(8), "stopped with {code} after {took:?}\n{}", container.logs());
    Ok(format!("stopped in {:.1} s with a request of 2 s in hand", took.as_secs_f32()))
}

/// Waits some seconds for what takes a moment to become true.
fn eventually(what: &str, mut is_true: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_true()? {
        ensure!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
