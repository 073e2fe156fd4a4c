//! From entries to the configuration: expands every value, finds its row, applies it in order, and says what was odd.

use std::collections::HashSet;

use crate::config::Config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::draft::Draft;
use crate::expand::Expander;
use crate::lookup::{Known, find};
use crate::machine::Machine;
use crate::option::{Act, AppValue, Arg, Declined, Opt, Verdict};
use crate::origin::{Origin, Place};
use crate::source::{Directive, Entry, directive, first_value, unknown};
use crate::value::{Fault, Value};

/// Advice about what is known, but not built.
const SILENCE: &str = "everything else holds; leave it out to silence this";

/// What came of the entries.
#[derive(Default)]
pub(crate) struct Applied {
    /// The configuration, as far as it could be made out.
    pub config: Config,
    /// Warnings and errors, in order.
    pub messages: Vec<Diagnostic>,
    /// Texts of `print`.
    pub printed: Vec<String>,
    /// The names that placeholders asked for.
    pub placeholders: HashSet<String>,
    /// Answers to `get`.
    pub answers: Vec<String>,
}

/// Applies all entries in order. Errors do not end it, so that one run shows them all. `asked` are the names that
/// placeholders asked for so far.
pub(crate) fn apply(mut entries: Vec<Entry>, asked: HashSet<String>, machine: &Machine) -> Applied {
    let under_systemd = machine.var("INVOCATION_ID").is_some();
    let mut run = Run { draft: Draft::default(), applied: Applied::default(), reported: HashSet::new(), under_systemd };
    run.draft.config.start_dir.clone_from(&machine.cwd);
    let (mut used, faults) = expand(&mut entries, machine);
    used.extend(asked);
    run.applied.messages = faults;
    if run.applied.messages.is_empty() {
        entries.iter().for_each(|entry| run.entry(entry, &entries, &used));
    }
    run.applied.answers.append(&mut run.draft.answers);
    run.draft.config.options = entries.iter().map(shown).collect();
    let (config, messages) = run.draft.resolve();
    // A contradiction between options means little while some of them are wrong.
    if !run.applied.messages.iter().any(|message| message.severity == Severity::Error) {
        run.applied.messages.extend(messages);
    }
    Applied { config, placeholders: used, ..run.applied }
}

/// Expands all values; returns the names that placeholders asked for.
fn expand(entries: &mut [Entry], machine: &Machine) -> (HashSet<String>, Vec<Diagnostic>) {
    let written = entries.to_vec();
    let lookup = |name: &str| first_value(&written, name);
    let expander = Expander::new(machine, &lookup);
    let mut faults = Vec::new();
    // What acted while reading keeps the text that was read, as uWSGI shows it.
    for entry in entries.iter_mut().filter(|entry| directive(&entry.key).is_none_or(Directive::waits)) {
        match expander.expand(&entry.value) {
            Ok(value) => entry.value = value,
            Err(fault) => faults.push(Diagnostic::of_value(Severity::Error, &entry.key, fault, &entry.origin)),
        }
    }
    (expander.into_used(), faults)
}

/// An entry as `--show-config` prints it.
fn shown(entry: &Entry) -> (String, String) {
    let flag = find(&entry.key).is_some_and(|known| known.arg() == Arg::None);
    let value = if flag && entry.value.is_empty() { "true" } else { &entry.value };
    (entry.key.clone(), value.into())
}

struct Run {
    draft: Draft,
    applied: Applied,
    /// Options that were reported once already.
    reported: HashSet<String>,
    under_systemd: bool,
}

impl Run {
    fn entry(&mut self, entry: &Entry, all: &[Entry], used: &HashSet<String>) {
        match find(&entry.key) {
            Some(Known::Row(opt)) => self.row(opt, entry, all),
            Some(Known::Declined(declined)) => self.declined(declined, entry),
            None if entry.defined || used.contains(&entry.key) => {}
            None if self.reported.insert(entry.key.clone()) => self.applied.messages.push(unknown(entry, false)),
            None => {}
        }
    }

    fn row(&mut self, opt: &'static Opt, entry: &Entry, all: &[Entry]) {
        let value = Value::new(&entry.value);
        self.draft.enter(opt.name, &entry.origin);
        let done = match &opt.act {
            Act::Set(set) => set(&mut self.draft, &value),
            Act::App(kind) => app_value(*kind, &value).map(|text| {
                self.draft.config.app.settings.push((opt.name.into(), text));
            }),
            Act::Read(directive) => {
                self.read(*directive, entry, all);
                Ok(())
            }
        };
        self.draft.config.workers.master |= opt.implies_master;
        let off = opt.arg == Arg::None && !Value::new(&entry.value).switch();
        if !opt.built && !off && self.reported.insert(opt.name.into()) {
            let message = format!("{} is not built yet and does nothing; {}", entry.key, would(opt.summary()));
            self.applied.messages.push(Diagnostic::warning(message).help(SILENCE).at_key(&entry.origin));
        }
        if self.under_systemd && opt.field.starts_with("/log/daemonize") {
            let problem = "systemd takes the instance for ended as soon as it detaches";
            value.remark(Fault::new(problem, "leave it out; the journal takes the log, or logto a file"));
        }
        if let Some(fault) = comment(opt, entry) {
            value.remark(fault);
        }
        let remarks = value.into_remarks().into_iter().map(|remark| (Severity::Warning, remark));
        for (severity, mut fault) in remarks.chain(done.err().map(|fault| (Severity::Error, fault))) {
            fault.help.get_or_insert_with(|| format!("write {}", example(opt, &entry.origin)));
            self.applied.messages.push(Diagnostic::of_value(severity, &entry.key, fault, &entry.origin));
        }
    }

    fn read(&mut self, directive: Directive, entry: &Entry, all: &[Entry]) {
        match directive {
            Directive::Print => self.applied.printed.push(entry.value.clone()),
            Directive::Get => self.applied.answers.extend(first_value(all, &entry.value)),
            Directive::Strict => self.draft.config.process.strict = Value::new(&entry.value).switch(),
            _ => {}
        }
    }

    fn declined(&mut self, declined: &'static Declined, entry: &Entry) {
        if !self.reported.insert(declined.names.into()) {
            return;
        }
        let key = &entry.key;
        let text = declined.text;
        let message = match declined.verdict {
            Verdict::NotBuilt => {
                Diagnostic::warning(format!("{key} is not built and does nothing; under uWSGI: {text}")).help(SILENCE)
            }
            Verdict::Ignored => Diagnostic::warning(format!("{key} has no effect here: {text}")).help("leave it out"),
            Verdict::Refused => Diagnostic::error(format!("{key} is refused: {text}")).help("leave it out"),
        };
        self.applied.messages.push(message.at_key(&entry.origin));
    }
}

/// A line that works, as it is written where the option came from.
fn example(opt: &Opt, origin: &Origin) -> String {
    match (&origin.place, opt.example.split_once(" = ")) {
        (Place::Argument(_), Some((name, value))) => format!("--{name} {value}"),
        (Place::Variable(_), Some((name, value))) => format!("UWSGI_{}={value}", name.to_uppercase().replace('-', "_")),
        _ => opt.example.into(),
    }
}

/// What an option that is not built would have done, from the first sentence of its summary.
pub(crate) fn would(summary: &str) -> String {
    let sentence = summary.split(". ").next().unwrap_or(summary).trim_end_matches('.').replace('`', "");
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
    format!("it {first}{}", letters.as_str())
}

/// A remark on what looks like a comment behind a value that is a name of something: it is part of that name.
fn comment(opt: &Opt, entry: &Entry) -> Option<Fault> {
    let names = ["file", "directory", "path", "module", "MODULE[:NAME]", "name", "names", "user", "group"];
    entry.origin.file().filter(|_| names.contains(&opt.unit))?;
    let end = entry.value.find([';', '#']).filter(|end| *end > 0)?;
    let (before, behind) = entry.value.split_at(end);
    before.ends_with([' ', '\t']).then(|| {
        let help = format!("a comment must stand on a line of its own; write {}", before.trim());
        Fault::new(format!("\"{behind}\" is part of the value"), help)
    })
}

fn app_value(kind: AppValue, value: &Value<'_>) -> Result<String, Fault> {
    match kind {
        AppValue::Text => Ok(value.text().into()),
        AppValue::Switch => Ok(value.switch().to_string()),
        AppValue::Pair => value.pair().map(|_| value.text().into()),
        AppValue::Count => value.count().map(|number| number.to_string()),
    }
}
