//! Chooses the language plugin: the embedded one, or a file `rsgi_NAME.so` or `NAME_plugin.so`.
//!
//! Knows names and places, not what a language does. Called by zygotes only: a plugin stays loaded for ever. [`build`] makes one.

mod build;
mod name;
mod place;
mod runtime;

use std::path::{Path, PathBuf};

use rsgi_abi::host::{Language, LoadError};
use rsgi_config::Config;

pub use build::{BuildError, SOURCE, build};
use name::{Wanted, fits, language_of, short_version, version_of_home};
use place::{find, is_ours, there};

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// No file of that name.
    #[error("there is no plugin {name}: looked for rsgi_{name}.so and {name}_plugin.so in {places}; {there}")]
    NotFound {
        /// The name as given.
        name: String,
        /// Directories, comma-separated.
        places: String,
        /// What is there instead.
        there: String,
    },
    /// The virtualenv belongs to another version than the plugin that was asked for.
    #[error("the virtualenv {} is for Python {wanted}, but the plugin {name} runs Python {found}: choose a virtualenv or a plugin of the same version; {there}", home.display())]
    OtherVersion {
        /// The virtualenv.
        home: PathBuf,
        /// Its version.
        wanted: String,
        /// The plugin as given.
        name: String,
        /// The plugin's version.
        found: String,
        /// What else is there.
        there: String,
    },
    /// Another version than the one that is part of this program.
    #[error(
        "{asked}, but this rsgi has Python {embedded} built in, and one process holds one Python: use the language-free rsgi (cargo build --release --no-default-features), which loads a plugin of any version"
    )]
    Embedded {
        /// What asked for which version.
        asked: String,
        /// The version that is built in.
        embedded: String,
    },
    /// The virtualenv's version is not there as a plugin.
    #[error("the virtualenv {} is for Python {version}", home.display())]
    NoneForHome {
        /// The virtualenv.
        home: PathBuf,
        /// Its version.
        version: String,
        /// The search for a plugin.
        #[source]
        source: Box<Self>,
    },
    /// A plugin that must be there, and that rsgi knows nothing of.
    #[error(
        "need-plugin: {0} is no plugin of rsgi: remove it, or name a language such as python3 or the path of a plugin"
    )]
    Unknown(String),
    /// Several languages in one instance.
    #[error("one instance runs one language: {0}, but the plugins {1} and {2} were both named")]
    Several(&'static str, String, String),
    /// The plugin is linked to no interpreter, and none is found.
    #[error("the plugin {} needs {library}, which is not in {places}, nor where the system looks: use a Python that has a shared library (Debian: apt-get install libpython{version}; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {version}), and install rsgi into a virtual environment of it", plugin.display())]
    NoLibrary {
        /// The plugin's file.
        plugin: PathBuf,
        /// What it needs.
        library: String,
        /// Where it was looked for, comma-separated.
        places: String,
        /// The plugin's version.
        version: String,
        /// What the loader said to the plugin alone.
        #[source]
        source: Box<LoadError>,
    },
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
        let home = config.process.chdir.as_deref().map_or_else(|| home.to_owned(), |chdir| chdir.join(home));
        let text = std::fs::read_to_string(config.inside(&home).join("pyvenv.cfg")).ok()?;
        version_of_home(&text)
    });
    let wanted = wanted(config)?;
    if let Some(path) =
        wanted.as_ref().map(|wanted| Path::new(&wanted.name)).filter(|path| path.components().count() > 1)
    {
        return beside_embedded(runtime::load(config, &config.start_dir.join(path))?, path);
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
            there: there(config),
        });
    }
    let version = home_version.clone().unwrap_or(version);
    if let Some(embedded) = embedded()? {
        let own = short_version(&embedded.version());
        if fits(&version, &own) {
            return Ok(embedded);
        }
        let asked = match (&home, &wanted) {
            (Some(home), _) if home_version.is_some() => {
                format!("the virtualenv {} is for Python {version}", home.display())
            }
            (_, Some(wanted)) => format!("the plugin {} runs Python {version}", wanted.name),
            _ => format!("Python {version} is asked for"),
        };
        return Err(PluginError::Embedded { asked, embedded: own });
    }
    let name = match (&wanted, version.is_empty()) {
        (Some(wanted), true) => wanted.name.clone(),
        (None, true) => "python".to_owned(),
        (_, false) => format!("python{}", version.replace('.', "")),
    };
    let found = find(config, &name);
    if wanted.is_none() && matches!(found, Err(PluginError::NotFound { .. })) {
        NO_PLUGIN.iter().for_each(|line| tracing::warn!("{line}"));
    }
    found.map_err(|error| match (home, home_version) {
        (Some(home), Some(version)) => PluginError::NoneForHome { home, version, source: Box::new(error) },
        _ => error,
    })
}

/// A plugin given by its path: nothing but itself tells which version it runs. Beside an interpreter that is part of this
/// program, another version would find that one's symbols.
fn beside_embedded(language: Language, path: &Path) -> Result<Language, PluginError> {
    let Some(embedded) = embedded()? else { return Ok(language) };
    let (own, version) = (short_version(&embedded.version()), short_version(&language.version()));
    if own == version {
        return Ok(language);
    }
    let asked = format!("the plugin {} runs Python {version}", path.display());
    Err(PluginError::Embedded { asked, embedded: own })
}

/// uWSGI's lines for a program without a language.
const NO_PLUGIN: [&str; 4] = [
    "!!!!!!!!!!!!!! WARNING !!!!!!!!!!!!!!",
    "no request plugin is loaded, you will not be able to manage requests.",
    "you may need to install the package for your language of choice, or simply load it with --plugin.",
    "!!!!!!!!!!! END OF WARNING !!!!!!!!!!",
];

/// Plugins of uWSGI whose work is done here without one.
const BUILT_IN: &[&str] = &[
    "http",
    "corerouter",
    "logfile",
    "logsocket",
    "syslog",
    "rsyslog",
    "systemd_logger",
    "cheaper_busyness",
    "signal",
    "spooler",
];

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
/// here (`http`) are passed over.
fn wanted(config: &Config) -> Result<Option<Wanted>, PluginError> {
    let mut found: Option<Wanted> = None;
    let named = config.plugins.names.iter().map(|names| (names, false));
    let named = named.chain(config.plugins.needed.iter().map(|names| (names, true)));
    let named = named.flat_map(|(names, needed)| names.split(',').map(move |name| (name.trim(), needed)));
    for (mut name, needed) in named.filter(|(name, _)| !name.is_empty()) {
        if let Some(other) = uwsgis(config, name).filter(|_| !needed) {
            tracing::warn!("{name} is no plugin of rsgi, but of uWSGI: taken for {other}");
            name = other;
        }
        let Some(wanted) = language_of(name) else {
            if BUILT_IN.contains(&name) {
                continue;
            }
            if needed {
                return Err(PluginError::Unknown(name.to_owned()));
            }
            tracing::warn!("plugin {name} is no plugin of rsgi and is left out");
            continue;
        };
        match &found {
            None => found = Some(wanted),
            Some(first) if first.version == wanted.version || wanted.version.is_empty() => {}
            Some(first) => return Err(PluginError::Several("python", first.name.clone(), wanted.name)),
        }
    }
    Ok(found)
}

/// The name of uWSGI's own plugin that a path leads to, or has led to: there is one here for its work, or none is needed.
fn uwsgis<'a>(config: &Config, path: &'a str) -> Option<&'a str> {
    let (_, file) = path.rsplit_once('/')?;
    let name = file.strip_suffix("_plugin.so")?;
    let is_known = BUILT_IN.contains(&name) || name.starts_with("python") && language_of(name).is_some();
    (is_known && !is_ours(&config.start_dir.join(path))).then_some(name)
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

    #[test]
    fn what_must_be_there_and_is_not_is_an_error() {
        let mut config = Config::default();
        config.plugins.names = vec!["logfile".into()];
        config.plugins.needed = vec!["http".into()];
        assert_eq!(wanted(&config).unwrap(), None);
        config.plugins.needed = vec!["psgi".into()];
        assert!(wanted(&config).unwrap_err().to_string().starts_with("need-plugin: psgi is no plugin of rsgi"));
    }

    #[test]
    fn a_virtualenv_without_plugin_names_both_versions() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("pyvenv.cfg"), "version = 3.99.1\n").unwrap();
        let mut config = Config::default();
        config.app.settings.push(("home".into(), directory.path().display().to_string()));
        let error = choose(&config).unwrap_err();
        assert!(error.to_string().contains("is for Python 3.99"), "{error}");
        let text = crate::logging::chain(&error);
        let more = if cfg!(feature = "python") { "built in, and one process" } else { "there is no plugin python399" };
        assert!(text.contains(more), "{text}");
    }

    #[test]
    fn a_path_to_a_plugin_of_uwsgi_means_ours() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("python3_plugin.so"), b"\x7fELF python_plugin\0").unwrap();
        let ours = [b"\x7fELF".as_slice(), rsgi_abi::types::ENTRY.as_bytes()].concat();
        std::fs::write(path("python310_plugin.so"), ours).unwrap();
        let name = |path: &str, needed: bool| {
            let mut config = Config::default();
            let names = if needed { &mut config.plugins.needed } else { &mut config.plugins.names };
            names.push(path.to_owned());
            wanted(&config).unwrap().map(|wanted| (wanted.name, wanted.version))
        };
        let is = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(name(&path("python3_plugin.so"), false), is("python3", "3"));
        assert_eq!(name(&path("gone/python39_plugin.so"), false), is("python39", "3.9"));
        assert_eq!(name(&path("gone/logfile_plugin.so"), false), None);
        let others = [("python310_plugin.so", false), ("python3_plugin.so", true), ("gone/mine.so", false)];
        for (full, needed) in others.map(|(name, needed)| (path(name), needed)) {
            assert_eq!(name(&full, needed).unwrap().0, full);
        }
    }

    #[test]
    fn what_is_built_in_needs_no_plugin() {
        let mut config = Config::default();
        config.plugins.names = vec!["python3,logfile,logsocket".into()];
        config.plugins.needed = vec!["syslog,rsyslog,cheaper_busyness".into()];
        assert_eq!(wanted(&config).unwrap().unwrap().name, "python3");
    }
}
