//! The images of the lab: made when they are missing or something that they are made from has changed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::base::Base;
use super::tls;
use crate::packaging::docker::{build, docker, has_image, missing, told};
use crate::packaging::image::{self, Recipe};
use crate::{command, plugins, setup, web2py};

/// Fixtures that stand on the image `python`.
const FRAMEWORKS: [&str; 4] = ["django", "flask", "web2py", "others"];

/// What the tests find ready; `.rsgi-dev/containers.json` holds it.
#[derive(Debug, Serialize)]
pub(super) struct Images {
    nginx: String,
    postgres: String,
    /// Chromium with its driver.
    browser: String,
    /// Flask's fixture with what makes trouble: a clock that jumps, packets that are lost, names that are gone.
    trouble: String,
    /// The version of web2py's upstream tree, where the fixture has one.
    web2py: Option<String>,
    /// By release of Python, then by the name of the fixture.
    fixtures: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    /// Certificate and key of the doors with TLS.
    certificate: PathBuf,
    key: PathBuf,
}

/// What `cargo dev lab load` takes.
#[derive(Debug)]
pub(super) struct ForLoad {
    pub(super) nginx: String,
    /// Servers and applications on one Python, the one of the image that people get first.
    pub(super) servers: String,
    /// What loads them.
    pub(super) generator: String,
}

/// Makes what is missing.
///
/// # Errors
/// When Docker is missing, or an image cannot be built.
pub(super) fn make() -> Result<Images> {
    within(all)
}

/// Makes what is missing of these.
///
/// # Errors
/// As [`make`].
pub(super) fn for_load() -> Result<ForLoad> {
    within(|context| {
        fill(context)?;
        // Linked statically, so that its image holds nothing else.
        let mut cargo = super::cargo(&["build", "--release", "--quiet", "--package", "rsgi-load"]);
        command::run(cargo.env("RUSTFLAGS", "-Ctarget-feature=+crt-static"))?;
        fs::copy(setup::place().join("target/lab/release/rsgi-load"), context.join("generator/rsgi-load"))?;
        let recipe = &image::BOOKWORM;
        let python = made(context, "python", recipe.python, &[("RSGI", &image::slim(recipe)?)])?;
        let django = made(context, "django", recipe.python, &[("PYTHON", &python)])?;
        Ok(ForLoad {
            nginx: made(context, "nginx", "", &[("BASE", &image::debian()?)])?,
            servers: made(context, "load", "", &[("DJANGO", &django)])?,
            generator: made(context, "generator", "", &[])?,
        })
    })
}

/// Lets images be made in a folder that they are made from.
fn within<T>(make: impl Fn(&Path) -> Result<T>) -> Result<T> {
    if let Some(why) = missing() {
        bail!("{why}: the lab runs in containers; everything else is tested by `cargo dev test --no-containers`");
    }
    // Of its own, for a run beside this one has another.
    let context = setup::place().join(format!("containers/context-{}", std::process::id()));
    let made = make(&context);
    let _ = fs::remove_dir_all(&context);
    made
}

fn all(context: &Path) -> Result<Images> {
    let web2py = fill(context)?;
    let debian = image::debian()?;
    let (certificate, key) = tls::pair()?;
    let mut images = Images {
        nginx: made(context, "nginx", "", &[("BASE", &debian)])?,
        postgres: made(context, "postgres", "", &[("BASE", &debian)])?,
        browser: made(context, "browser", "", &[("BASE", &debian)])?,
        trouble: String::new(),
        web2py,
        fixtures: BTreeMap::new(),
        certificate,
        key,
    };
    for recipe in [&image::BOOKWORM, &image::TRIXIE] {
        images.fixtures.insert(recipe.python, fixtures(context, recipe)?);
    }
    let flask = images.fixtures.get(image::BOOKWORM.python).and_then(|fixtures| fixtures.get("flask"));
    images.trouble = made(context, "trouble", "", &[("FLASK", flask.context("no image of flask")?)])?;
    let file = setup::place().join("containers.json");
    fs::write(&file, serde_json::to_string_pretty(&images)?).with_context(|| file.display().to_string())?;
    Ok(images)
}

fn fixtures(context: &Path, recipe: &Recipe) -> Result<BTreeMap<&'static str, String>> {
    let slim = image::slim(recipe)?;
    let release = recipe.python;
    let python = made(context, "python", release, &[("RSGI", &slim)])?;
    let mut fixtures = BTreeMap::from([("hello", made(context, "hello", release, &[("RSGI", &recipe.tag())])?)]);
    for name in FRAMEWORKS {
        fixtures.insert(name, made(context, name, release, &[("PYTHON", &python)])?);
    }
    Ok(fixtures)
}

/// An image of a folder of the lab, under a tag that tells by a hash what it was made from, and a second one for people.
fn made(context: &Path, name: &str, release: &str, bases: &[(&str, &str)]) -> Result<String> {
    let mut digest = DefaultHasher::new();
    let upstream = format!("{name}-upstream");
    for folder in [name, &upstream].map(|folder| context.join(folder)).iter().filter(|folder| folder.is_dir()) {
        plugins::take_in(folder, &mut digest)?;
    }
    let (mut held, mut words) = (Vec::new(), Vec::new());
    for (argument, base) in bases {
        let base = Base::hold(base)?;
        base.id().hash(&mut digest);
        words.extend(["--build-arg".to_owned(), format!("{argument}={}", base.name())]);
        held.push(base);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plain = format!("rsgi-lab/{name}:{}", if release.is_empty() { "latest" } else { release });
    let own = format!("{plain}-{}", checkout());
    let tag = format!("{own}-{:016x}", digest.finish());
    if !has_image(&tag) {
        build(context, &context.join(name).join("Containerfile"), &tag, &words)?;
        forget_older(&own, &tag)?;
    }
    told(&["tag", &tag, &plain])?;
    Ok(tag)
}

/// Which checkout this is: others on this machine keep their images.
fn checkout() -> String {
    let mut digest = DefaultHasher::new();
    setup::root().hash(&mut digest);
    format!("{:08x}", digest.finish() >> 32)
}

/// Removes the tags of what an image of this checkout was before; those in use stay.
fn forget_older(own: &str, tag: &str) -> Result<()> {
    let all = told(&["images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", &format!("reference={own}-*")])?;
    for older in all.lines().filter(|older| *older != tag) {
        let _ = docker(&["rmi", older]).output();
    }
    Ok(())
}

/// The lab's folder, and an upstream tree of web2py beside it where one is named; its version.
fn fill(context: &Path) -> Result<Option<String>> {
    fs::create_dir_all(setup::place().join("containers"))?;
    let _ = fs::remove_dir_all(context);
    let copy = |from: &Path, to: &Path| command::output(Command::new("cp").arg("--recursive").arg(from).arg(to));
    copy(&setup::root().join("lab"), context)?;
    // What a run outside of containers has left there.
    for left in ["target", "tests"] {
        let _ = fs::remove_dir_all(context.join(left));
    }
    let Some(tree) = web2py::tree()? else { return Ok(None) };
    copy(&tree, &context.join("web2py-upstream"))?;
    web2py::version(&tree).map(Some)
}
