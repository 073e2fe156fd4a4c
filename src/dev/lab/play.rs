//! One framework behind nginx by Compose, for people.

use std::process::Command;

use anyhow::{Result, bail};

use super::images;
use crate::packaging::docker::docker;
use crate::{command, setup, system};

/// Starts it and says where.
pub(super) fn up(words: &[String]) -> Result<()> {
    let (framework, release) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("django", "3.11"),
        [framework] => (framework, "3.11"),
        [framework, "--python", release] => (framework, release),
        _ => bail!("cargo dev lab up [FRAMEWORK] [--python 3.11|3.13]"),
    };
    images::make()?;
    let mut up = compose()?;
    up.args(["up", "--detach", "--remove-orphans"]).env("FRAMEWORK", framework).env("PYTHON", release);
    command::run(&mut up)?;
    eprintln!(
        "{framework} on Python {release}: http://127.0.0.1:8081 and https://127.0.0.1:8443 are rsgi itself; through nginx: 8001 uwsgi, \
         8002 uwsgi by a unix socket, 8003 HTTP, 8004 FastCGI, 8005 SCGI, and the same with TLS from 8401 on"
    );
    Ok(())
}

/// Stops it.
pub(super) fn down() -> Result<()> {
    command::run(compose()?.args(["down", "--volumes"]))
}

/// A shell beside the application.
pub(super) fn shell() -> Result<()> {
    command::run(compose()?.args(["exec", "app", "bash"]))
}

/// Compose, as a part of Docker or as a program of its own.
fn compose() -> Result<Command> {
    let is_part = docker(&["compose", "version"]).output().is_ok_and(|output| output.status.success());
    let mut compose = if is_part {
        docker(&["compose"])
    } else {
        system::ensure(system::COMPOSE)?;
        Command::new("docker-compose")
    };
    compose.arg("--project-name").arg("rsgi-lab").arg("--file").arg(setup::root().join("lab/compose.yaml"));
    compose.env("TLS", setup::place().join("containers"));
    Ok(compose)
}
