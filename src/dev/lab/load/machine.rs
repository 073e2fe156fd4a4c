//! Where it was measured, and what.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::images::ForLoad;
use super::results::Machine;
use crate::command;
use crate::packaging::docker::told;

/// The packages whose versions are told.
const PACKAGES: &str = "uWSGI gunicorn granian Flask Django";

/// The day, as 2026-11-29.
pub(super) fn date() -> Result<String> {
    Ok(command::output(Command::new("date").args(["--utc", "+%F"]))?.trim().to_owned())
}

pub(super) fn processors() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

/// The load average of the last minute.
pub(super) fn busy() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|word| word.parse().ok()).with_context(|| format!("/proc/loadavg: {text}"))
}

pub(super) fn describe(busy_before: f64, took: Duration) -> Result<Machine> {
    let field = |file: &str, name: &str| -> Result<String> {
        let text = fs::read_to_string(file)?;
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{file} has no {name}"))?;
        Ok(line.trim_start_matches([' ', '\t', ':']).trim_end_matches(" kB").to_owned())
    };
    let kilobytes: f64 = field("/proc/meminfo", "MemTotal")?.parse()?;
    Ok(Machine {
        // Not every architecture names it.
        processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|_| std::env::consts::ARCH.to_owned()),
        processors: processors()?,
        gigabytes: (kilobytes / 104_857.6).round() / 10.0,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        docker: told(&["version", "--format", "{{.Server.Version}}"])?,
        load: [busy_before, busy()?],
        minutes: (took.as_secs_f64() / 6.0).round() / 10.0,
    })
}

/// Of every part, as they are in the images.
pub(super) fn versions(images: &ForLoad) -> Result<BTreeMap<String, String>> {
    let script = format!(
        "import importlib.metadata as m, json, platform; found = {{name: m.version(name) for name in '{PACKAGES}'.split()}}; \
         found['Python'] = platform.python_version(); print(json.dumps(found))"
    );
    let text = told(&["run", "--rm", "--network=none", &images.servers, "/venv/bin/python", "-c", &script])?;
    let mut found: BTreeMap<String, String> = serde_json::from_str(&text)?;
    found.insert("rsgi".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let nginx = told(&["run", "--rm", "--network=none", "--entrypoint=sh", &images.nginx, "-c", "nginx -v 2>&1"])?;
    let nginx = nginx.rsplit('/').next().unwrap_or_default().split(' ').next().unwrap_or_default();
    found.insert("nginx".to_owned(), nginx.to_owned());
    Ok(found)
}
