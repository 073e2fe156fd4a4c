//! The YAML that uWSGI's users write: one mapping of scalars below the name of the section. Keys may repeat, as they may in
//! ini, and plain values may begin with signs that YAML reserves (`%d`, `:8000`, `@(file)`); so this is no YAML library.
//!
//! Understood: comments, quoted scalars, `- item` lists and `[flow, lists]` as repeated options, `|` and `>` blocks.

use std::sync::Arc;

use super::file::Loaded;
use super::located::within;
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

impl<'a> Line<'a> {
    /// Begins a mapping of the document, as section names do.
    fn is_head(&self) -> bool {
        self.indent == 0 && self.item().is_none()
    }

    /// What stands behind the dash of a list.
    fn item(&self) -> Option<&'a str> {
        let rest = self.text.strip_prefix('-')?;
        (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
    }
}

/// The file being read.
struct Page<'a> {
    file: &'a Loaded,
    names: &'a FileNames,
    from: &'a Origin,
}

impl Page<'_> {
    /// The place of a key and a value, both parts of the line.
    fn origin(&self, line: &Line<'_>, key: &str, value: &str) -> Origin {
        let span = |part: &str| {
            let range = within(line.whole, part);
            Span { start: range.start, end: range.end }
        };
        Origin {
            place: Place::Line { file: Arc::clone(&self.file.name), line: line.number },
            line: line.whole.into(),
            key: span(key),
            value: span(value),
            from: Some(Arc::new(self.from.clone())),
        }
    }
}

impl Reader<'_> {
    /// Takes the keys of the mapping that was asked for.
    pub(super) fn read_yaml(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let asked = if file.section.is_empty() { "uwsgi" } else { &file.section };
        let page = Page { file, names, from };
        let lines: Vec<_> = file.text(from)?.split('\n').enumerate().filter_map(line).collect();
        let (mut rest, mut found) = (lines.as_slice(), false);
        while let Some((head, after)) = rest.split_first() {
            let (body, next) = after.split_at(after.iter().position(Line::is_head).unwrap_or(after.len()));
            if pair(head.text).is_some_and(|(key, value)| unquoted(key) == asked && value.is_empty()) {
                found = true;
                self.yaml_mapping(&page, body)?;
            }
            rest = next;
        }
        if !found {
            self.no_section(&format!("{asked}:"), &file.name, from);
        }
        Ok(())
    }

    fn yaml_mapping(&mut self, page: &Page<'_>, mut rest: &[Line<'_>]) -> Result<(), Halt> {
        while let Some((line, after)) = rest.split_first() {
            let Some((key, value)) = pair(line.item().unwrap_or(line.text)) else {
                let error = Diagnostic::error(format!("expected key: value, found \"{}\"", line.text));
                let origin = page.origin(line, line.text, line.text);
                return Err(error.help("write the key, a colon, a blank and the value").at_value(&origin).into());
            };
            let origin = page.origin(line, key, value);
            let taken = match value {
                "" => self.yaml_list(page, &unquoted(key), line, after)?,
                "|" | ">" | "|-" | ">-" => {
                    let count = after.iter().take_while(|next| next.indent > line.indent).count();
                    let block: Vec<_> = after.iter().take(count).map(|next| next.whole.trim()).collect();
                    let text = block.join(if value.starts_with('|') { "\n" } else { " " });
                    self.take_pair(&unquoted(key), &text, page.names, origin)?;
                    count
                }
                _ => {
                    let list = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                    let items: Vec<_> = list.map_or(vec![value], |list| list.split(',').map(str::trim).collect());
                    for item in items.into_iter().filter(|item| !item.is_empty()) {
                        self.take_pair(&unquoted(key), &unquoted(item), page.names, page.origin(line, key, item))?;
                    }
                    0
                }
            };
            rest = after.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// The items below a key, each an option; a key without items is a flag. Returns how many lines it took.
    fn yaml_list(&mut self, page: &Page<'_>, key: &str, head: &Line<'_>, after: &[Line<'_>]) -> Result<usize, Halt> {
        let least = head.indent + usize::from(head.item().is_some());
        let items =
            || after.iter().map_while(|line| line.item().filter(|_| line.indent >= least).map(|item| (line, item)));
        if items().next().is_none() {
            self.take_pair(key, "", page.names, page.origin(head, head.text, &head.text[..0]))?;
        }
        for (line, item) in items() {
            self.take_pair(key, &unquoted(item), page.names, page.origin(line, item, item))?;
        }
        Ok(items().count())
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

/// Key and value: split at the first colon that a blank, a tab or the end follows.
fn pair(text: &str) -> Option<(&str, &str)> {
    let is_split = |behind: &str| behind.is_empty() || behind.starts_with([' ', '\t']);
    let mut splits = text.match_indices(':').filter_map(|(at, _)| Some((text.get(..at)?, text.get(at + 1..)?)));
    let (key, value) = splits.find(|(_, behind)| is_split(behind))?;
    Some((key.trim(), value.trim()))
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
