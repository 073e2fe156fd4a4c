//! Programs and headers that come from the operating system: installed by apt where we may, named where we may not.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// How to see that something is there.
enum Sign {
    Program(&'static str),
    File(&'static str),
}

/// Something needed, and the Debian package that brings it.
pub(crate) struct Need {
    sign: Sign,
    package: &'static str,
}

/// What building and testing take.
pub(crate) const TEST: &[Need] = &[
    Need { sign: Sign::Program("cc"), package: "build-essential" },
    Need { sign: Sign::Program("python3"), package: "python3-dev python3-venv" },
    Need { sign: Sign::Program("nginx"), package: "nginx" },
    Need { sign: Sign::Program("curl"), package: "curl" },
    Need { sign: Sign::Program("nghttp"), package: "nghttp2-client" },
    Need { sign: Sign::Program("openssl"), package: "openssl" },
    Need { sign: Sign::Program("ss"), package: "iproute2" },
    Need { sign: Sign::Program("chromium"), package: "chromium" },
    Need { sign: Sign::Program("chromedriver"), package: "chromium-driver" },
];

/// What the benchmark takes on top.
pub(crate) const BENCH: &[Need] = &[
    Need { sign: Sign::Program("wrk"), package: "wrk" },
    Need { sign: Sign::Program("taskset"), package: "util-linux" },
    Need { sign: Sign::File("/usr/include/ev.h"), package: "libev-dev" },
];

/// Debian's own Python splits its headers and its `venv` module off; only then are these needed.
const DEBIAN_PYTHON: &str = "/usr/bin/python3";

/// Installs what is missing when run as root on Debian.
///
/// # Errors
/// When something is missing and may not be installed from here: the text holds the command to type.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let mut missing: Vec<&str> = needs.iter().filter(|need| !need.met()).map(|need| need.package).collect();
    if let Some(package) = debian_python_parts() {
        missing.push(package);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|package| package.split(' ')).collect();
    if !nix::unistd::Uid::effective().is_root() || !command::found("apt-get") {
        bail!("missing on this machine; install with: sudo apt-get install {}", packages.join(" "));
    }
    command::run(Command::new("apt-get").arg("update").arg("-qq"))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-qq", "-y", "--no-install-recommends"]).args(packages);
    // RUNLEVEL=1 keeps Debian's scripts from starting nginx as a service of the machine.
    command::run(install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
}

impl Need {
    fn met(&self) -> bool {
        match self.sign {
            Sign::Program(name) => command::found(name) || Path::new("/usr/sbin").join(name).is_file(),
            Sign::File(path) => Path::new(path).is_file(),
        }
    }
}

fn debian_python_parts() -> Option<&'static str> {
    let script = "import sys, os, sysconfig, importlib.util as u; \
                  ok = u.find_spec('ensurepip') and os.path.exists(sysconfig.get_paths()['include'] + '/Python.h'); \
                  print(sys.executable, bool(ok))";
    let text = command::output(Command::new("python3").args(["-c", script])).ok()?;
    (text.starts_with(DEBIAN_PYTHON) && text.trim().ends_with("False")).then_some("python3-dev python3-venv")
}
