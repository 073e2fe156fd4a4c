//! `rsgi config FILE…`: the values in effect, and where each came from.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::apply::{Applied, apply};
use crate::command::usage;
use crate::config::Config;
use crate::diagnostic::{Severity, printable};
use crate::lookup::{Known, find};
use crate::machine::Machine;
use crate::option::{Act, Opt, Verdict};
use crate::options::rows;
use crate::origin::{Origin, Place};
use crate::source::{Entry, Halt, Reader};
use crate::{ConfigError, Loaded};

/// How the answer is to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What was set or follows from that.
    Text,
    /// The defaults too.
    All,
    /// All of it, for programs.
    Json,
}

/// An option that has a value.
struct Setting {
    name: String,
    /// As written, placeholders and magic variables replaced.
    value: String,
    source: Source,
    /// What rsgi makes of it; `Null` where that is not one field of the configuration.
    effective: Json,
    note: &'static str,
}

/// Where a value came from.
enum Source {
    /// Written there; earlier places are overridden.
    Written(Vec<Origin>),
    /// Another option asked for it.
    Implied,
    /// Nobody wrote anything.
    Default,
}

/// Answers `rsgi config …`.
pub(crate) fn command(machine: &Machine, mut words: Vec<OsString>) -> Loaded {
    let form = form(&mut words);
    if words.is_empty() && machine.env.is_empty() {
        return usage("config");
    }
    let mut reader = Reader::new(machine);
    let read = reader.read_environment().and_then(|()| reader.read_arguments(words)).and_then(|()| reader.inherit());
    let mut diagnostics = std::mem::take(&mut reader.warnings);
    match read {
        Ok(()) => {}
        Err(Halt::Error(error)) => {
            diagnostics.push(*error);
            return failed(ConfigError { diagnostics, fallback: None });
        }
        Err(Halt::Stop(_)) => return usage("config"),
    }
    let mut applied = apply(reader.entries.clone(), reader.asked, machine);
    diagnostics.append(&mut applied.messages);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return failed(ConfigError { diagnostics, fallback: None });
    }
    let defaults = Config { start_dir: machine.cwd.clone(), ..Config::default() };
    let settings = settings(&reader.entries, &applied, &defaults);
    let text = if form == Form::Json { json_text(&settings) } else { text(&settings, form == Form::All) };
    Loaded::Print { text, exit_code: 0 }
}

/// Takes `--json` or `--all` from the words: from the beginning, or from the end, where the option `--json FILE` cannot be meant.
fn form(words: &mut Vec<OsString>) -> Form {
    let of = |word: Option<&OsString>| match word.and_then(|word| word.to_str()) {
        Some("--json") => Some(Form::Json),
        Some("--all") => Some(Form::All),
        _ => None,
    };
    if let Some(form) = of(words.first()) {
        words.remove(0);
        return form;
    }
    let form = of(words.last());
    words.truncate(words.len() - usize::from(form.is_some()));
    form.unwrap_or(Form::Text)
}

fn failed(error: ConfigError) -> Loaded {
    Loaded::Print { text: format!("{error}\n"), exit_code: error.exit_code() }
}

/// Everything that has a value: what was written in the order written, then what follows from it, then the rest.
fn settings(entries: &[Entry], applied: &Applied, defaults: &Config) -> Vec<Setting> {
    let (now, defaults) = (document(&applied.config), document(defaults));
    let mut all: Vec<Setting> = Vec::new();
    let mut fields = HashSet::new();
    for (entry, (key, value)) in entries.iter().zip(&applied.config.options) {
        let known = find(key);
        if is_read(known) {
            continue;
        }
        let (name, note, field) = describe(key, known);
        let effective = field.and_then(|field| now.pointer(field)).cloned().unwrap_or_default();
        fields.extend(field);
        let is_list = effective.is_array() || matches!(known, Some(Known::Row(Opt { act: Act::App(_), .. })));
        let place = (!is_list).then(|| all.iter().position(|one| one.name == name)).flatten();
        // What is not repeated has one value: the last one.
        let overridden = place.map(|place| all.remove(place).source);
        let before = if let Some(Source::Written(before)) = overridden { before } else { Vec::new() };
        let source = Source::Written(before.into_iter().chain([entry.origin.clone()]).collect());
        all.push(Setting { name: name.to_owned(), value: value.clone(), source, effective, note });
    }
    for opt in rows().filter(|opt| opt.built && !opt.field.is_empty() && fields.insert(opt.field)) {
        let effective = now.pointer(opt.field).cloned().unwrap_or_default();
        let is_default = defaults.pointer(opt.field) == Some(&effective);
        let (source, value) = match is_default {
            true => (Source::Default, opt.default.to_owned()),
            false => (Source::Implied, shown(&effective)),
        };
        all.push(Setting { name: opt.name.into(), value, source, effective, note: "" });
    }
    all.sort_by_key(|one| match one.source {
        Source::Written(_) => 0,
        Source::Implied => 1,
        Source::Default => 2,
    });
    all
}

fn document(config: &Config) -> Json {
    serde_json::to_value(config).unwrap_or_default()
}

/// Whether an option has done all it does when the sources are read.
fn is_read(known: Option<Known>) -> bool {
    matches!(known, Some(Known::Row(Opt { act: Act::Read(_), field: "", .. })))
}

/// Name, remark and field of what is behind a key.
fn describe(key: &str, known: Option<Known>) -> (&str, &'static str, Option<&'static str>) {
    match known {
        Some(Known::Row(opt)) => {
            let note = if opt.built { "" } else { "not built: no effect" };
            (opt.name, note, Some(opt.field).filter(|field| !field.is_empty()))
        }
        Some(Known::Declined(declined)) => match declined.verdict {
            Verdict::Ignored => (key, "accepted without effect", None),
            Verdict::NotBuilt | Verdict::Refused => (key, "not built: no effect", None),
        },
        None => (key, "placeholder", None),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(settings: &[Setting], all: bool) -> String {
    let settings: Vec<_> = settings.iter().filter(|one| all || !matches!(one.source, Source::Default)).collect();
    let lines: Vec<_> = settings.iter().map(|one| format!("{} = {}", one.name, one.value)).collect();
    let wide = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default().min(56);
    let mut text = String::new();
    for (line, one) in lines.iter().zip(&settings) {
        let note = if one.note.is_empty() { String::new() } else { format!(" ({})", one.note) };
        let line = format!("{line:<wide$}  {}{note}", from(&one.source));
        let _ = writeln!(text, "{}", printable(&line));
    }
    if !all {
        text.push_str("\nEverything else has its default; rsgi config --all lists that too.\n");
    }
    text
}

fn from(source: &Source) -> String {
    match source {
        Source::Default => "default".into(),
        Source::Implied => "follows from other options".into(),
        Source::Written(places) => {
            let mut names = places.iter().rev().map(|origin| name(&origin.place));
            let last = names.next().unwrap_or_default();
            match names.next() {
                None => last,
                Some(before) => format!("{last}, over {before}"),
            }
        }
    }
}

fn name(place: &Place) -> String {
    match place {
        Place::Argument(_) => "command line".into(),
        other => other.to_string(),
    }
}

fn json_text(settings: &[Setting]) -> String {
    let all: Vec<_> = settings
        .iter()
        .map(|one| {
            let mut object = Map::new();
            object.insert("option".into(), json!(one.name));
            object.insert("value".into(), json!(one.value));
            // A list is the values one after the other.
            if !one.effective.is_null() && !one.effective.is_array() {
                object.insert("effective".into(), one.effective.clone());
            }
            if !one.note.is_empty() {
                object.insert("note".into(), json!(one.note));
            }
            object.insert("from".into(), json_from(&one.source));
            Json::Object(object)
        })
        .collect();
    format!("{:#}\n", Json::Array(all))
}

fn json_from(source: &Source) -> Json {
    match source {
        Source::Default => json!({ "kind": "default" }),
        Source::Implied => json!({ "kind": "implied" }),
        Source::Written(places) => {
            let (last, before) = match places.split_last() {
                Some((last, before)) => (json_place(last), before),
                None => (json!({}), &[][..]),
            };
            let Json::Object(mut object) = last else { return Json::Null };
            if !before.is_empty() {
                object.insert("overrides".into(), before.iter().map(json_place).collect());
            }
            Json::Object(object)
        }
    }
}

fn json_place(origin: &Origin) -> Json {
    match &origin.place {
        Place::Line { file, line } => json!({ "kind": "file", "file": **file, "line": line }),
        Place::Argument(number) => json!({ "kind": "command line", "argument": number }),
        Place::Variable(name) => json!({ "kind": "environment", "variable": **name }),
    }
}
