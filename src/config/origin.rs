//! Where a piece of configuration was written, so that every message can point at it.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::printable;

/// The place of one option. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// File, command line or environment.
    pub place: Place,
    /// The whole line, argument or variable as written.
    pub line: Arc<str>,
    /// Where the key stands in the line, in bytes.
    pub key: Span,
    /// Where the value stands in the line, in bytes.
    pub value: Span,
    /// What led here: the option that loaded the file or defined the text.
    pub from: Option<Arc<Origin>>,
}

/// A part of a line, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    /// The part from `start`, `len` bytes long.
    pub fn new(start: usize, len: usize) -> Self {
        Self { start, end: start + len }
    }
}

/// A source of options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, counted from 1.
    Line {
        /// The file as named by whoever loaded it.
        file: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An argument of the command, counted from 1.
    Argument(usize),
    /// An environment variable.
    Variable(Arc<str>),
}

impl Origin {
    /// The origin of a whole text that is key and value in one.
    pub(crate) fn whole(place: Place, line: &str, from: Option<Arc<Origin>>) -> Self {
        let span = Span::new(0, line.len());
        Self { place, line: line.into(), key: span, value: span, from }
    }

    /// The nearest file in the chain of origins, for `:section` and relative names.
    pub(crate) fn file(&self) -> Option<&Arc<str>> {
        match &self.place {
            Place::Line { file, .. } => Some(file),
            _ => None,
        }
    }

    /// How many files lie above this one.
    pub(crate) fn depth(&self) -> usize {
        std::iter::successors(self.from.as_deref(), |origin| origin.from.as_deref()).count()
    }

    /// The place with the column of `span` (characters, from 1), as editors understand it.
    pub fn at(&self, span: Span) -> String {
        let column = 1 + self.column(span.start);
        match &self.place {
            Place::Line { file, line } => format!("{}:{line}:{column}", printable(file)),
            other => other.to_string(),
        }
    }

    /// The characters before byte `offset`; a wrong offset counts as the end.
    pub(crate) fn column(&self, offset: usize) -> usize {
        self.line.get(..offset).unwrap_or(&self.line).chars().count()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{}:{line}", printable(file)),
            Self::Argument(number) => write!(f, "argument {number}"),
            Self::Variable(name) => write!(f, "environment variable {}", printable(name)),
        }
    }
}
