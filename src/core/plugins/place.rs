//! Where plugins lie, and which of them fits a name.

use std::path::{Path, PathBuf};

use rsgi_abi::host::Language;
use rsgi_config::Config;

use super::PluginError;
use super::name::{fits, language_of};

/// Finds and loads the plugin `name`.
pub(super) fn find(config: &Config, name: &str) -> Result<Language, PluginError> {
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
