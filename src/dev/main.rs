//! `cargo dev`: set-up, tests, checks, benchmarks and generated files, one command each.
#![forbid(unsafe_code)]

mod bench;
mod check;
mod command;
mod drill;
mod generate;
mod lab;
mod plugins;
mod pythons;
mod system;
mod test;
mod venvs;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo dev COMMAND

  setup               installs what the tests need and builds the lab in .rsgi-dev/
  test [FILTER…]      setup, then all tests (or those whose names contain a filter)
  check               format, lints, unit tests
  bench [--quick] [--markdown] [FILTER…]
                      CPU time per request beside other servers, on the same app
  drill [--server rsgi|uwsgi|gunicorn] [--rate N] [--seconds N] [--soak N] [--markdown] [--binary PATH]
        [FILTER…]   
                      what becomes of requests during reloads, recycling and kills; fails when one is lost
  generate [--check]  writes the generated documents, or says which are out of date
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<()> {
    let (command, rest) = words.split_first().map_or(("help", words), |(first, rest)| (first.as_str(), rest));
    match command {
        "setup" if rest.is_empty() => lab::ensure().map(drop),
        "test" => test::run(rest),
        "check" if rest.is_empty() => check::run(),
        "bench" => bench::run(rest),
        "drill" => drill::run(rest),
        "generate" => generate::run(rest),
        "help" | "--help" | "-h" => {
            eprint!("{USAGE}");
            Ok(())
        }
        _ => bail!("no such command: cargo dev {}\n\n{USAGE}", words.join(" ")),
    }
}
