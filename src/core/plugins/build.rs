//! `build-plugin`: builds the plugin of one interpreter with cargo and puts it into the current directory.
//!
//! Knows where a source tree may be and what an interpreter must bring; what is compiled, and how, is cargo's business.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rsgi_abi::host::{Language, LoadError};

use super::name::{fits, language_of, short_version};

/// Environment variable that names the source tree.
pub const SOURCE: &str = "RSGI_SOURCE";

/// First release line that the plugin can be built for.
const OLDEST: (u32, u32) = (3, 9);

/// What the interpreter is asked: implementation, version, whether it has a shared library, where it lies. A virtual environment
/// stands for the interpreter it was made from: the plugin is to outlive it.
const QUESTION: &str = "
import os, sys, sysconfig
version = '%d.%d' % sys.version_info[:2]
base = os.path.join(sys.base_prefix, 'bin', 'python' + version)
lies = base if sys.prefix != sys.base_prefix and os.path.exists(base) else sys.executable
print(sys.implementation.name, version, int(bool(sysconfig.get_config_var('Py_ENABLE_SHARED'))), lies)
";

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// More words than a source and a name, or a name of something else.
    #[error(
        "build-plugin: {0:?} is not understood: name Python and an interpreter, for example --build-plugin \"python python3.12\""
    )]
    Words(String),
    /// No source tree.
    #[error("build-plugin: no source of rsgi was found (looked in {}): unpack the source of rsgi {version} and name it, as in --build-plugin \"/src/rsgi {python}\" or {SOURCE}=/src/rsgi; or install the plugin as a package",
        list(places), version = env!("CARGO_PKG_VERSION"))]
    NoSource {
        /// Where it was looked for.
        places: Vec<PathBuf>,
        /// The second word, for the advice.
        python: String,
    },
    /// The source of another release.
    #[error("build-plugin: {} is the source of another release than this rsgi {}: plugin and program must be built from one", tree.display(), env!("CARGO_PKG_VERSION"))]
    OtherRelease {
        /// The tree.
        tree: PathBuf,
    },
    /// The interpreter cannot be run.
    #[error("build-plugin: the interpreter {} cannot be run: name one by its path, or in PYTHON", .0.display())]
    NoPython(OsString, #[source] io::Error),
    /// The interpreter is not one that can be embedded.
    #[error("build-plugin: {} cannot be embedded: {why}", python.display())]
    Unfit {
        /// The interpreter.
        python: OsString,
        /// What is wrong.
        why: String,
    },
    /// Name and interpreter contradict each other.
    #[error("build-plugin: {name} would run Python {version} of {}: name it python{digits}, or name another interpreter in PYTHON", python.display(), digits = version.replace('.', ""))]
    OtherVersion {
        /// The name as given.
        name: String,
        /// The interpreter's version.
        version: String,
        /// The interpreter.
        python: PathBuf,
    },
    /// No cargo.
    #[error("build-plugin: cargo cannot be run: install Rust (https://rustup.rs, or the packages rustc and cargo)")]
    NoCargo(#[source] io::Error),
    /// Cargo has said why.
    #[error("build-plugin: cargo could not build the plugin: see the lines above")]
    Failed,
    /// The result cannot be put where it belongs.
    #[error("build-plugin: {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What was built is of no use to this program.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// An interpreter that was asked who it is.
#[derive(Debug)]
struct Python {
    /// `3.12`.
    version: String,
    executable: PathBuf,
}

/// Builds what `words` describe (`DIR [NAME]`) into `directory`; returns uWSGI's line about it.
///
/// The first word is a source tree, or any name of Python (`python`, `plugins/python`) for the tree that is at hand. The second
/// is an interpreter (`python3.12`, a path) or the name of the plugin (`python312`); the variable PYTHON names the
/// interpreter in the latter case. A debug build of this program builds debug plugins.
///
/// Source: uWSGI 2.0, "Building plugins" and the quickstart's chapter on several Python versions.
///
/// # Errors
/// When something needed is not there; the text says what.
pub fn build(words: &str, directory: &Path) -> Result<String, BuildError> {
    let mut given = words.split_whitespace();
    let (first, second) = (given.next().unwrap_or_default(), given.next());
    if first.is_empty() || given.next().is_some() {
        return Err(BuildError::Words(words.into()));
    }
    let source = source(first, second, directory)?;
    let python = ask(&interpreter(second, std::env::var_os("PYTHON")))?;
    let name = match second.filter(|second| is_plugin_name(second)) {
        Some(name) => name.to_owned(),
        None => format!("python{}", python.version.replace('.', "")),
    };
    let wanted = language_of(&name).map(|wanted| wanted.version).ok_or_else(|| BuildError::Words(words.into()))?;
    if !fits(&wanted, &python.version) {
        return Err(BuildError::OtherVersion { name, version: python.version, python: python.executable });
    }
    let built = compile(&source, &python)?;
    let file = format!("{name}_plugin.so");
    install(&built, &directory.join(&file))?;
    let language = Language::load(directory.join(&file).as_os_str())?;
    debug_assert_eq!(short_version(&language.version()), python.version);
    Ok(format!("*** {name} plugin built and available in {file} ***\n"))
}

/// `python312` is the name of a plugin; `python3.12` and paths are interpreters.
fn is_plugin_name(word: &str) -> bool {
    !word.contains(['/', '.']) && language_of(word).is_some()
}

fn interpreter(second: Option<&str>, variable: Option<OsString>) -> OsString {
    let named = second.filter(|second| !is_plugin_name(second)).map(OsString::from);
    named.or(variable.filter(|python| !python.is_empty())).unwrap_or_else(|| {
        let version = second.and_then(language_of).map(|wanted| wanted.version).unwrap_or_default();
        if version.is_empty() { "python3".into() } else { format!("python{version}").into() }
    })
}

fn ask(python: &OsStr) -> Result<Python, BuildError> {
    let unfit = |why: String| BuildError::Unfit { python: python.to_owned(), why };
    let output = Command::new(python).args(["-c", QUESTION]).output();
    let output = output.map_err(|error| BuildError::NoPython(python.to_owned(), error))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut answers = text.splitn(4, ' ');
    let (Some(implementation), Some(version), Some(shared), Some(executable)) =
        (answers.next(), answers.next(), answers.next(), answers.next())
    else {
        return Err(unfit(format!("it answers {:?}", String::from_utf8_lossy(&output.stderr).trim())));
    };
    let parts = version.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if implementation != "cpython" {
        return Err(unfit(format!("it is {implementation}, and rsgi runs CPython")));
    }
    if parts.is_none_or(|parts: (u32, u32)| parts < OLDEST) {
        return Err(unfit(format!("it is Python {version}, and rsgi runs {}.{} and later", OLDEST.0, OLDEST.1)));
    }
    if shared != "1" {
        return Err(unfit(format!(
            "it has no shared library: install python{version}-dev, or PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {version}"
        )));
    }
    Ok(Python { version: version.into(), executable: executable.into() })
}

/// The source tree: the first word, the one that the environment names, or the one this program was built from.
fn source(first: &str, second: Option<&str>, directory: &Path) -> Result<PathBuf, BuildError> {
    let named = directory.join(first);
    let language = first.rsplit('/').next().and_then(language_of);
    let places = if named.is_dir() || first.starts_with(['/', '.']) {
        vec![named]
    } else if language.is_some() {
        // uWSGI's `plugins/python` is given inside a source tree.
        let named = std::env::var_os(SOURCE).map(PathBuf::from);
        named.into_iter().chain([directory.to_owned(), env!("CARGO_MANIFEST_DIR").into()]).collect()
    } else {
        return Err(BuildError::Words(first.into()));
    };
    let Some(source) = places.iter().find(|place| place.join("src/python/Cargo.toml").is_file()) else {
        return Err(BuildError::NoSource { places, python: second.unwrap_or("python3.12").into() });
    };
    let manifest = std::fs::read_to_string(source.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains(concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"")) {
        return Err(BuildError::OtherRelease { tree: source.clone() });
    }
    Ok(source.clone())
}

fn compile(source: &Path, python: &Python) -> Result<PathBuf, BuildError> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target/plugins"), PathBuf::from);
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--package", "rsgi-python", "--target-dir"]).arg(&target).current_dir(source);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if profile == "release" {
        cargo.arg("--release");
    }
    let status = cargo.env("PYO3_PYTHON", &python.executable).status().map_err(BuildError::NoCargo)?;
    if !status.success() {
        return Err(BuildError::Failed);
    }
    Ok(source.join(target).join(profile).join("librsgi_python.so"))
}

/// Puts the file in place in one step: a server may have the old one mapped.
fn install(built: &Path, path: &Path) -> Result<(), BuildError> {
    let fail = |source| BuildError::Write { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("."));
    let new = tempfile::NamedTempFile::new_in(directory).map_err(fail)?;
    std::fs::copy(built, new.path()).map_err(fail)?;
    new.persist(path).map_err(|error| fail(error.error)).map(drop)
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_is_the_one_that_is_named_most_clearly() {
        let variable = || Some(OsString::from("/opt/python"));
        assert_eq!(interpreter(Some("python3.12"), variable()), "python3.12");
        assert_eq!(interpreter(Some("/usr/bin/python3.12"), variable()), "/usr/bin/python3.12");
        assert_eq!(interpreter(Some("python312"), variable()), "/opt/python");
        assert_eq!(interpreter(Some("python312"), None), "python3.12");
        assert_eq!(interpreter(Some("python3"), Some(OsString::new())), "python3");
        assert_eq!(interpreter(None, None), "python3");
    }

    #[test]
    fn what_is_no_interpreter_says_so() {
        let error = ask(OsStr::new("/no/such/python")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "build-plugin: the interpreter /no/such/python cannot be run: name one by its path, or in PYTHON"
        );
        let directory = tempfile::tempdir().unwrap();
        for (answer, why) in [
            ("pypy 3.10 1 /x", "it is pypy, and rsgi runs CPython"),
            ("cpython 3.8 1 /x", "it is Python 3.8, and rsgi runs 3.9 and later"),
            ("cpython 3.12 0 /x", "it has no shared library"),
            ("hello", "it answers"),
        ] {
            let script = directory.path().join("python");
            std::fs::write(&script, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&script, mode).unwrap();
            let text = ask(script.as_os_str()).unwrap_err().to_string();
            assert!(text.contains(why), "{text}");
        }
    }

    #[test]
    fn a_tree_of_another_release_is_refused_and_words_must_make_sense() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("other/src/python")).unwrap();
        for file in ["other/src/python/Cargo.toml", "other/Cargo.toml"] {
            std::fs::write(directory.path().join(file), "[package]\nversion = \"0.0.9\"\n").unwrap();
        }
        let found = source("other", None, directory.path()).unwrap_err();
        assert!(matches!(found, BuildError::OtherRelease { .. }), "{found}");
        assert!(source("python", None, directory.path()).is_ok());
        assert!(source("plugins/python", None, directory.path()).is_ok());
        assert!(matches!(source("psgi", None, directory.path()), Err(BuildError::Words(_))));
        assert!(matches!(build("a b c", directory.path()), Err(BuildError::Words(_))));
    }
}
