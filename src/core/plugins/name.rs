//! Names of plugins and the versions in them.

use std::path::Path;

/// A plugin by its version of Python, as far as its name tells: `python` any, `python3` any of 3, `python312` 3.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// `3` or `3.12`; empty for any.
    pub(super) version: String,
}

/// The language behind a plugin's name or path; `None` for what is no language.
pub(super) fn language_of(name: &str) -> Option<Wanted> {
    let file = Path::new(name).file_name().map_or(name, |file| file.to_str().unwrap_or(name));
    let stem = file.trim_end_matches(".so").trim_end_matches("_plugin").trim_start_matches("rsgi_");
    let Some(digits) = stem.strip_prefix("python") else {
        // Whoever gives a path means that file, whatever its name.
        let is_path = name.contains('/');
        return is_path.then(|| Wanted { name: name.to_owned(), version: String::new() });
    };
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
pub(super) fn fits(asked: &str, version: &str) -> bool {
    asked.is_empty()
        || asked == version
        || version.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
        || asked.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'))
}

/// `3.12` of `3.12.1 (main, …)`.
pub(super) fn short_version(version: &str) -> String {
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
pub(super) fn version_of_home(text: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let (_, value) = lines.find(|(key, _)| matches!(key.trim(), "version" | "version_info"))?;
    Some(short_version(value.trim())).filter(|version| version.contains('.'))
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
        assert_eq!(version("/opt/mine.so").as_deref(), Some(""));
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
}
