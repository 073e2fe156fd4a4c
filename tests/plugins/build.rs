//! `--build-plugin`, as in uWSGI's quickstart.

use std::path::Path;

use super::release;
use crate::support::lab::{LAB, root};
use crate::support::{Kind, Server};

/// `rsgi --build-plugin WORDS` with the interpreter of the environment `venv`.
pub(crate) fn build(words: &str, venv: &Path) -> Server {
    Server::of(Kind::Rsgi, "--build-plugin")
        .arg(words)
        .env("PYTHON", &venv.join("bin/python").display().to_string())
        // Kept, so that a second run of this test has nothing to compile.
        .env("CARGO_TARGET_DIR", &root().join(".rsgi-dev/target/build-plugin").display().to_string())
}

#[test]
fn a_name_of_another_version_names_both() {
    let ended = build("python python399", &LAB.venv).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    let text = format!("python399 would run Python {} of ", release(&LAB.embedded));
    assert!(ended.log.contains(&text), "{}", ended.log);
}

#[test]
fn without_cargo_it_says_what_to_install() {
    let ended = build(&format!("python {}", LAB.embedded), &LAB.venv).env("PATH", "/nowhere").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("cargo cannot be run: install Rust"), "{}", ended.log);
}

#[test]
fn a_source_that_is_not_there_says_where_it_was_looked_for() {
    let ended = build("/no/such/tree python3.12", &LAB.venv).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("no source of rsgi was found (looked in /no/such/tree)"), "{}", ended.log);
    let ended = build("plugins/psgi", &LAB.venv).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("\"plugins/psgi\" is not understood"), "{}", ended.log);
}
