//! The YAML that uWSGI's users write: one mapping of scalars below the name of the section. Keys may repeat, as they may in
//! ini, and plain values may begin with signs that YAML reserves (`%d`, `:8000`, `@(file)`); so this is no YAML library.
//!
//! Understood: comments, quoted scalars, `- item` lists and `[flow, lists]` as repeated options, `|` and `>` blocks.

use std::sync::Arc;

use super::file::Loaded;
use super::{Halt, Reader};
use crate::diagnostic::Diagnostic;
use crate::magic::FileNames;
use crate::origin::{Origin, Place, Span};

/// A line without its comment.
struct Line<'a> {
    number: usize,
    whole: &'a str,
    /// Blanks before the text.
    indent: usize,
    text: &'a str,
}

/// The key that following list items or block lines belong to.
struct Open {
    key: String,
    origin: Origin,
    indent: usize,
    taken: bool,
}

impl Reader<'_> {
    /// Takes the keys of the mapping that was asked for.
    pub(super) fn read_yaml(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let asked = if file.section.is_empty() { "uwsgi" } else { &file.section };
        let text = file.text(from)?;
        let mut lines = text.split('\n').enumerate().filter_map(line).peekable();
        let (mut inside, mut found) = (false, false);
        let mut open: Option<Open> = None;
        while let Some(line) = lines.next() {
            if line.indent == 0 && !line.text.starts_with("- ") {
                self.close_key(open.take())?;
                inside = pair(line.text).is_some_and(|(key, value)| unquoted(key) == asked && value.is_empty());
                found |= inside;
                continue;
            }
            if !inside {
                continue;
            }
            let origin = |value: Span| Origin {
                place: Place::Line { file: Arc::clone(&file.name), line: line.number },
                line: line.whole.into(),
                key: Span::new(line.indent, line.text.len()),
                value,
                from: Some(Arc::new(from.clone())),
            };
            let span = |part: &str| Span::new(line.indent + line.text.len() - part.len(), part.len());
            let item =
                line.text.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')).map(str::trim);
            if let (Some(item), Some(open)) = (item, open.as_mut().filter(|open| line.indent >= open.indent)) {
                open.taken = true;
                let (key, item_origin) = (open.key.clone(), Origin { key: open.origin.key, ..origin(span(item)) });
                self.take_pair(&key, &unquoted(item), names, Origin { key: item_origin.value, ..item_origin })?;
                continue;
            }
            self.close_key(open.take())?;
            let Some((key, value)) = pair(item.unwrap_or(line.text)) else {
                let error = Diagnostic::error(format!("expected key: value, found \"{}\"", line.text));
                return Err(error
                    .help("write the key, a colon, a blank and the value")
                    .at_value(&origin(span(line.text)))
                    .into());
            };
            let place = Origin { key: Span::new(line.indent, key.len()), ..origin(span(value)) };
            let key = unquoted(key);
            match value {
                "" => open = Some(Open { key, origin: place, indent: line.indent, taken: false }),
                "|" | ">" | "|-" | ">-" => {
                    let mut block = Vec::new();
                    while let Some(next) = lines.next_if(|next| next.indent > line.indent) {
                        block.push(next.whole.trim());
                    }
                    let joint = if value.starts_with('|') { "\n" } else { " " };
                    self.take_pair(&key, &block.join(joint), names, place)?;
                }
                _ if value.starts_with('[') && value.ends_with(']') => {
                    for item in value[1..value.len() - 1].split(',').map(str::trim).filter(|item| !item.is_empty()) {
                        self.take_pair(&key, &unquoted(item), names, place.clone())?;
                    }
                }
                _ => self.take_pair(&key, &unquoted(value), names, place)?,
            }
        }
        self.close_key(open)?;
        if !found {
            self.no_section(&format!("{asked}:"), &file.name, from);
        }
        Ok(())
    }

    /// A key without value or items is a flag.
    fn close_key(&mut self, open: Option<Open>) -> Result<(), Halt> {
        match open {
            Some(open) if !open.taken => self.add(&open.key, "", open.origin),
            _ => Ok(()),
        }
    }
}

/// The lines that say something.
fn line((number, whole): (usize, &str)) -> Option<Line<'_>> {
    let whole = whole.trim_end();
    let text = uncommented(whole).trim_end();
    let indent = text.len() - text.trim_start().len();
    let text = text.trim_start();
    let marker = indent == 0 && (text == "---" || text == "...");
    (!text.is_empty() && !marker).then_some(Line { number: number + 1, whole, indent, text })
}

/// A line up to its comment: a `#` at the start or behind a blank, outside quotes.
fn uncommented(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (position, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && before.is_whitespace() => return line.get(..position).unwrap_or(line),
            // A quote inside a word is an apostrophe.
            None if (c == '"' || c == '\'') && (before.is_whitespace() || before == '[' || before == ',') => {
                quote = Some(c)
            }
            None => {}
        }
        before = c;
    }
    line
}

/// Key and value: split at the first colon that a blank or the end follows.
fn pair(text: &str) -> Option<(&str, &str)> {
    let split = text.find(": ").or_else(|| text.ends_with(':').then(|| text.len() - 1))?;
    let (key, value) = text.split_at(split);
    Some((key.trim(), value.get(1..)?.trim()))
}

/// A scalar without its quotes and their escapes.
fn unquoted(text: &str) -> String {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(single) = inner('\'') {
        return single.replace("''", "'");
    }
    let Some(double) = inner('"') else { return if text == "~" { String::new() } else { text.into() } };
    let (mut out, mut letters) = (String::new(), double.chars());
    while let Some(c) = letters.next() {
        match (c, c == '\\') {
            (_, true) => match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}
