//! `for…endfor` and `if…endif`. As in uWSGI each following line is repeated or skipped by itself, and blocks do not nest.

use super::rounds::rounds;
use super::{Directive, Entry, Halt, Reader, directive, fault_at, first_value};
use crate::diagnostic::{Diagnostic, Severity};
use crate::value::{Fault, Value};

/// What an `if-…` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// An environment variable exists, or has a value.
    Env,
    /// An option was given, or has a value.
    Opt,
    /// A path exists.
    Exists,
    /// A path is a regular file.
    File,
    /// A path is a directory.
    Dir,
    /// The host has this name.
    Hostname,
    /// The host's name matches a pattern.
    HostnameMatch,
    /// A plugin was asked for.
    Plugin,
    /// This start is a reload.
    Reload,
}

/// The open block: for each item every line is taken once, with the item for `%(_)`.
pub(super) struct Block {
    items: Vec<String>,
    /// What `%(_)` stands for behind `else`; `None` in loops, and there.
    other: Option<String>,
    opener: Entry,
}

impl Reader<'_> {
    pub(super) fn open_block(&mut self, directive: Directive, entry: &Entry) -> Result<(), Halt> {
        let value = self.expand_now(entry)?;
        let fault = |fault| Halt::from(fault_at(entry, fault));
        let (items, other) = match directive {
            Directive::Repeat(repeat) => {
                let value = Value::new(&value);
                let items = rounds(repeat, &value, self.machine).map_err(fault)?;
                let remarks = value.into_remarks().into_iter();
                let warn = |remark| Diagnostic::of_value(Severity::Warning, &entry.key, remark, &entry.origin);
                self.warnings.extend(remarks.map(warn));
                (items, None)
            }
            Directive::When(test, negated) => {
                let found = self.outcome(test, negated, &value).map_err(fault)?;
                (found.into_iter().collect(), Some(value))
            }
            _ => (Vec::new(), None),
        };
        self.block = Some(Block { items, other, opener: entry.clone() });
        Ok(())
    }

    /// Takes a line inside a block.
    pub(super) fn in_block(&mut self, block: Block, entry: Entry) -> Result<(), Halt> {
        match directive(&entry.key) {
            Some(Directive::Else) if block.other.is_some() => {
                let items = if block.items.is_empty() { block.other.into_iter().collect() } else { Vec::new() };
                self.block = Some(Block { items, other: None, ..block });
                self.entries.push(entry);
                return Ok(());
            }
            Some(Directive::End) => {
                self.entries.push(entry);
                return Ok(());
            }
            // To uWSGI it is an end like the others, though no option of this name exists.
            None if entry.key == "end" => {
                self.entries.push(Entry { defined: true, ..entry });
                return Ok(());
            }
            Some(Directive::Repeat(_) | Directive::When(..)) => {
                let message = format!("{} inside {}: blocks do not nest", entry.key, block.opener.key);
                let help = match block.opener.key.starts_with("if") {
                    true => "close the first block with endif before",
                    false => "close the first block with endfor before",
                };
                return Err(Diagnostic::error(message).help(help).at_key(&entry.origin).into());
            }
            _ => {}
        }
        for item in &block.items {
            let value = entry.value.replace("%(_)", item);
            self.push(Entry { value, ..entry.clone() })?;
        }
        self.block = Some(block);
        Ok(())
    }

    /// A block ends with its file at the latest.
    pub(super) fn close_block(&mut self) {
        if let Some(block) = self.block.take() {
            let message = Diagnostic::warning(format!("{} is never closed, so it ends here", block.opener.key));
            let help = if block.opener.key.starts_with("if") { "write endif =" } else { "write endfor =" };
            self.warnings.push(message.help(help).at_key(&block.opener.origin));
        }
    }

    /// What `%(_)` stands for in the block, or `None` if the block is skipped.
    fn outcome(&mut self, test: Test, negated: bool, value: &str) -> Result<Option<String>, Fault> {
        let found = match test {
            Test::Env => compared(value, |name| self.machine.var(name).map(String::from)),
            Test::Opt => {
                self.asked.extend(value.split('=').next().map(|name| name.trim().to_owned()));
                compared(value, |name| first_value(&self.entries, name))
            }
            Test::Hostname => (self.machine.host == value).then(|| value.to_owned()),
            Test::HostnameMatch => {
                let pattern = regex::Regex::new(value).map_err(|error| Fault::bare(format!("no pattern: {error}")))?;
                pattern.is_match(&self.machine.host).then(|| value.to_owned())
            }
            Test::Exists => self.machine.path(value).exists().then(|| value.to_owned()),
            Test::File => self.machine.path(value).is_file().then(|| value.to_owned()),
            Test::Dir => self.machine.path(value).is_dir().then(|| value.to_owned()),
            Test::Plugin => self.has_plugin(value).then(|| value.to_owned()),
            Test::Reload => self.machine.var("UWSGI_RELOADS").map(String::from),
        };
        Ok(match negated {
            false => found,
            true => found.is_none().then(|| value.to_owned()),
        })
    }

    fn has_plugin(&self, name: &str) -> bool {
        let asked =
            self.entries.iter().filter(|entry| ["plugin", "plugins", "need-plugin"].contains(&entry.key.as_str()));
        asked.flat_map(|entry| entry.value.split(',')).any(|plugin| plugin.trim() == name)
            || ["http", "python"].contains(&name)
    }
}

/// `NAME` asks whether something is there, `NAME=value` whether it has that value.
fn compared(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    match text.split_once('=') {
        Some((name, expected)) => lookup(name.trim()).filter(|value| value == expected),
        None => lookup(text),
    }
}
