//! Where plugins lie, and which of them fits a name.

use std::path::{Path, PathBuf};

use rsgi_abi::host::Language;
use rsgi_config::Config;

use super::name::{fits, language_of};
use super::{PluginError, runtime};

/// Finds and loads the plugin `name`.
pub(super) fn find(config: &Config, name: &str) -> Result<Language, PluginError> {
    let places = places(config);
    let files: Vec<PathBuf> = places.iter().flat_map(|place| plugin_files(place)).collect();
    let exact = [format!("rsgi_{name}.so"), format!("{name}_plugin.so")];
    let is = |file: &&PathBuf| exact.iter().any(|exact| file.file_name().is_some_and(|file| *file == **exact));
    let asked = language_of(name).map(|wanted| wanted.version).unwrap_or_default();
    let fitting = files.iter().filter(|file| version(file).is_some_and(|version| fits(&asked, &version)));
    // Of several that fit, the newest version; 3.9 is older than 3.12.
    let minor = |file: &&PathBuf| version(file).and_then(|version| version.split_once('.')?.1.parse::<u32>().ok());
    if let Some(file) = files.iter().find(is).or_else(|| fitting.rev().max_by_key(minor)) {
        return runtime::load(config, file);
    }
    let places = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(PluginError::NotFound { name: name.to_owned(), places, there: list(&files) })
}

/// What there is to choose from, for errors.
pub(super) fn there(config: &Config) -> String {
    let files: Vec<PathBuf> = places(config).iter().flat_map(|place| plugin_files(place)).collect();
    list(&files)
}

fn list(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return "there are no plugins at all: build one with rsgi --build-plugin \"python python3\"".to_owned();
    }
    let one = |file: &PathBuf| match version(file).filter(|version| !version.is_empty()) {
        Some(version) => format!("Python {version} ({})", file.display()),
        None => file.display().to_string(),
    };
    format!("these are there: {}", files.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The version that a file's name tells.
fn version(file: &Path) -> Option<String> {
    language_of(file.file_name()?.to_str()?).map(|wanted| wanted.version)
}

/// Directories to look in: `plugins-dir`, the current one, `../lib/rsgi` of the binary, and beside it.
fn places(config: &Config) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = config.plugins.dirs.iter().map(|dir| config.start_dir.join(dir)).collect();
    places.push(config.start_dir.clone());
    places.extend(std::env::current_dir());
    if let Some(beside) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.extend(beside.parent().map(|up| up.join("lib/rsgi")));
        places.push(beside.to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

fn plugin_files(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let is_plugin = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_like_uwsgis = || name.ends_with("_plugin.so") && language_of(name).is_some() && is_ours(path);
        name.starts_with("rsgi_") && name.ends_with(".so") || is_like_uwsgis()
    };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_plugin).collect();
    files.sort();
    files
}

/// uWSGI's own plugins have the same names, and often lie in a `plugins-dir` that was written for it.
pub(super) fn is_ours(path: &Path) -> bool {
    let symbol = rsgi_abi::types::ENTRY.as_bytes();
    std::fs::read(path).is_ok_and(|bytes| bytes.windows(symbol.len()).any(|window| window == symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_plugin_says_where_it_was_looked_for_and_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("rsgi_python39.so"), "").unwrap();
        let mut config = Config::default();
        config.plugins.dirs.push(directory.path().to_owned());
        let text = find(&config, "python312").unwrap_err().to_string();
        assert!(
            text.starts_with("there is no plugin python312: looked for rsgi_python312.so and python312_plugin.so in "),
            "{text}"
        );
        let file = directory.path().join("rsgi_python39.so");
        assert!(text.ends_with(&format!("these are there: Python 3.9 ({})", file.display())), "{text}");
    }

    #[test]
    fn names_of_uwsgi_are_taken_for_our_own_plugins_only() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
        write("python310_plugin.so", &[b"\x7fELF".as_slice(), rsgi_abi::types::ENTRY.as_bytes(), b"\0"].concat());
        write("python311_plugin.so", b"\x7fELF python_plugin\0");
        write("logfile_plugin.so", rsgi_abi::types::ENTRY.as_bytes());
        assert_eq!(plugin_files(directory.path()), [directory.path().join("python310_plugin.so")]);
    }
}
