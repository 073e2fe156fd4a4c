//! Chooses the language plugin: the embedded one, or a file `rsgi_NAME.so`.
//!
//! Knows names and places, not what a language does. Called by zygotes only: a plugin stays loaded for ever.

mod name;
mod place;

use std::path::{Path, PathBuf};

use rsgi_abi::host::{Language, LoadError};
use rsgi_config::Config;

use name::{Wanted, fits, language_of, short_version, version_of_home};
use place::find;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_at_once_are_refused() {
        let mut config = Config::default();
        config.plugins.names = vec!["http,python3".into(), "python311".into()];
        assert!(wanted(&config).is_err());
        config.plugins.names = vec!["http,python3".into(), "python".into(), "logfile".into()];
        assert_eq!(wanted(&config).unwrap().unwrap().name, "python3");
    }
}
