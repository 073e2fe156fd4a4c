//! `rsgi check FILE…`: reports, line by line, what rsgi makes of a configuration, without starting anything.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;

use crate::Loaded;
use crate::apply::{apply, would};
use crate::command::usage;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lookup::{Known, find, nearest};
use crate::machine::Machine;
use crate::option::Verdict;
use crate::source::{Entry, Halt, Reader};
use crate::throne;

/// What is said about one line: a word that is counted, and the rest.
struct Finding {
    word: &'static str,
    text: String,
    /// A configuration with such a line does not do what it does under uWSGI.
    bad: bool,
}

impl Finding {
    /// The message below says what.
    const WRONG: Self = Self { word: "wrong", text: String::new(), bad: true };
}

/// Checks what a command line names. The exit code is 0 only if every option acts as under uWSGI or differs on purpose.
pub(crate) fn check(machine: &Machine, words: Vec<OsString>) -> Loaded {
    if words.is_empty() {
        return usage("check");
    }
    let mut reader = Reader::new(machine);
    let read = reader.read_arguments(words).and_then(|()| reader.inherit());
    let mut messages = std::mem::take(&mut reader.warnings);
    if let Err(Halt::Error(error)) = read {
        messages.push(*error);
        let text = messages.iter().map(|message| format!("{message}\n")).collect();
        return Loaded::Print { text, exit_code: 1 };
    }
    let applied = apply(reader.entries.clone(), reader.asked, machine);
    messages.extend(applied.messages);
    let known =
        |entry: &&Entry| entry.defined || find(&entry.key).is_some() || applied.placeholders.contains(&entry.key);
    let is_wrong = |entry: &Entry| messages.iter().any(|message| is_error_of(message, entry));
    let find = |entry| if is_wrong(entry) { Finding::WRONG } else { finding(entry, known(&entry), &applied.config) };
    let findings: Vec<_> = reader.entries.iter().map(|entry| (entry, find(entry))).collect();
    let values: Vec<_> = messages.iter().filter(|message| is_about_a_value(message, &findings)).collect();
    let errors = values.iter().any(|message| message.severity == Severity::Error);
    let text = report(&findings, &values, reader.files.len());
    Loaded::Print { text, exit_code: i32::from(errors || findings.iter().any(|(_, finding)| finding.bad)) }
}

fn finding(entry: &Entry, known: bool, config: &Config) -> Finding {
    let say = |word, text: &str, bad| Finding { word, text: text.into(), bad };
    match find(&entry.key) {
        Some(Known::Row(opt)) if !opt.built => say("not built", &would(opt.summary()), true),
        Some(Known::Row(opt)) if throne::leaves(config, opt.name) => say("no effect", throne::WHY, true),
        Some(Known::Row(opt)) if !opt.differs.is_empty() => say("different", opt.differs, false),
        Some(Known::Row(_)) => say("same", "", false),
        Some(Known::Declined(declined)) => match declined.verdict {
            Verdict::NotBuilt => say("not built", declined.text, true),
            Verdict::Ignored => say("no effect", declined.text, false),
            Verdict::Refused => say("refused", declined.text, true),
        },
        None if known => say("placeholder", "", false),
        None => match nearest(&entry.key) {
            near if near.is_empty() => say("unknown", "", true),
            near => say("unknown", &format!("did you mean {}?", near.join(" or ")), true),
        },
    }
}

fn is_error_of(message: &Diagnostic, entry: &Entry) -> bool {
    let is_there = message.origin.as_ref().is_some_and(|(origin, _)| **origin == entry.origin);
    is_there && message.severity == Severity::Error
}

/// Whether a message says more than the finding of its line does.
fn is_about_a_value(message: &Diagnostic, findings: &[(&Entry, Finding)]) -> bool {
    let Some((origin, span)) = &message.origin else { return true };
    let at_key = *span == origin.key && origin.value.start < origin.value.end;
    let speaks = |finding: &Finding| !["same", Finding::WRONG.word].contains(&finding.word);
    !at_key || !findings.iter().any(|(entry, finding)| entry.origin == **origin && speaks(finding))
}

fn report(findings: &[(&Entry, Finding)], values: &[&Diagnostic], files: usize) -> String {
    let (mut text, mut counts) = (String::new(), BTreeMap::new());
    let places: Vec<_> = findings.iter().map(|(entry, _)| entry.origin.place.to_string()).collect();
    let wide = places.iter().map(|place| place.chars().count()).max().unwrap_or_default();
    let long = findings.iter().map(|(entry, _)| entry.key.chars().count()).max().unwrap_or_default().min(32);
    for ((entry, finding), place) in findings.iter().zip(&places) {
        let colon = if finding.text.is_empty() { "" } else { ": " };
        let line = format!("{place:<wide$}  {:<long$}  {}{colon}{}", entry.key, finding.word, finding.text);
        let _ = writeln!(text, "{}", crate::diagnostic::printable(&line));
        *counts.entry(finding.word).or_insert(0_usize) += 1;
    }
    for message in values {
        let _ = writeln!(text, "\n{message}");
    }
    let counts: Vec<_> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let files = if files > 1 { format!("{files} files: ") } else { String::new() };
    let _ = writeln!(text, "\n{files}{}", counts.join(", "));
    text
}
