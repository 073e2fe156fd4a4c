//! One message about the configuration: where, what, the line with a caret, and what to do.

use std::fmt;

use crate::origin::{Origin, Place, Span};
use crate::value::Fault;

/// Most files shown of those that load each other.
const MOST_LOADERS: usize = 3;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The start goes on.
    Warning,
    /// The start ends.
    Error,
}

/// A message about one place of the configuration. `Display` gives all of it, over several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without the place.
    pub message: String,
    /// What to do, if known.
    pub help: Option<String>,
    /// The option, and the part of its line that is meant. `None` when nothing written is at fault.
    pub origin: Option<(Box<Origin>, Span)>,
    /// Further facts, such as the text that a placeholder gave.
    pub note: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), help: None, origin: None, note: None }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same, with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with a further fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The same, pointing at the key of an option.
    pub fn at_key(mut self, origin: &Origin) -> Self {
        self.origin = Some((Box::new(origin.clone()), origin.key));
        self
    }

    /// The same, pointing at the value of an option, or at its key where there is no value.
    pub fn at_value(mut self, origin: &Origin) -> Self {
        let span = if origin.value.start < origin.value.end { origin.value } else { origin.key };
        self.origin = Some((Box::new(origin.clone()), span));
        self
    }

    /// What `fault` says about the value of the option `key`.
    pub(crate) fn of_value(severity: Severity, key: &str, fault: Fault, origin: &Origin) -> Self {
        let message = format!("{key}: {}", fault.problem);
        Self { severity, help: fault.help, ..Self::error(message) }.at_value(origin)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        match &self.origin {
            None => write!(f, "{severity}: {}", printable(&self.message))?,
            Some((origin, span)) => {
                write!(f, "{}: {severity}: {}", origin.at(*span), printable(&self.message))?;
                excerpt(f, origin, *span)?;
                // That a word of the command line named the file is plain; that a line of another file did is not.
                let outer = std::iter::successors(origin.from.as_deref(), |outer| outer.from.as_deref());
                for outer in outer.filter(|outer| outer.file().is_some()).take(MOST_LOADERS) {
                    write!(f, "\n  loaded by {}: {}", outer.at(outer.key), printable(&outer.line))?;
                }
            }
        }
        if let Some(note) = &self.note {
            write!(f, "\n  note: {}", printable(note))?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", printable(help)),
            None => Ok(()),
        }
    }
}

/// The line and a caret under the part that is meant.
fn excerpt(f: &mut fmt::Formatter<'_>, origin: &Origin, span: Span) -> fmt::Result {
    let number = match origin.place {
        Place::Line { line, .. } => line.to_string(),
        _ => String::new(),
    };
    let start = origin.column(span.start);
    let carets = origin.column(span.end).saturating_sub(start).max(1);
    // Tabs keep their place in the second line, so the caret stands right whatever their width.
    let blank: String = origin.line.chars().take(start).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    write!(f, "\n {number:>4} | {}\n      | {blank}{}", printable(&origin.line), "^".repeat(carets))
}

/// An I/O error without its number.
pub(crate) fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text.get(..end).unwrap_or(&text).to_lowercase()
}

/// Text from outside, with control characters made visible so that it cannot steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Why there is no configuration. `Display` gives every message: warnings first, as they may be the cause, then errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// All messages in the order they came up.
    pub diagnostics: Vec<Diagnostic>,
    /// What `fallback-config` named before it came to this.
    pub fallback: Option<std::path::PathBuf>,
}

impl ConfigError {
    /// The exit code of the process: 1, as under uWSGI.
    pub fn exit_code(&self) -> i32 {
        1
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warnings = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let texts: Vec<_> = warnings.chain(errors).map(ToString::to_string).collect();
        write!(f, "{}", texts.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn origin(line: &str, value: &str, from: Option<Origin>) -> Origin {
        let start = line.find(value).unwrap();
        Origin {
            place: Place::Line { file: "app.ini".into(), line: 7 },
            line: line.into(),
            key: Span::new(0, 1),
            value: Span::new(start, value.len()),
            from: from.map(Arc::new),
        }
    }

    #[test]
    fn carets_stand_under_characters_not_bytes() {
        let message = Diagnostic::error("x").at_value(&origin("é\t= señor", "señor", None)).to_string();
        assert_eq!(message, "app.ini:7:5: error: x\n    7 | é\t= señor\n      |  \t  ^^^^^");
    }

    #[test]
    fn the_files_that_led_here_follow() {
        let outer = origin("include = app.ini", "app.ini", None);
        let message =
            Diagnostic::warning("x").at_key(&origin("a = b", "b", Some(outer))).help("y").note("z").to_string();
        insta::assert_snapshot!(message, @r"
        app.ini:7:1: warning: x
            7 | a = b
              | ^
          loaded by app.ini:7:1: include = app.ini
          note: z
          help: y
        ");
    }

    #[test]
    fn a_span_beyond_the_line_does_no_harm() {
        let mut origin = origin("a = b", "b", None);
        origin.value = Span { start: 90, end: 99 };
        assert!(Diagnostic::error("x").at_value(&origin).to_string().starts_with("app.ini:7:6: error: x"));
    }

    #[test]
    fn warnings_come_before_errors_and_the_code_is_1() {
        let error = ConfigError {
            diagnostics: vec![Diagnostic::error("second"), Diagnostic::warning("first")],
            fallback: None,
        };
        assert_eq!((error.to_string().as_str(), error.exit_code()), ("warning: first\nerror: second", 1));
    }
}
