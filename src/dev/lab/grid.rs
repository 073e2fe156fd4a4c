//! docs/compatibility.md, from what the last whole run of the lab has found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{command, setup};

/// Doors, in the order of the page's columns.
const DOORS: [(&str, &str); 7] = [
    ("uwsgi-tcp", "nginx, uwsgi over TCP"),
    ("uwsgi-unix", "nginx, uwsgi over a unix socket"),
    ("http-socket", "nginx, HTTP"),
    ("fastcgi", "nginx, FastCGI"),
    ("scgi", "nginx, SCGI"),
    ("http", "HTTP"),
    ("https", "HTTPS, HTTP/2"),
];

/// Frameworks, and the packages whose versions tell which they are.
const FRAMEWORKS: [(&str, &[&str]); 4] = [
    ("django", &["Django"]),
    ("flask", &["Flask"]),
    ("web2py", &["web2py-gluon"]),
    ("others", &["bottle", "falcon", "pyramid"]),
];

#[derive(Deserialize)]
struct Results {
    /// Seconds since 1970.
    time: u64,
    /// The version of web2py's upstream tree, where that was asked.
    web2py: Option<String>,
    /// By framework and Python, door, behaviour.
    cells: BTreeMap<String, BTreeMap<String, BTreeMap<String, Verdict>>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Both,
    RsgiAlone,
    Failed,
}

/// Writes the page.
///
/// # Errors
/// When the last run was not of all cells.
pub(super) fn write() -> Result<()> {
    let file = setup::place().join("lab-results.json");
    let text = fs::read_to_string(&file).with_context(|| format!("{}: run `cargo dev lab test`", file.display()))?;
    let page = page(&serde_json::from_str(&text)?)?;
    let place = setup::root().join("docs/compatibility.md");
    fs::write(&place, page).with_context(|| place.display().to_string())
}

fn page(results: &Results) -> Result<String> {
    let date = command::output(Command::new("date").args(["--utc", "--date", &format!("@{}", results.time), "+%F"]))?;
    let mut page = format!(
        "# Compatibility\n\nWritten by `cargo dev lab grid` from a run of `cargo dev lab test` on {}: rsgi {}, uWSGI {}. What is asked is in \
         [lab.md](lab.md). A field says how many of the behaviours rsgi has.\n\n| |",
        date.trim(),
        env!("CARGO_PKG_VERSION"),
        version("python", "uWSGI", "")?,
    );
    for (_, title) in DOORS {
        write!(page, " {title} |")?;
    }
    page.push_str("\n|---|---|---|---|---|---|---|---|\n");
    let mut alone: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (framework, packages) in FRAMEWORKS {
        for release in ["3.11", "3.13"] {
            let doors = results.cells.get(&format!("{framework}/{release}"));
            let doors = doors.with_context(|| format!("the last run was not of {framework} on Python {release}"))?;
            let versions: Result<Vec<_>> =
                packages.iter().map(|name| Ok(format!("{name} {}", version(framework, name, release)?))).collect();
            let versions = match &results.web2py {
                Some(upstream) if framework == "web2py" => format!("web2py {upstream}"),
                _ => versions?.join(", "),
            };
            write!(page, "| {versions}, Python {release} |")?;
            for (door, _) in DOORS {
                let behaviours =
                    doors.get(door).with_context(|| format!("{framework}/{release}/{door} was not run"))?;
                let good = behaviours.values().filter(|verdict| **verdict != Verdict::Failed).count();
                write!(page, " {good} of {} |", behaviours.len())?;
                for (behaviour, _) in behaviours.iter().filter(|(_, verdict)| **verdict == Verdict::RsgiAlone) {
                    alone.entry(behaviour).or_default().insert(format!("{framework}/{release}/{door}"));
                }
            }
            page.push('\n');
        }
    }
    page.push_str("\nWhat uWSGI did not do in that run, for reasons that [differences.md](differences.md) lists:\n\n");
    for (behaviour, cells) in &alone {
        writeln!(page, "* {behaviour}: {}", cells.iter().cloned().collect::<Vec<_>>().join(", "))?;
    }
    Ok(page)
}

/// The version of a package that a fixture pins for a release of Python.
fn version(fixture: &str, package: &str, release: &str) -> Result<String> {
    let text = fs::read_to_string(setup::root().join("lab").join(fixture).join("requirements.txt"))?;
    let start = format!("{package}==");
    let is_for = |rest: &str| match rest.split_once(';').map(|(_, marker)| marker.trim()) {
        Some("python_version < \"3.12\"") => release == "3.11",
        Some(_) => release != "3.11",
        None => true,
    };
    let mut pins = text.lines().filter_map(|line| line.strip_prefix(&start)).filter(|rest| is_for(rest));
    let pin = pins.next().with_context(|| format!("{fixture} does not pin {package}"))?;
    let pin = pin.split(';').next().unwrap_or(pin).trim();
    ensure!(!pin.is_empty(), "{fixture} pins {package} to nothing");
    Ok(pin.to_owned())
}
