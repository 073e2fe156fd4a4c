//! The flake's packages, built for real by a stand-in for nixpkgs: core and a plugin, without a network, twice, and the same bits both times.
//! What was built then answers a request.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::flake::with_stand_in;
use super::stand_in::{Flakes, lay_out, vendor};
use super::{library, without_library};
use crate::packaging::Outcome;
use crate::{command, setup};

/// How long the server may take to its first answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn check() -> Result<Outcome> {
    let Some(library) = library()? else { return Ok(without_library("nix-build")) };
    vendor()?;
    let flakes = lay_out(&library)?;
    let plugin =
        flakes.pythons.iter().find(|python| python.version >= (3, 11)).context("there is no Python 3.11 or later")?;
    let plugin = format!("plugin-{}", plugin.plugin());
    let names = ["rsgi", plugin.as_str(), "default"];
    let built = build(&flakes, &names, &[])?;
    // With --rebuild Nix builds what it has once more, and fails when a bit differs.
    build(&flakes, &names[..2], &["--rebuild"])?;
    let whole = built.last().context("Nix names what it has built")?;
    let answer = served(&whole.join("bin/rsgi"))?;
    if !answer.ends_with("Hello World") {
        bail!("{} answers {answer:?}", whole.display());
    }
    Ok(Outcome::Ran(format!("rsgi and {plugin} twice the same; the default package serves")))
}

/// What Nix tells of a package that it has built.
#[derive(Deserialize)]
struct Built {
    outputs: Outputs,
}

#[derive(Deserialize)]
struct Outputs {
    out: PathBuf,
}

fn build(flakes: &Flakes, names: &[&str], more: &[&str]) -> Result<Vec<PathBuf>> {
    let mut build = super::nix()?;
    build.args(["build", "--no-link", "--json"]).args(more).args(names.iter().map(|name| flakes.output(name)));
    let built: Vec<Built> = serde_json::from_str(&command::output(with_stand_in(&mut build, flakes))?)?;
    Ok(built.into_iter().map(|built| built.outputs.out).collect())
}

/// Starts the server on an application of the lab, and returns its answer.
fn served(rsgi: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("http.sock");
    let mut server = Command::new(rsgi);
    server.arg("--http-socket").arg(&socket).arg("--wsgi-file").arg(setup::root().join("lab/hello/foobar.py"));
    let server = Running(server.current_dir(&folder).spawn().with_context(|| rsgi.display().to_string())?);
    let end = Instant::now() + PATIENCE;
    let mut stream = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > end => return Err(error).context("the server does not listen"),
            Err(_) => sleep(Duration::from_millis(50)),
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    drop(server);
    Ok(answer)
}

/// A server that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let master = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        if nix::sys::signal::kill(master, nix::sys::signal::Signal::SIGINT).is_ok() {
            let _ = self.0.wait();
        }
    }
}
