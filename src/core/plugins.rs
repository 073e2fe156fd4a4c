//! Chooses the language plugin: the embedded one, or a file `rsgi_NAME.so`.
//!
//! Knows names and places, not what a language does. Called by zygotes only: a plugin stays loaded for ever.

use std::path::{Path, PathBuf};

use rsgi_abi::host::{Language, LoadError};
use rsgi_config::Config;

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// No file of that name.
    #[error("there is no plugin {name}: looked for rsgi_{name}.so in {places}; {there}")]
    NotFound {
        /// The name as given.
        name: String,
        /// Directories, comma-separated.
        places: String,
        /// What is there instead.
        there: String,
    },
    /// The virtualenv belongs to another version than the plugin that was asked for.
    #[error("the virtualenv {} is for Python {wanted}, but the plugin {name} runs Python {found}: choose a virtualenv or a plugin of the same version", home.display())]
    OtherVersion {
        /// The virtualenv.
        home: PathBuf,
        /// Its version.
        wanted: String,
        /// The plugin as given.
        name: String,
        /// The plugin's version.
        found: String,
    },
    /// Several languages in one instance.
    #[error("one instance runs one language: {0}, but the plugins {1} and {2} were both named")]
    Several(&'static str, String, String),
    /// A file was found, but cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A plugin by its version of Python, as far as its name tells: `python` any, `python3` any of 3, `python312` 3.12.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    name: String,
    /// `3` or `3.12`; empty for any.
    version: String,
}

/// Chooses and loads the plugin that `config` asks for.
///
/// # Errors
/// When it is not there, cannot be loaded, or does not fit the virtualenv.
pub fn choose(config: &Config) -> Result<Language, PluginError> {
    let home = config.app.last("home").map(PathBuf::from);
    let home_version = home.as_deref().and_then(|home| {
        let text = std::fs::read_to_string(home.join("pyvenv.cfg")).ok()?;
        version_of_home(&text)
    });
    let wanted = wanted(config)?;
    if let Some(path) =
        wanted.as_ref().map(|wanted| Path::new(&wanted.name)).filter(|path| path.components().count() > 1)
    {
        return Ok(Language::load(path.as_os_str())?);
    }
    let version = wanted.as_ref().map(|wanted| wanted.version.clone()).unwrap_or_default();
    if let (Some(home), Some(home_version), Some(wanted)) = (&home, &home_version, &wanted)
        && !fits(&wanted.version, home_version)
    {
        return Err(PluginError::OtherVersion {
            home: home.clone(),
            wanted: home_version.clone(),
            name: wanted.name.clone(),
            found: wanted.version.clone(),
        });
    }
    let version = home_version.unwrap_or(version);
    if let Some(embedded) = embedded()?
        && fits(&version, &short_version(&embedded.version()))
    {
        return Ok(embedded);
    }
    let name = match (&wanted, version.is_empty()) {
        (Some(wanted), true) => wanted.name.clone(),
        (None, true) => "python".to_owned(),
        (_, false) => format!("python{}", version.replace('.', "")),
    };
    find(config, &name)
}

#[cfg(feature = "python")]
fn embedded() -> Result<Option<Language>, PluginError> {
    Ok(Some(Language::embedded(&rsgi_python::PLUGIN)?))
}

#[cfg(not(feature = "python"))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as with an embedded plugin")]
const fn embedded() -> Result<Option<Language>, PluginError> {
    Ok(None)
}

/// The one language plugin among the names, which may be lists (`plugin = http,python3`); parts of uWSGI that are built in
/// here (`http`, `logfile`…) are no languages and passed over.
fn wanted(config: &Config) -> Result<Option<Wanted>, PluginError> {
    let names = config.plugins.names.iter().chain(&config.plugins.needed).flat_map(|names| names.split(','));
    let mut found: Option<Wanted> = None;
    for name in names.map(str::trim).filter(|name| !name.is_empty()) {
        let Some(wanted) = language_of(name) else { continue };
        match &found {
            None => found = Some(wanted),
            Some(first) if first.version == wanted.version || wanted.version.is_empty() => {}
            Some(first) => return Err(PluginError::Several("python", first.name.clone(), wanted.name)),
        }
    }
    Ok(found)
}

fn language_of(name: &str) -> Option<Wanted> {
    let file = Path::new(name).file_name().map_or(name, |file| file.to_str().unwrap_or(name));
    let stem = file.trim_end_matches(".so").trim_end_matches("_plugin").trim_start_matches("rsgi_");
    let digits = stem.strip_prefix("python")?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let version = match digits.split_at_checked(1) {
        Some((major, "")) => major.to_owned(),
        Some((major, minor)) => format!("{major}.{minor}"),
        None => String::new(),
    };
    Some(Wanted { name: if file == name { stem.to_owned() } else { name.to_owned() }, version })
}

/// Whether `version` (3.12) is what was asked for (empty, `3`, `3.12`).
fn fits(asked: &str, version: &str) -> bool {
    asked.is_empty()
        || asked == version
        || version.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
        || asked.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
}

/// `3.12` of `3.12.1 (main, …)`.
fn short_version(version: &str) -> String {
    version
        .split(|c: char| c != '.' && !c.is_ascii_digit())
        .next()
        .unwrap_or_default()
        .splitn(3, '.')
        .take(2)
        .collect::<Vec<_>>()
        .join(".")
}

/// The version in a `pyvenv.cfg`: `version` (venv) or `version_info` (virtualenv, uv).
fn version_of_home(text: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = lines.find(|(key, _)| matches!(key.trim(), "version" | "version_info"))?;
    Some(short_version(value.trim())).filter(|version| version.contains('.'))
}

fn find(config: &Config, name: &str) -> Result<Language, PluginError> {
    let places = places(config);
    let files: Vec<PathBuf> = places.iter().flat_map(|place| plugin_files(place)).collect();
    let named = |file: &&PathBuf| file.file_name().and_then(|file| file.to_str()).and_then(language_of);
    let exact = format!("rsgi_{name}.so");
    let is = |file: &&PathBuf| file.file_name().is_some_and(|file| *file == *exact);
    let asked = language_of(name).map(|wanted| wanted.version).unwrap_or_default();
    let fitting = files.iter().filter(|file| named(file).is_some_and(|file| fits(&asked, &file.version)));
    // Of several that fit, the newest version; 3.9 is older than 3.12.
    let minor = |file: &&PathBuf| named(file).and_then(|file| file.version.split_once('.')?.1.parse::<u32>().ok());
    if let Some(file) = files.iter().find(is).or_else(|| fitting.rev().max_by_key(minor)) {
        return Ok(Language::load(file.as_os_str())?);
    }
    let list = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let there = if files.is_empty() {
        "there are no plugins at all: build one with cargo build --release -p rsgi-python, and name its folder in plugins-dir".to_owned()
    } else {
        format!("these are there: {}", list(&files))
    };
    Err(PluginError::NotFound { name: name.to_owned(), places: list(&places), there })
}

/// Directories to look in: `plugins-dir`, the current one, `../lib/rsgi` of the binary, and beside it.
fn places(config: &Config) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = config.plugins.dirs.iter().map(|dir| config.start_dir.join(dir)).collect();
    places.extend(std::env::current_dir());
    if let Some(beside) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.extend(beside.parent().map(|up| up.join("lib/rsgi")));
        places.push(beside.to_owned());
    }
    places
}

fn plugin_files(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let is_plugin = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("rsgi_") && name.ends_with(".so")
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_plugin).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uwsgi_are_understood() {
        let version = |name: &str| language_of(name).map(|wanted| wanted.version);
        assert_eq!(version("python").as_deref(), Some(""));
        assert_eq!(version("python3").as_deref(), Some("3"));
        assert_eq!(version("python312").as_deref(), Some("3.12"));
        assert_eq!(version("python39_plugin.so").as_deref(), Some("3.9"));
        assert_eq!(version("/opt/rsgi_python311.so").as_deref(), Some("3.11"));
        for other in ["http", "logfile", "pythonic", "psgi"] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[test]
    fn versions_fit_as_far_as_they_are_told() {
        assert!(fits("", "3.12") && fits("3", "3.12") && fits("3.12", "3.12") && fits("3.12", "3"));
        assert!(!fits("3.1", "3.12") && !fits("2", "3.12") && !fits("3.11", "3.12"));
        assert_eq!(short_version("3.12.1 (main, May 1)"), "3.12");
    }

    #[test]
    fn a_virtualenv_tells_its_version() {
        let venv = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.7\n";
        assert_eq!(version_of_home(venv).as_deref(), Some("3.11"));
        assert_eq!(version_of_home("version_info = 3.12.0.final.0\n").as_deref(), Some("3.12"));
        assert_eq!(version_of_home("home = /usr\n"), None);
    }

    #[test]
    fn two_versions_at_once_are_refused() {
        let mut config = Config::default();
        config.plugins.names = vec!["http,python3".into(), "python311".into()];
        assert!(wanted(&config).is_err());
        config.plugins.names = vec!["http,python3".into(), "python".into(), "logfile".into()];
        assert_eq!(wanted(&config).unwrap().unwrap().name, "python3");
    }

    #[test]
    fn a_missing_plugin_says_where_it_was_looked_for_and_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("rsgi_python39.so"), "").unwrap();
        let mut config = Config::default();
        config.plugins.dirs.push(directory.path().to_owned());
        let text = find(&config, "python312").unwrap_err().to_string();
        assert!(text.starts_with("there is no plugin python312: looked for rsgi_python312.so in "), "{text}");
        assert!(text.contains("rsgi_python39.so"), "{text}");
    }
}
