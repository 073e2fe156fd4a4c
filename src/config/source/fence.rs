//! Options of one's own (`declare-option`), and options that are forbidden between two lines (`blacklist`, `whitelist`).

use super::{Entry, Halt, Reader, fault_at};
use crate::diagnostic::Diagnostic;
use crate::expand::LONGEST;
use crate::lookup::is_same;
use crate::value::{Fault, Value};

/// Deepest nesting of declared options.
const DEEPEST: usize = 32;

/// What is forbidden at the moment.
#[derive(Debug)]
pub(super) struct Fence {
    /// As written: `blacklist` or `whitelist`.
    name: String,
    /// The options listed are the only ones allowed.
    only: bool,
    options: Vec<String>,
}

/// An option that stands for others.
#[derive(Debug)]
pub(super) struct Declared {
    name: String,
    /// Options with their values, `$1` and so on standing for the words of the value.
    template: Vec<(String, String)>,
}

impl Reader<'_> {
    pub(super) fn raise_fence(&mut self, only: bool, entry: &Entry) -> Result<(), Halt> {
        let value = self.expand_now(entry)?;
        let options = value.split_ascii_whitespace().map(str::to_owned).collect();
        self.fence = Some(Fence { name: entry.key.clone(), only, options });
        Ok(())
    }

    /// Whether the fence lets an option pass. An alias is no way around it.
    pub(super) fn check_fence(&self, entry: &Entry) -> Result<(), Halt> {
        let Some(fence) = &self.fence else { return Ok(()) };
        let is_end = entry.key.starts_with("end-");
        let is_listed = fence.options.iter().any(|option| is_same(option, &entry.key));
        if is_end || is_listed == fence.only {
            return Ok(());
        }
        let message = format!("forbidden option {} (by {})", entry.key, fence.name);
        let error = Diagnostic::error(message).help("leave it out, or ask who wrote the list");
        Err(error.at_key(&entry.origin).into())
    }

    /// `NAME=OPTION=VALUE;OPTION=VALUE`.
    pub(super) fn declare(&mut self, entry: &Entry) -> Result<(), Halt> {
        let fault = || fault_at(entry, Fault::bare("expected a name and what it stands for".to_owned()));
        let value = self.expand_now(entry)?;
        let (name, template) = value.split_once('=').ok_or_else(fault)?;
        let pair = |text: &str| {
            let text = text.trim();
            let pair = if text.contains('=') { Value::new(text).pair() } else { Ok((text.to_owned(), String::new())) };
            pair.map_err(|fault| fault_at(entry, fault))
        };
        let template =
            template.split(';').filter(|text| !text.trim().is_empty()).map(pair).collect::<Result<_, _>>()?;
        self.declared.push(Declared { name: name.trim().to_owned(), template });
        Ok(())
    }

    /// What an option of one's own stands for; `None` for all others.
    pub(super) fn stands_for(&self, entry: &Entry) -> Option<Vec<Entry>> {
        let declared = self.declared.iter().rev().find(|declared| declared.name == entry.key)?;
        let words: Vec<&str> = entry.value.split_ascii_whitespace().collect();
        let fill = |text: &str| {
            // From the last: `$1` is not the beginning of `$10`.
            let numbered = (1..).zip(&words).collect::<Vec<(usize, _)>>().into_iter().rev();
            let text = numbered.fold(text.to_owned(), |text, (number, word)| text.replace(&format!("${number}"), word));
            text.replace("$0", &entry.value)
        };
        let one = |(key, value): &(String, String)| Entry { key: key.clone(), value: fill(value), ..entry.clone() };
        Some(declared.template.iter().map(one).collect())
    }

    /// Takes what an option of one's own stands for, and the option itself as a placeholder.
    pub(super) fn take_all(&mut self, entry: Entry, others: Vec<Entry>) -> Result<(), Halt> {
        if self.depth >= DEEPEST {
            let error = Diagnostic::error(format!("options declared by each other, {DEEPEST} deep"));
            return Err(error.help("let one of them stand for something else").at_key(&entry.origin).into());
        }
        if let Some(other) = others.iter().find(|other| other.value.len() > LONGEST) {
            let error = Diagnostic::error(format!("the value of {} is longer than {LONGEST} bytes", other.key));
            return Err(error.help("look for a declared option that repeats its words").at_key(&entry.origin).into());
        }
        self.entries.push(Entry { defined: true, ..entry });
        self.depth += 1;
        others.into_iter().try_for_each(|other| self.push(other))?;
        self.depth -= 1;
        Ok(())
    }
}
