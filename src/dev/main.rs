//! `cargo dev`: set-up, tests, checks, benchmarks and generated files, one command each.
#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "what fails here fails in the hands of a developer")]

mod behaviours;
mod bench;
mod check;
mod command;
mod drill;
mod fuzz;
mod generate;
mod lab;
mod packaging;
mod plugins;
mod pythons;
mod sanitize;
mod security;
mod setup;
mod supply;
mod system;
mod test;
mod venvs;
mod web2py;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo dev COMMAND

  setup               installs what the tests need and builds the lab in .rsgi-dev/
  test [--no-containers] [FILTER…]
                      setup, then all tests, check-packaging and the lab (or the tests whose names contain a filter)
  check               format, lints, unit tests
  bench [--quick] [--markdown] [FILTER…]
                      CPU time per request beside other servers, on the same app
  drill [--server rsgi|uwsgi|gunicorn] [--rate N] [--seconds N] [--soak N] [--markdown] [--binary PATH]
        [FILTER…]   
                      what becomes of requests during reloads, recycling and kills; fails when one is lost
  fuzz --minutes N | --total N [--jobs N] [TARGET…]
                      libFuzzer over the targets of tests/fuzz, for N minutes more or up to N; fails when one breaks a promise
  fuzz --minimize [TARGET…]
                      takes what was found into the committed corpora
  sanitize [FILTER…]  tests of the bridge to Python under AddressSanitizer and LeakSanitizer
  lab build|test|load|grid|up|down|shell
                      frameworks in containers behind nginx, on rsgi and on uWSGI; under load beside others
  check-packaging [RUNG…]
                      what is shipped (flake, NixOS module, image, wheel, Debian package) installs and runs
  wheel               builds a wheel for each Python of this machine, in .rsgi-dev/packaging/wheels
  deb                 builds the Debian packages, in .rsgi-dev/packaging/deb
  security            writes docs/security.md from the last run of the tests
  sbom                writes the bill of materials of the binary (CycloneDX), in .rsgi-dev
  deny [CHECK…]       asks cargo-deny about licences, sources and known vulnerabilities
  render-units        writes the units that the NixOS module makes, and the page of its options (takes NIXPKGS_LIB=DIR)
  format-nix          formats the Nix files
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
        "setup" if rest.is_empty() => setup::ensure().map(drop),
        "test" => test::run(rest),
        "check" if rest.is_empty() => check::run(),
        "bench" => bench::run(rest),
        "drill" => drill::run(rest),
        "fuzz" => fuzz::run(rest),
        "lab" => lab::run(rest),
        "check-packaging" => packaging::run(rest),
        "wheel" if rest.is_empty() => packaging::wheel(),
        "deb" if rest.is_empty() => packaging::deb(),
        "security" if rest.is_empty() => security::write(),
        "sbom" if rest.is_empty() => supply::sbom(),
        "sanitize" => sanitize::run(rest),
        "deny" => supply::deny(rest),
        "generate" => generate::run(rest),
        "render-units" if rest.is_empty() => packaging::nix::render_units(),
        "format-nix" if rest.is_empty() => packaging::nix::format(),
        "help" | "--help" | "-h" => {
            eprint!("{USAGE}");
            Ok(())
        }
        _ => bail!("no such command: cargo dev {}\n\n{USAGE}", words.join(" ")),
    }
}
