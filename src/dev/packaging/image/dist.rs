//! `dist/image`: the program and its plugins, as the Containerfile takes them with `DIST=prebuilt`.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::pythons::Python;
use crate::{command, plugins, setup};

/// Makes it with the plugin for one of these interpreters. All are built, as for the tests, which then find them made.
pub(super) fn make(pythons: &[Python], python: &Python) -> Result<()> {
    let folder = setup::root().join("dist/image");
    fs::create_dir_all(&folder)?;
    let core = plugins::core()?;
    let made = plugins::build(&core, pythons)?;
    let (program, plugin) = (folder.join("rsgi"), folder.join(format!("rsgi_{}.so", python.plugin())));
    fs::copy(&core, &program)?;
    fs::copy(made.join(format!("{}_plugin.so", python.plugin())), &plugin)?;
    command::output(Command::new("strip").args([&program, &plugin]))?;
    // The interpreter of this machine lies elsewhere than that of the image, which the loader finds by itself.
    command::output(Command::new("patchelf").arg("--remove-rpath").arg(&plugin))?;
    Ok(())
}
