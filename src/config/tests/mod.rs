//! The whole way from the command line to the configuration, on a machine of our own making.

mod effective;
mod fences;
mod formats;
mod hostile;
mod ini;
mod messages;
mod samples;
mod words;

use std::ffi::OsString;
use std::path::Path;

use crate::machine::Machine;
use crate::{Config, ConfigError, Diagnostic, Loaded, load_on};

/// A directory with files, an environment, and a command line.
struct Case {
    dir: tempfile::TempDir,
    env: Vec<(OsString, OsString)>,
}

/// What a command line came to.
struct Ran {
    config: Config,
    warnings: Vec<Diagnostic>,
    printed: Vec<String>,
}

impl Case {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    /// A case with one file.
    fn with(name: &str, content: &str) -> Self {
        Self::new().file(name, content)
    }

    /// A case with `t.ini`, which holds these lines below `[uwsgi]`.
    fn ini(lines: &str) -> Self {
        Self::with("t.ini", &format!("[uwsgi]\n{lines}"))
    }

    fn file(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn load(&self, words: &str) -> Result<Loaded, ConfigError> {
        self.load_words(&words.split_whitespace().collect::<Vec<_>>())
    }

    fn load_words(&self, words: &[&str]) -> Result<Loaded, ConfigError> {
        let machine = Machine {
            env: self.env.clone(),
            cwd: self.dir.path().into(),
            host: "web1".into(),
            cpus: 2,
            user: (0, "root".into()),
            group: (0, "root".into()),
            ..Machine::default()
        };
        load_on(&machine, words.iter().map(OsString::from).collect())
    }

    /// Loads a command line that must run.
    fn run(&self, words: &str) -> Ran {
        match self.load(words) {
            Ok(Loaded::Run { config, warnings, printed }) => Ran { config, warnings, printed },
            Ok(Loaded::Print { text, .. }) => panic!("{words}: printed {text}"),
            Ok(Loaded::Tell { pidfile, .. }) => panic!("{words}: told the process of {}", pidfile.display()),
            Ok(Loaded::Tool { tool, .. }) => panic!("{words}: {tool:?}"),
            Err(error) => panic!("{words}: {error}"),
        }
    }

    /// Everything said about a command line, with the directory's name taken out. What is not built yet is left out too:
    /// building an option must not touch the tests of others.
    fn said(&self, words: &str) -> String {
        let text = match self.load(words) {
            Ok(Loaded::Run { warnings, .. }) => lasting(&warnings).join("\n"),
            Ok(Loaded::Print { text, .. }) => text,
            Ok(Loaded::Tell { message, pidfile }) => format!("{message:?} to the process of {}", pidfile.display()),
            Ok(Loaded::Tool { tool, words }) => format!("{tool:?} {words:?}"),
            Err(mut error) => {
                error.diagnostics.retain(|message| !message.message.contains(UNBUILT));
                format!("{error}\nexit code {}", error.exit_code())
            }
        };
        text.replace(&*self.dir.path().to_string_lossy(), "[dir]")
    }
}

/// What the message about an option that is not built says.
const UNBUILT: &str = "is not built yet and does nothing";

/// Messages but those about options that are not built yet.
fn lasting(messages: &[Diagnostic]) -> Vec<String> {
    messages.iter().filter(|message| !message.message.contains(UNBUILT)).map(ToString::to_string).collect()
}

impl Ran {
    /// The values of an option or placeholder, in order.
    fn values(&self, key: &str) -> Vec<&str> {
        self.config.options.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    }

    /// The run, which must have given rise to no warning.
    fn quiet(self) -> Config {
        let warnings: Vec<_> = self.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.is_empty(), "{}", warnings.join("\n"));
        self.config
    }
}
