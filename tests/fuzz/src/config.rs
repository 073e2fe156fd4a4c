//! What the targets of configuration have in common: a directory of their own, and what has to hold whatever is read.

use std::ffi::OsString;

use rsgi_config::{Config, Loaded, load_confined};
use tempfile::TempDir;

thread_local! {
    /// One for each thread: tests run side by side.
    static HOME: TempDir = home();
}

fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a directory for temporary files");
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).expect("room in it");
    write("secret", "s3cret\n");
    write("lines", "one\ntwo = 2\n\n%(three)\n");
    write("more.ini", "[uwsgi]\nthreads = 2\nset = m=%(n)\n[other]\nini = :uwsgi\n");
    write("more.yaml", "uwsgi:\n  threads: 2\n");
    home
}

/// Reads a file of this name and content.
pub(crate) fn file(name: &str, content: &[u8]) -> Option<Config> {
    HOME.with(|home| std::fs::write(home.path().join(name), content)).expect("room for the file");
    words([OsString::from(name)].into(), &[])
}

/// Reads a command line in a certain environment, and checks what may be told of the outcome.
pub(crate) fn words(words: Vec<OsString>, variables: &[(OsString, OsString)]) -> Option<Config> {
    let env = [("HOME", "/root"), ("A", "%(b)"), ("SELF", "$(SELF)"), ("EMPTY", "")];
    let env = env.map(|(name, value)| (name.into(), value.into())).into_iter().chain(variables.iter().cloned());
    match HOME.with(|home| load_confined(words, env, home.path())) {
        Err(error) => {
            readable(&error.to_string());
            None
        }
        Ok(Loaded::Run { config, warnings, .. }) => {
            warnings.iter().for_each(|warning| readable(&warning.to_string()));
            travels(&config);
            Some(config)
        }
        Ok(Loaded::Print { .. } | Loaded::Tool { .. } | Loaded::Tell { .. }) => None,
    }
}

/// A message steers no terminal, and has no more lines than it needs.
fn readable(text: &str) {
    assert!(text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')), "{text:?}");
}

/// A configuration reaches every process as it is: they get it as JSON.
fn travels(config: &Config) {
    let text = serde_json::to_vec(config).expect("all of it is text and numbers");
    let there: Config = serde_json::from_slice(&text).expect("as it was written");
    assert_eq!(*config, there);
}
