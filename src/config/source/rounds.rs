//! What `for…` runs over: words, numbers, lines of a file, paths that match a pattern.

use std::path::{Component, PathBuf};

use super::Repeat;
use crate::diagnostic::cause;
use crate::machine::Machine;
use crate::pattern::paths_matching;
use crate::value::{Fault, Value};

/// Most rounds of a loop.
const MOST: u64 = 100_000;

/// What `%(_)` stands for in each round.
pub(super) fn rounds(repeat: Repeat, value: &Value<'_>, machine: &Machine) -> Result<Vec<String>, Fault> {
    let text = value.text();
    match repeat {
        Repeat::Words => Ok(text.split_ascii_whitespace().map(String::from).collect()),
        Repeat::Times => {
            let times = value.count()?;
            match times <= MOST {
                true => Ok((1..=times).map(|number| number.to_string()).collect()),
                false => Err(Fault::bare(format!("{times} rounds are too many, at most {MOST} are made"))),
            }
        }
        Repeat::Lines => match machine.readable(text).and_then(std::fs::read_to_string) {
            Ok(lines) => Ok(lines.lines().map(String::from).collect()),
            // As under uWSGI, a file that is not there has no lines.
            Err(error) if !machine.is_confined && error.kind() != std::io::ErrorKind::InvalidData => {
                let problem = format!("{text} cannot be read and counts as empty: {}", cause(&error));
                value.remark(Fault::new(problem, "name a file of text"));
                Ok(Vec::new())
            }
            Err(error) => Err(Fault::new(format!("{text} cannot be read: {}", cause(&error)), "name a file of text")),
        },
        Repeat::Glob if machine.is_confined && (text.starts_with('/') || text.contains("..")) => {
            Err(Fault::bare(format!("{text} is not searched for strangers")))
        }
        Repeat::Glob => Ok(matches(text, machine)),
    }
}

/// The paths that match a pattern, as glob(3) gives them to uWSGI: a directory ends in `/`, hidden files are named by their
/// dot only, and a pattern that matches nothing stands for itself.
fn matches(pattern: &str, machine: &Machine) -> Vec<String> {
    let mut wanted = pattern.to_owned();
    // To the crate two stars are any depth.
    while wanted.contains("**") {
        wanted = wanted.replace("**", "*");
    }
    // Relative patterns are matched below the start directory, whatever its name is, and given back as written.
    let is_relative = !pattern.starts_with('/');
    if is_relative {
        wanted = format!("{}/{wanted}", glob::Pattern::escape(&machine.cwd.to_string_lossy()));
    }
    // `.?` matches `..`.
    let is_below = |path: &PathBuf| !machine.is_confined || !path.components().any(|part| part == Component::ParentDir);
    let name = |path: PathBuf| {
        let below = path.strip_prefix(&machine.cwd).ok().filter(|_| is_relative);
        let name = below.unwrap_or(&path).to_string_lossy();
        let mark = if path.is_dir() { "/" } else { "" };
        format!("{}{mark}", name.trim_end_matches('/'))
    };
    let found: Vec<_> = paths_matching(&wanted).into_iter().filter(is_below).map(name).collect();
    if found.is_empty() || pattern.is_empty() { vec![pattern.to_owned()] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_with_glob() {
        let dir = tempfile::tempdir().unwrap();
        // The name of the start directory is no pattern.
        let cwd = dir.path().join("[x]");
        for name in ["g/sub.d", "g/.hidden.d", "empty"] {
            std::fs::create_dir_all(cwd.join(name)).unwrap();
        }
        for name in ["g/a.ini", "g/.hidden.ini", "g/sub.d/x", "g/.hidden.d/x"] {
            std::fs::write(cwd.join(name), "").unwrap();
        }
        let machine = Machine { cwd: cwd.clone(), ..Machine::default() };
        // As observed on uWSGI 2.0.31.
        for (pattern, found) in [
            ("g/*", &["g/a.ini", "g/sub.d/"][..]),
            ("g/*.nope", &["g/*.nope"]),
            ("g/.h*", &["g/.hidden.d/", "g/.hidden.ini"]),
            ("g/[.a]*", &["g/a.ini"]),
            ("g/sub.d", &["g/sub.d/"]),
            ("g/*/", &["g/sub.d/"]),
            ("g/[", &["g/["]),
            ("*/*/x", &["g/sub.d/x"]),
            ("**/x", &["**/x"]),
            ("g/a**i", &["g/a.ini"]),
            ("", &[""]),
        ] {
            assert_eq!(rounds(Repeat::Glob, &Value::new(pattern), &machine).unwrap(), found, "{pattern}");
        }
        let whole = |name: &str| cwd.join(name).to_string_lossy().into_owned();
        let pattern = whole("g/*.ini").replace("[x]", "?x?");
        assert_eq!(matches(&pattern, &machine), [whole("g/a.ini")]);
    }
}
