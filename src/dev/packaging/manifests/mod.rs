//! The manifests for Kubernetes and the Helm chart. There is no cluster here: schemas are validated, Helm's own library renders the
//! chart, and Docker starts the container as a node would.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::docker::{self, Container};
use super::{Outcome, Rung, image, pages};
use crate::{command, setup, venvs};

/// What needs no Docker.
pub(super) const TEXTS: &[Rung] = &[Rung {
    name: "manifests",
    proves: "Kubernetes manifests and Helm chart are valid and say the same",
    run: validate,
}];

/// What starts a container.
pub(super) const RUNGS: &[Rung] = &[Rung {
    name: "deployment",
    proves: "the Deployment's container, started as by a node, serves and passes its probes",
    run: start,
}];

/// What `container.py` tells.
#[derive(Deserialize)]
struct Told {
    options: Vec<String>,
    words: Vec<String>,
    config: String,
    mount: String,
    pages: u16,
    probes: Vec<(u16, String)>,
    scrape: u16,
    metrics: Vec<String>,
}

/// A Python with what the scripts beside this file want.
fn python() -> Result<PathBuf> {
    let (_, pythons) = setup::interpreters()?;
    let newest = pythons.last().context("no interpreter")?;
    let place = setup::place().join("packaging/venv-manifests");
    std::fs::create_dir_all(setup::place().join("packaging"))?;
    Ok(venvs::ensure(place, newest, &setup::root().join("lab/requirements-manifests.txt"))?.join("bin/python"))
}

fn script(name: &str) -> Result<Command> {
    let mut command = Command::new(python()?);
    command
        .arg(setup::root().join("src/dev/packaging/manifests").join(name))
        .arg(setup::root().join("deploy/kubernetes"));
    Ok(command)
}

fn validate() -> Result<Outcome> {
    let rules = pages::marked("docs/deploy/kubernetes.md", "yaml adapter")?;
    let file = setup::place().join("packaging/adapter.yaml");
    let mut check = script("check.py")?;
    std::fs::write(&file, rules.concat())?;
    let said = command::output(check.arg(setup::root().join("deploy/helm/rsgi")).arg(file))?;
    Ok(Outcome::Ran(said.trim().to_owned()))
}

fn start() -> Result<Outcome> {
    if let Some(why) = docker::missing() {
        return Ok(Outcome::NotRun { why, command: "cargo dev check-packaging deployment".into() });
    }
    let image = match image::plain()? {
        Ok(image) => image,
        Err(not_run) => return Ok(not_run),
    };
    let told: Told = serde_json::from_str(&command::output(&mut script("container.py")?)?)?;
    let folder = setup::place().join("packaging/deployment");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("rsgi.ini"), &told.config)?;
    std::fs::copy(setup::root().join("lab/hello/foobar.py"), folder.join("wsgi.py"))?;
    let mounts = [&*told.mount, "/app"].map(|place| format!("--volume={}:{place}:ro", folder.display()));
    let options: Vec<&str> = told.options.iter().chain(&mounts).map(String::as_str).collect();
    let words: Vec<&str> = told.words.iter().map(String::as_str).collect();
    let container = Container::run(&options, &image, &words)?;
    ensure!(container.get(told.pages, "/")? == "Hello World", "{}", container.logs());
    for (port, path) in &told.probes {
        ensure!(container.get(*port, path)? == "ok\n", "{path} is not well\n{}", container.logs());
    }
    let metrics = container.get(told.scrape, "/metrics")?;
    for metric in &told.metrics {
        ensure!(metrics.lines().any(|line| line.starts_with(metric)), "no {metric} in\n{metrics}");
    }
    let (code, took) = container.stop()?;
    ensure!(code == "0", "stopped with {code}\n{}", container.logs());
    Ok(Outcome::Ran(format!(
        "{} probes, {}, stopped in {:.1} s",
        told.probes.len(),
        told.metrics.join(" "),
        took.as_secs_f32()
    )))
}
