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
    Need { sign: Sign::Program("strace"), package: "strace" },
    Need { sign: Sign::Program("chromium"), package: "chromium" },
    Need { sign: Sign::Program("chromedriver"), package: "chromium-driver" },
];

/// What making container images takes on top.
pub(crate) const IMAGE: &[Need] = &[
    Need { sign: Sign::Program("curl"), package: "curl" },
    Need { sign: Sign::Program("mmdebstrap"), package: "mmdebstrap" },
    Need { sign: Sign::Program("patchelf"), package: "patchelf" },
    Need { sign: Sign::Program("strip"), package: "binutils" },
];

/// What Compose takes, where Docker does not bring it.
pub(crate) const COMPOSE: &[Need] = &[Need { sign: Sign::Program("docker-compose"), package: "docker-compose" }];
/// What building wheels and using them takes.
pub(crate) const WHEEL: &[Need] = &[
    Need { sign: Sign::Program("cc"), package: "build-essential" },
    Need { sign: Sign::Program("python3"), package: "python3-dev python3-venv" },
    Need { sign: Sign::Program("curl"), package: "curl" },
];

/// What building Debian packages takes.
pub(crate) const DEB: &[Need] = &[
    Need { sign: Sign::Program("cc"), package: "build-essential" },
    Need { sign: Sign::Program("dh"), package: "debhelper" },
    Need { sign: Sign::File("/usr/bin/py3versions"), package: "python3-all-dev" },
];

/// What booting a Debian takes.
pub(crate) const BOOT: &[Need] = &[
    Need { sign: Sign::Program("mmdebstrap"), package: "mmdebstrap" },
    Need { sign: Sign::Program("systemd-nspawn"), package: "systemd-container" },
];

/// What the benchmark takes on top.
pub(crate) const BENCH: &[Need] = &[
    Need { sign: Sign::Program("wrk"), package: "wrk" },
    Need { sign: Sign::Program("taskset"), package: "util-linux" },
    Need { sign: Sign::File("/usr/include/ev.h"), package: "libev-dev" },
];

/// What looks at Nix files.
pub(crate) const NIX: &[Need] = &[Need { sign: Sign::Program("nix"), package: "nix-bin" }];

/// What looks at units without booting them.
pub(crate) const SYSTEMD: &[Need] = &[Need { sign: Sign::Program("systemd-analyze"), package: "systemd" }];

/// What makes the tree of another Debian, and starts it in a container.
pub(crate) const CONTAINER: &[Need] = &[
    Need { sign: Sign::Program("mmdebstrap"), package: "mmdebstrap" },
    Need { sign: Sign::Program("systemd-nspawn"), package: "systemd-container" },
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
    // Another one that is at work is waited for.
    let lock = "--option=DPkg::Lock::Timeout=300";
    command::run(Command::new("apt-get").args(["update", "-qq", lock]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", lock, "-qq", "-y", "--no-install-recommends"]).args(packages);
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
