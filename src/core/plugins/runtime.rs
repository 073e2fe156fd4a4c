//! Loads a plugin together with its interpreter's library, when the plugin does not bring that along.
//!
//! A plugin that was built on this machine is linked to its libpython. One from a wheel is linked to none: only the environment
//! that it was installed into tells where that lies.

use std::path::{Path, PathBuf};

use rsgi_abi::host::{Language, LoadError};
use rsgi_config::Config;

use super::PluginError;
use super::name::language_of;

/// Loads `file`, if need be after the libpython of the environment.
pub(super) fn load(config: &Config, file: &Path) -> Result<Language, PluginError> {
    let refused = match Language::load(file.as_os_str()) {
        Err(error @ LoadError::Open { .. }) => error,
        other => return Ok(other?),
    };
    let version = file.to_str().and_then(language_of).map(|wanted| wanted.version).unwrap_or_default();
    if !version.contains('.') {
        return Err(refused.into());
    }
    let library = format!("libpython{version}.so.1.0");
    let places = places(config);
    let mut files: Vec<PathBuf> = places.iter().map(|place| place.join(&library)).collect();
    // Last without a folder: where the loader itself looks.
    files.push(library.clone().into());
    if files.iter().any(|file| Language::load_library(file.as_os_str()).is_ok()) {
        return Ok(Language::load(file.as_os_str())?);
    }
    let places = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(PluginError::NoLibrary { plugin: file.to_owned(), library, places, version, source: Box::new(refused) })
}

/// Where the interpreters of the virtualenv and of the environment around this program keep their library.
fn places(config: &Config) -> Vec<PathBuf> {
    let home = config.app.last("home").map(|home| {
        let home = config.process.chdir.as_deref().map_or_else(|| home.into(), |chdir| chdir.join(home));
        config.inside(&home)
    });
    let program = std::env::current_exe().ok();
    let around = program.as_deref().and_then(Path::parent).and_then(Path::parent).map(Path::to_owned);
    let mut places: Vec<PathBuf> = home.into_iter().chain(around).map(|prefix| library_of(&prefix)).collect();
    places.dedup();
    places
}

/// `lib` of an installation; for a virtual environment, of the installation that it was made from.
fn library_of(prefix: &Path) -> PathBuf {
    let text = std::fs::read_to_string(prefix.join("pyvenv.cfg")).unwrap_or_default();
    let home = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home");
    let base = home.and_then(|(_, bin)| Path::new(bin.trim()).parent().map(Path::to_owned));
    base.as_deref().unwrap_or(prefix).join("lib")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_environment_has_the_library_of_its_base() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(library_of(directory.path()), directory.path().join("lib"));
        std::fs::write(directory.path().join("pyvenv.cfg"), "home = /opt/python/bin\nversion = 3.12.1\n").unwrap();
        assert_eq!(library_of(directory.path()), Path::new("/opt/python/lib"));
    }

    #[test]
    fn a_plugin_without_its_library_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("rsgi_python399.so");
        std::fs::write(&file, "").unwrap();
        let error = load(&Config::default(), &file).unwrap_err();
        assert!(error.to_string().contains("needs libpython3.99.so.1.0, which is not in "), "{error}");
        assert!(crate::logging::chain(&error).contains("unable to load plugin"), "{error}");
    }
}
