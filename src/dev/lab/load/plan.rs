//! What is measured, and for how long.

use anyhow::{Result, bail};

/// An application and the page of it that is asked for.
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: &'static str,
    /// The module in `lab/load/`.
    pub(super) module: &'static str,
    pub(super) path: &'static str,
    /// A page that no buffer on the way holds; who has one is also loaded with slow clients and during a reload.
    pub(super) large: Option<&'static str>,
}

pub(super) const APPS: [App; 3] = [
    App { name: "hello", module: "hello", path: "/", large: None },
    App { name: "flask", module: "flaskapp", path: "/?word=article", large: Some("/large") },
    App { name: "django", module: "djangoapp", path: "/lab/notes", large: None },
];

/// How clients reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Direct,
    Nginx,
}

pub(super) const DOORS: [Door; 2] = [Door::Direct, Door::Nginx];

impl Door {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
        }
    }
}

/// Seconds of each load, and how often each server has its turn.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) is_quick: bool,
    pub(super) rounds: usize,
    pub(super) closed: f64,
    pub(super) fixed: f64,
    /// Long enough for who replaces one worker after the other, with a pause of 3.5 seconds between (Granian).
    pub(super) reload: f64,
    pub(super) slow: f64,
    pub(super) slow_rounds: usize,
    pub(super) filter: Option<String>,
}

impl Plan {
    pub(super) fn read(words: &[String]) -> Result<Self> {
        let is_quick = words.iter().any(|word| word == "--quick");
        let mut plan = if is_quick {
            Self { is_quick, rounds: 1, closed: 1.0, fixed: 1.0, reload: 4.0, slow: 2.0, slow_rounds: 1, filter: None }
        } else {
            Self { is_quick, rounds: 3, closed: 2.5, fixed: 4.0, reload: 12.0, slow: 5.0, slow_rounds: 2, filter: None }
        };
        for word in words.iter().filter(|word| *word != "--quick") {
            if word.starts_with('-') || plan.filter.is_some() {
                bail!(
                    "cargo dev lab load [--quick] [FILTER]; a filter is a part of a name as flask/direct or django/nginx"
                );
            }
            plan.filter = Some(word.clone());
        }
        Ok(plan)
    }

    /// Whether an application is loaded through a door: the quick form has one alone.
    pub(super) fn wants(&self, app: &App, door: Door) -> bool {
        let name = format!("{}/{}", app.name, door.name());
        (!self.is_quick || app.large.is_some()) && self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }

    /// Whether a server is loaded with slow clients and during its reload: in the quick form rsgi alone, through its own door.
    pub(super) fn troubles(&self, app: &App, door: Door, server: &str) -> bool {
        app.large.is_some() && (!self.is_quick || (server == super::servers::OURS && door == Door::Direct))
    }

    /// Whether it is what docs/benchmarks.md is made of.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_quick && self.filter.is_none()
    }
}
