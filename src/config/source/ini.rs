//! The ini format: sections, comments, `key = value`.
//!
//! Source: uWSGI 2.0.31, observed. There is no quoting, no continuation and no comment at the end of a line.

use std::sync::Arc;

use super::file::Loaded;
use super::{Halt, Reader};
use crate::diagnostic::Diagnostic;
use crate::magic::FileNames;
use crate::origin::{Origin, Place, Span};

impl Reader<'_> {
    /// Takes the keys of the section that was asked for.
    pub(super) fn read_ini(&mut self, file: &Loaded, names: &FileNames, from: &Origin) -> Result<(), Halt> {
        let asked = if file.section.is_empty() { "uwsgi" } else { &file.section };
        let (mut inside, mut found) = (false, false);
        let (before, after) = (self.inject_before.clone(), self.inject_after.clone());
        let (before, after) = (self.injected(&before, from)?, self.injected(&after, from)?);
        // As if it were one text: a section goes on in the next part.
        for part in before.iter().chain([file]).chain(&after) {
            for (number, bytes) in part.bytes.split(|byte| *byte == b'\n').enumerate() {
                let line = String::from_utf8_lossy(bytes);
                let text = line.trim_matches([' ', '\t', '\r']);
                let Some(first) = text.chars().next() else { continue };
                let place = || Place::Line { file: Arc::clone(&part.name), line: number + 1 };
                if first == '[' {
                    // The last character is dropped whatever it is.
                    let name =
                        text.char_indices().next_back().and_then(|(end, _)| text.get(1..end)).unwrap_or_default();
                    inside = name == asked;
                    found |= inside;
                    if !text.ends_with(']') {
                        let message = format!("[{name}: text after the ] is part of the section's name");
                        let help = format!("write {} alone", text.split_inclusive(']').next().unwrap_or("[uwsgi]"));
                        let origin = Origin::whole(place(), &line, Some(Arc::new(from.clone())));
                        self.warnings.push(Diagnostic::warning(message).help(help).at_key(&origin));
                    }
                    continue;
                }
                if !inside || first == ';' || first == '#' {
                    continue;
                }
                let origin = spans(&line, text, place(), from);
                if std::str::from_utf8(bytes).is_err() {
                    return Err(Diagnostic::error("the line is not UTF-8")
                        .help("save the file as UTF-8")
                        .at_value(&origin)
                        .into());
                }
                let (key, value) = text.split_once('=').unwrap_or((text, ""));
                self.take_pair(key.trim(), value.trim(), names, origin)?;
            }
        }
        if !found {
            self.no_section(&format!("[{asked}]"), &file.name, from);
        }
        Ok(())
    }
}

/// Where key and value of a line stand. `text` is the trimmed part of `line`.
fn spans(line: &str, text: &str, place: Place, from: &Origin) -> Origin {
    let start = line.find(text).unwrap_or_default();
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let behind = key.len() + 1 + (value.len() - value.trim_start().len());
    Origin {
        place,
        line: line.trim_end().into(),
        key: Span::new(start, key.trim_end().len()),
        value: Span::new(start + behind, value.trim().len()),
        from: Some(Arc::new(from.clone())),
    }
}
