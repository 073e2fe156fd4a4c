//! Boots a Debian with systemd in a container of systemd-nspawn, in less than a second, and runs a script in it: sandboxes, credentials,
//! dynamic users, watchdogs and sockets are real there. Limits of memory and tasks are not: there is no cgroup for them.

pub(super) mod deb;
mod debian;
mod nixos;
mod root;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Outcome, Rung};
use crate::packaging::pages;
use crate::system;

/// The rungs of this folder.
pub(super) const RUNGS: &[Rung] = &[
    Rung {
        name: "debian",
        proves: "the Debian packages install, start, serve, reload, upgrade and purge in a booted bookworm",
        run: || booted("debian", debian::check),
    },
    Rung {
        name: "boot",
        proves: "the NixOS module's units start, reload, are watched, and cannot do what they must not",
        run: || booted("boot", nixos::check),
    },
];

/// Longer than any script takes, on a machine that has other things to do.
const PATIENCE: &str = "300";

/// What every script may use, by name: checks, a load, an application.
const TOOLS: [(&str, &str); 3] = [
    ("lib.sh", include_str!("guest/lib.sh")),
    ("load.py", include_str!("guest/load.py")),
    ("app.py", include_str!("guest/app.py")),
];

/// Boots the guest, runs the script, and ends with it.
const UNIT: &str = "\
[Unit]
After=basic.target
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /opt/guest/test.sh
StandardOutput=journal+console
StandardError=journal+console
";

/// A machine that is not booted yet.
struct Guest {
    /// `/opt/guest` in it.
    folder: tempfile::TempDir,
    /// Places in it, and what of this machine is seen there.
    seen: Vec<(PathBuf, String)>,
}

impl Guest {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let guest = Self { folder, seen: Vec::new() };
        TOOLS.iter().try_for_each(|(name, text)| guest.put(name, text))?;
        guest.put("units/guest.service", UNIT)?;
        Ok(guest)
    }

    /// Writes a file below `/opt/guest`.
    fn put(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// Writes what a page says below these headings, each as a script that `page HEADING` runs.
    fn put_page(&self, page: &str, headings: &[&str]) -> Result<()> {
        headings
            .iter()
            .try_for_each(|heading| self.put(&format!("page/{heading}"), &script(&pages::blocks(page, heading)?)?))
    }

    /// Shows a file or folder of this machine at a place of the guest, unchangeable.
    fn show(&mut self, here: PathBuf, there: &str) {
        self.seen.push((here, there.to_owned()));
    }

    /// Boots it and runs the script; how many checks there were.
    fn run(mut self, test: &str) -> Result<usize> {
        self.put("test.sh", test)?;
        self.show(self.folder.path().to_owned(), "/opt/guest");
        self.show(self.folder.path().join("units"), "/usr/local/lib/systemd/system");
        let mut nspawn = Command::new("timeout");
        nspawn.args([
            PATIENCE,
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--volatile=overlay",
            "--boot",
        ]);
        nspawn.arg("--private-network").arg(format!("--machine=rsgi-{}", std::process::id()));
        nspawn.arg("--directory").arg(root::ensure()?);
        for (here, there) in &self.seen {
            nspawn.arg(format!("--bind-ro={}:{there}", here.display()));
        }
        // What follows is for systemd, as on a kernel's command line.
        nspawn.args(["--boot", "systemd.wants=guest.service"]);
        nspawn
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .env("SYSTEMD_COLORS", "0")
            .stdin(std::process::Stdio::null());
        let output = nspawn.output().context("cannot start systemd-nspawn")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let checks = said.lines().filter(|line| line.contains("]: ok ")).count();
        if !output.status.success() || checks == 0 {
            bail!("the guest ended with {}:\n{said}", output.status);
        }
        Ok(checks)
    }
}

/// A script that writes the files and runs the commands of these blocks, in their order.
fn script(blocks: &[pages::Block]) -> Result<String> {
    let mut script = String::new();
    for block in blocks {
        if let Some(path) = block.file() {
            let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
            let line =
                format!("mkdir -p {}\ncat > {path} <<'END-OF-FILE'\n{}END-OF-FILE\n", folder.display(), block.text);
            script.push_str(&line);
        } else if block.language == "sh" {
            script.push_str(&block.text);
        } else {
            bail!("neither commands nor a file:\n{}", block.text);
        }
    }
    Ok(script)
}

/// Runs a check that boots a guest, where that can be done.
fn booted(rung: &str, check: fn() -> Result<usize>) -> Result<Outcome> {
    if !nix::unistd::Uid::effective().is_root() {
        let command = format!("sudo cargo dev check-packaging {rung}");
        return Ok(Outcome::NotRun { why: "only root boots containers".into(), command });
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.lines().any(|line| line == format!("VERSION_CODENAME={}", root::SUITE)) {
        let why = format!("the packages of this system do not fit the guest, which is Debian {}", root::SUITE);
        return Ok(Outcome::NotRun {
            why,
            command: format!("cargo dev check-packaging {rung}, as root on Debian {}", root::SUITE),
        });
    }
    system::ensure(system::BOOT)?;
    check().map(|checks| Outcome::Ran(format!("{checks} checks")))
}
