//! `cargo dev lab`: frameworks in containers behind nginx. What is asked of them is in `lab/tests/`, a workspace of its own, so that only
//! those who want the lab compile its client of Docker.

mod base;
mod grid;
mod images;
pub(crate) mod load;
mod play;
mod remains;
mod tls;

use std::process::Command;

use anyhow::{Result, bail};

use crate::{command, setup};

const USAGE: &str = "\
Usage: cargo dev lab COMMAND

  build               makes the images whose inputs have changed
  test [--long] [FILTER]
                      asks every framework everything through every door, on rsgi and on uWSGI; --long with large bodies
  load [--quick] [FILTER]
                      loads rsgi, uWSGI, gunicorn and Granian; the whole, without a filter, writes docs/benchmarks.md
  up [FRAMEWORK] [--python 3.11|3.13]
                      starts django (or flask, web2py, others) behind nginx, on ports of 127.0.0.1, to play with
  grid                writes docs/compatibility.md from the last whole run
  down                stops and removes that
  shell               a shell in its application's container
";

/// Does what the words say.
///
/// # Errors
/// When something fails, or Docker is missing.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let (command, rest) = words.split_first().map_or(("help", words), |(first, rest)| (first.as_str(), rest));
    match command {
        "build" if rest.is_empty() => images::make().map(drop),
        "test" => test(rest),
        "load" => load::run(rest),
        "grid" if rest.is_empty() => grid::write(),
        "up" => play::up(rest),
        "down" if rest.is_empty() => play::down(),
        "shell" if rest.is_empty() => play::shell(),
        "help" => {
            eprint!("{USAGE}");
            Ok(())
        }
        _ => bail!("no such command: cargo dev lab {}\n\n{USAGE}", words.join(" ")),
    }
}

/// Makes the images, then runs the tests of the lab. What a test that was killed has left behind is removed before and after.
///
/// # Errors
/// When Docker is missing or a test fails.
pub(crate) fn test(words: &[String]) -> Result<()> {
    images::make()?;
    remains::remove()?;
    let is_long = words.iter().any(|word| word == "--long");
    let filters: Vec<&String> = words.iter().filter(|word| *word != "--long").collect();
    if filters.len() > 1 {
        bail!("one filter: a part of the names of cells, as django, 3.13/fastcgi or flask/3.11/https");
    }
    let filter = filters.first().map(|filter| filter.as_str());
    let mut tests = cargo(&["test", "--quiet", "--test", "lab", "--"]);
    tests.args(&filters).env("RSGI_LAB_MEGABYTES", if is_long { "50,100" } else { "2,4" });
    let tested = if filter == Some("load") { Ok(()) } else { command::run(&mut tests) };
    remains::remove()?;
    let loaded = match filter {
        None => generator(),
        Some("load") => generator().and_then(|()| load::run(&["--quick".to_owned()])),
        Some(_) => Ok(()),
    };
    tested.and(loaded)
}

/// What loads servers tells the truth.
fn generator() -> Result<()> {
    command::run(&mut cargo(&["test", "--quiet", "--package", "rsgi-load"]))
}

/// cargo for the lab's own workspace.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let (verb, rest) = words.split_first().map_or(("help", words), |(verb, rest)| (*verb, rest));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg(verb).arg("--manifest-path").arg(setup::root().join("lab/Cargo.toml")).args(rest);
    cargo.env("CARGO_TARGET_DIR", setup::place().join("target/lab"));
    cargo
}
