//! Decides which Python installation or virtual environment the interpreter runs in. Looks only at files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Version of the interpreter that this plugin is built for, `3.12`.
pub(crate) const VERSION: &str = env!("RSGI_PYTHON_VERSION");

/// Where the interpreter finds itself at home.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// It believes to be this program: `bin/python` of a virtual environment, or the interpreter of the build.
    Program(PathBuf),
    /// A plain installation below this prefix.
    Prefix(PathBuf),
    /// Nothing is known: the interpreter searches by its own rules.
    Search,
}

/// Why a home cannot be used. Each text says what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum HomeError {
    #[error(
        "!!! Python Home is not a directory: {} !!! create it with `python{VERSION} -m venv {}`, or mend the option home/virtualenv",
        .0.display(), .0.display()
    )]
    NotADirectory(PathBuf),
    #[error(
        "the virtual environment {} is made for Python {theirs}, this plugin runs Python {VERSION}: use the plugin for Python {theirs}, or recreate the environment with `python{VERSION} -m venv`",
        path.display()
    )]
    Version { path: PathBuf, theirs: String },
    #[error(
        "the virtual environment {} was made from the Python in {}, which is not there any more: recreate it with `python{VERSION} -m venv`",
        path.display(), base.display()
    )]
    BaseGone { path: PathBuf, base: PathBuf },
    #[error(
        "{} is no home for Python {VERSION}: it has neither a pyvenv.cfg nor lib/python{VERSION}",
        .0.display()
    )]
    Empty(PathBuf),
}

/// The home that an option names.
pub(crate) fn given(path: &Path) -> Result<Home, HomeError> {
    if !path.is_dir() {
        return Err(HomeError::NotADirectory(path.to_owned()));
    }
    // The interpreter compares paths textually, and chdir may follow.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Ok(text) = std::fs::read(path.join("pyvenv.cfg")) {
        return environment(&path, &text);
    }
    if path.join(format!("lib/python{VERSION}")).is_dir() || path.join(format!("lib64/python{VERSION}")).is_dir() {
        return Ok(Home::Prefix(path));
    }
    Err(HomeError::Empty(path))
}

/// The home when no option names one: the virtual environment that this binary is installed in, else the interpreter of
/// the build, else the one beside the libpython in use. `binary` is this program, `library` that libpython.
pub(crate) fn found(binary: Option<&Path>, library: Option<&Path>) -> (Home, Option<HomeError>) {
    let mut refused = None;
    if let Some(around) = binary.and_then(Path::parent).filter(|bin| bin.ends_with("bin")).and_then(Path::parent)
        && let Ok(text) = std::fs::read(around.join("pyvenv.cfg"))
    {
        match environment(around, &text) {
            Ok(home) => return (home, None),
            Err(error) => refused = Some(error),
        }
    }
    let built_for = Path::new(env!("RSGI_PYTHON_EXECUTABLE"));
    let beside = library
        .and_then(Path::parent)
        .and_then(Path::parent)
        .map(|prefix| prefix.join("bin").join(format!("python{VERSION}")));
    let program = [Some(built_for.to_owned()), beside].into_iter().flatten().find(|program| program.is_file());
    (program.map_or(Home::Search, Home::Program), refused)
}

/// Checks a virtual environment (PEP 405) and finds its program.
fn environment(path: &Path, text: &[u8]) -> Result<Home, HomeError> {
    let version = ["version", "version_info"].iter().find_map(|key| configured(text, key));
    if let Some(theirs) = version.map(|version| String::from_utf8_lossy(version).into_owned()) {
        let short: Vec<&str> = theirs.split('.').take(2).collect();
        if short.join(".") != VERSION {
            return Err(HomeError::Version { path: path.to_owned(), theirs: short.join(".") });
        }
    }
    if let Some(base) = configured(text, "home").map(|base| PathBuf::from(OsStr::from_bytes(base)))
        && !base.is_dir()
    {
        return Err(HomeError::BaseGone { path: path.to_owned(), base });
    }
    let names = ["python".to_owned(), "python3".to_owned(), format!("python{VERSION}")];
    let program = names.iter().map(|name| path.join("bin").join(name)).find(|program| program.is_file());
    // An environment without a program (a trimmed image, say) still has its site-packages: the name alone leads there.
    Ok(Home::Program(program.unwrap_or_else(|| path.join("bin/python"))))
}

/// The value of a `key = value` line of pyvenv.cfg.
fn configured<'a>(text: &'a [u8], key: &str) -> Option<&'a [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let at = line.iter().position(|&byte| byte == b'=')?;
        let (name, value) = line.split_at(at);
        name.trim_ascii().eq_ignore_ascii_case(key.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venv(config: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("bin")).unwrap();
        std::fs::write(directory.path().join("bin/python"), "").unwrap();
        std::fs::write(directory.path().join("pyvenv.cfg"), config).unwrap();
        directory
    }

    #[test]
    fn a_virtual_environment_lends_its_program() {
        let venv = venv(&format!("home = /usr\nversion = {VERSION}.1\n"));
        assert_eq!(given(venv.path()), Ok(Home::Program(venv.path().join("bin/python"))));
        let (home, refused) = found(Some(&venv.path().join("bin/rsgi")), None);
        assert_eq!((home, refused), (Home::Program(venv.path().join("bin/python")), None));
    }

    #[test]
    fn another_version_is_named_with_ours() {
        let venv = venv("home = /usr\nversion_info = 2.6.4.final.0\n");
        let error = given(venv.path()).unwrap_err().to_string();
        assert!(error.contains("made for Python 2.6,") && error.contains(&format!("runs Python {VERSION}")), "{error}");
        let (home, refused) = found(Some(&venv.path().join("bin/rsgi")), None);
        assert!(refused.is_some() && home != Home::Program(venv.path().join("bin/python")));
    }

    #[test]
    fn what_is_no_home_says_why() {
        let missing = given(Path::new("/no/such/place")).unwrap_err().to_string();
        assert!(missing.starts_with("!!! Python Home is not a directory: /no/such/place !!!"), "{missing}");
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(given(empty.path()), Err(HomeError::Empty(empty.path().to_owned())));
        let orphan = venv(&format!("home = /no/such/bin\nversion = {VERSION}.0"));
        assert!(matches!(given(orphan.path()), Err(HomeError::BaseGone { .. })));
    }

    #[test]
    fn an_installation_is_a_prefix() {
        let prefix = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(prefix.path().join(format!("lib/python{VERSION}"))).unwrap();
        assert_eq!(given(prefix.path()), Ok(Home::Prefix(prefix.path().to_owned())));
    }
}
