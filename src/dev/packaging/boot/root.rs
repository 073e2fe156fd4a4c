//! The root tree of the guest: a bookworm with systemd, made once. What happens in a guest stays in an overlay.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{command, setup};

/// The release that the packages are built on and for.
pub(super) const SUITE: &str = "bookworm";

/// What the packages depend on, so that they install without a network, and what looks at them.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,python3.11,libpython3.11,curl,procps,util-linux,iproute2,logrotate,nginx-light,man-db";

/// Makes it unless it is there; returns its path, which tells by a hash what it was made from.
pub(super) fn ensure() -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (SUITE, PACKAGES).hash(&mut hasher);
    let place = setup::place().join("packaging");
    let root = place.join(format!("root-{:016x}", hasher.finish()));
    if root.is_dir() {
        return Ok(root);
    }
    fs::create_dir_all(&place)?;
    let half = place.join("root-half");
    if half.is_dir() {
        fs::remove_dir_all(&half).context("cannot remove what is left of another attempt")?;
    }
    let mut make = Command::new("mmdebstrap");
    make.args(["--variant=minbase", "--quiet", "--aptopt=Acquire::Languages \"none\"", "--include", PACKAGES, SUITE]);
    command::run(make.arg(&half))?;
    fs::rename(&half, &root)?;
    Ok(root)
}
