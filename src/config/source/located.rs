//! Options of formats that a library reads: a library gives byte ranges, a message needs lines and columns.

use std::ops::Range;
use std::sync::Arc;

use super::file::Loaded;
use super::{Halt, Reader};
use crate::diagnostic::Diagnostic;
use crate::magic::FileNames;
use crate::origin::{Origin, Place, Span};

/// A file whose options are taken one by one.
pub(super) struct Located<'a> {
    pub(super) file: &'a Loaded,
    pub(super) text: &'a str,
    pub(super) names: &'a FileNames,
    pub(super) from: &'a Origin,
}

/// The value of an option as a format gives it.
pub(super) enum Item<'a> {
    /// A text, a number, a switch; empty for nothing.
    One(String),
    /// Several, each an option of its own, with their ranges.
    Many(Vec<(Item<'a>, Range<usize>)>),
    /// Something that is no value of an option, such as a nested table.
    Wrong(&'a str),
}

impl Located<'_> {
    /// The place of a key and its value, both in bytes of the text.
    pub(super) fn origin(&self, key: Range<usize>, value: Range<usize>) -> Origin {
        let before = self.text.get(..key.start).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        // A value that begins on another line is pointed at by its key.
        let within = |range: Range<usize>| {
            let end = (start + line.len()).min(range.end);
            (range.start >= start && range.start <= end).then(|| Span { start: range.start - start, end: end - start })
        };
        let key = within(key).unwrap_or_default();
        Origin {
            place: Place::Line { file: Arc::clone(&self.file.name), line: 1 + before.matches('\n').count() },
            line: line.into(),
            key,
            value: within(value).unwrap_or_default(),
            from: Some(Arc::new(self.from.clone())),
        }
    }

    /// An error at a byte of the text.
    pub(super) fn error(&self, message: impl Into<String>, at: Range<usize>, help: &str) -> Halt {
        Diagnostic::error(message).help(help).at_key(&self.origin(at.clone(), at)).into()
    }
}

impl Reader<'_> {
    /// Takes an option, or each of several.
    pub(super) fn take_item(
        &mut self,
        located: &Located<'_>,
        key: (&str, Range<usize>),
        value: (Item<'_>, Range<usize>),
    ) -> Result<(), Halt> {
        match value.0 {
            Item::One(text) => self.take_pair(key.0, &text, located.names, located.origin(key.1, value.1)),
            Item::Many(items) => items.into_iter().try_for_each(|item| self.take_item(located, key.clone(), item)),
            Item::Wrong(what) => Err(located.error(
                format!("{}: {what} is no value of an option", key.0),
                key.1,
                "write a text or a list of texts",
            )),
        }
    }
}

/// The place of a part inside its text.
pub(super) fn within(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}
