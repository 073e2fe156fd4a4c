//! docs/deploy/docker.md, typed as it stands there. Only what this machine cannot have is another: the name of the base image, and a port
//! that may be taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{BOOKWORM, BROUGHT, Recipe, TRIXIE, base};
use crate::packaging::docker::{Container, build, docker, told};
use crate::packaging::pages;
use crate::{command, setup, system};

const PAGE: &str = "docs/deploy/docker.md";

/// The page's `shop:1`, under a name that nobody else uses.
const SHOP: &str = "rsgi-check/shop:1";

/// An application that shows that its package was found.
const WSGI: &str = "\
import flask

application = flask.Flask(__name__)


@application.route(\"/\")
def index():
    return \"flask in \" + flask.__file__
";

/// Follows the page from top to bottom.
pub(super) fn holds(recipe: &Recipe) -> Result<String> {
    let only = |language: &str| -> Result<String> {
        let mut found = pages::marked(PAGE, language)?;
        ensure!(found.len() == 1, "{PAGE} has {} blocks of {language}", found.len());
        found.pop().context("no block")
    };
    let commands = only("sh registry")?;
    for recipe in [&BOOKWORM, &BROUGHT, &TRIXIE] {
        ensure!(commands.lines().any(|line| line == recipe.command), "{PAGE} does not say: {}", recipe.command);
    }
    let folder = project(&only("ini")?, &only("dockerfile")?, &base::debian(recipe.suite)?)?;
    let runs = pages::marked(PAGE, "sh")?;
    ensure!(!runs.is_empty(), "{PAGE} runs nothing");
    build(&folder, &folder.join("Dockerfile"), SHOP, &[])?;
    for line in &runs {
        // The quickstart, and what is configured in a file.
        let (container, wanted) = match line.contains("foobar.py") {
            true => (Container::typed(line, &folder)?, "Hello World"),
            false => (Container::typed(&line.replace("rsgi:3.11", SHOP), &folder)?, "flask in /venv/lib"),
        };
        let body = container.get(9090, "/")?;
        ensure!(body.starts_with(wanted), "{line} answers {body}\n{}", container.logs());
    }
    let composed = compose(&folder, &only("yaml")?, &only("sh compose")?);
    told(&["rmi", SHOP])?;
    composed?;
    Ok(format!("{} commands of {PAGE}, compose up and down", runs.len()))
}

/// A folder as a reader of the page would have it.
fn project(ini: &str, dockerfile: &str, base: &str) -> Result<PathBuf> {
    let folder = setup::place().join("packaging/docker-page");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("app"))?;
    fs::copy(setup::root().join("lab/hello/foobar.py"), folder.join("app/foobar.py"))?;
    for place in [folder.clone(), folder.join("app")] {
        fs::write(place.join("rsgi.ini"), ini)?;
        fs::write(place.join("wsgi.py"), WSGI)?;
    }
    let requirements = fs::read_to_string(setup::root().join("lab/requirements.txt"))?;
    let flask =
        requirements.lines().find(|line| line.to_lowercase().starts_with("flask==")).context("no Flask in the lab")?;
    fs::write(folder.join("requirements.txt"), flask)?;
    ensure!(dockerfile.contains("FROM debian:bookworm-slim "), "another base image");
    fs::write(folder.join("Dockerfile"), dockerfile.replace("debian:bookworm-slim", base))?;
    Ok(folder)
}

/// Up, asked, and down again, also when something is wrong between.
fn compose(folder: &Path, file: &str, commands: &str) -> Result<()> {
    let has_plugin = docker(&["compose", "version"]).output().is_ok_and(|output| output.status.success());
    if !has_plugin {
        system::ensure(system::COMPOSE)?;
    }
    let file =
        file.replace("127.0.0.1:9090:9090", "127.0.0.1::9090").replace("image: shop:1", &format!("image: {SHOP}"));
    fs::write(folder.join("compose.yaml"), file)?;
    let run = |line: &str| {
        let line = if has_plugin { line.to_owned() } else { line.replace("docker compose", "docker-compose") };
        let mut shell = Command::new("sh");
        // A name of our own: nothing that runs here is touched.
        shell.args(["-c", &format!("{line} 2>&1")]).current_dir(folder);
        shell.env("COMPOSE_PROJECT_NAME", format!("rsgi-check-{}", std::process::id()));
        command::output(&mut shell)
    };
    let lines: Vec<&str> = commands.lines().collect();
    let (last, before) = lines.split_last().context("no commands")?;
    let tried = before.iter().try_for_each(|line| run(line).map(drop)).and_then(|()| {
        let id = run("docker compose ps --quiet")?;
        let container = Container::adopted(id.trim());
        container.wait_until_healthy()?;
        let body = container.get(9090, "/")?;
        ensure!(body.starts_with("flask in"), "{body}");
        ensure!(
            told(&["inspect", "--format", "{{.HostConfig.ReadonlyRootfs}}", id.trim()])? == "true",
            "not read-only"
        );
        Ok(())
    });
    let down = run(last).map(drop);
    tried.and(down)
}
