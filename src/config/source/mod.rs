//! Reads every source of options into one ordered list: environment, command line, files. What acts while reading happens
//! here: loading files, repeating and skipping lines, defining placeholders.

mod argv;
mod directive;
mod environment;
mod fence;
mod file;
mod ini;
mod json;
mod located;
mod logic;
mod rounds;
mod toml;
mod xml;
mod yaml;

use std::collections::HashSet;
use std::path::PathBuf;

use crate::Message;
use crate::diagnostic::Diagnostic;
use crate::expand::Expander;
use crate::lookup::find;
use crate::machine::Machine;
use crate::magic::FileNames;
use crate::origin::Origin;
use crate::value::{Fault, Value};

pub(crate) use directive::{Directive, Repeat, directive};
pub(crate) use file::Format;
pub(crate) use logic::Test;

/// Most options of one configuration, so that no loop can fill the memory.
const MOST: usize = 100_000;

/// One option as read.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key as written.
    pub key: String,
    /// The value as written, magic variables replaced; empty if none was given.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
    /// Defined by `set`: not reported when unknown.
    pub defined: bool,
}

/// What ends the start early, by request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// `--dump-options`.
    Names,
    /// `--exit` with its code.
    Exit(i32),
    /// `--reload` and the like, with a pid file.
    Tell(Message, PathBuf),
}

/// Why reading stops before the end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Something is wrong.
    Error(Box<Diagnostic>),
    /// It was asked for.
    Stop(Stop),
}

impl From<Diagnostic> for Halt {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Error(Box::new(diagnostic))
    }
}

/// Collects the options of all sources.
pub(crate) struct Reader<'m> {
    machine: &'m Machine,
    /// The options, in order.
    pub entries: Vec<Entry>,
    /// Warnings met on the way.
    pub warnings: Vec<Diagnostic>,
    /// The files read, in order.
    pub files: Vec<PathBuf>,
    /// The names that placeholders and conditions asked for.
    pub asked: HashSet<String>,
    first: Option<FileNames>,
    /// How many files were read, each as often as it was.
    loads: usize,
    /// The ini file read last, whose section `ini = :section` names.
    last_ini: Option<String>,
    strict: bool,
    block: Option<logic::Block>,
    inject_before: Vec<String>,
    inject_after: Vec<String>,
    declared: Vec<fence::Declared>,
    fence: Option<fence::Fence>,
    /// How many declared options stand for one another at the moment.
    depth: usize,
}

impl<'m> Reader<'m> {
    /// A reader that knows nothing yet.
    pub(crate) fn new(machine: &'m Machine) -> Self {
        Self {
            machine,
            entries: Vec::new(),
            warnings: Vec::new(),
            files: Vec::new(),
            asked: HashSet::new(),
            first: None,
            loads: 0,
            last_ini: None,
            strict: false,
            block: None,
            inject_before: Vec::new(),
            inject_after: Vec::new(),
            declared: Vec::new(),
            fence: None,
            depth: 0,
        }
    }

    /// Reads what was left for the end: the files named by `inherit`, and theirs.
    pub(crate) fn inherit(&mut self) -> Result<(), Halt> {
        let mut position = 0;
        while let Some(entry) = self.entries.get(position) {
            if matches!(directive(&entry.key), Some(Directive::Inherit)) {
                let entry = entry.clone();
                let name = self.expand_now(&entry)?;
                self.load(&name, Format::BySuffix, &entry.origin)?;
            }
            position += 1;
        }
        Ok(())
    }

    /// Adds an option, or what the open block makes of it.
    fn add(&mut self, key: &str, value: &str, origin: Origin) -> Result<(), Halt> {
        let entry = Entry { key: key.into(), value: value.into(), origin, defined: false };
        match self.block.take() {
            None => self.push(entry),
            Some(block) => self.in_block(block, entry),
        }
    }

    /// Adds an option for good, and acts if it is one that acts now.
    fn push(&mut self, entry: Entry) -> Result<(), Halt> {
        if self.entries.len() >= MOST {
            let error = Diagnostic::error(format!("more than {MOST} options"));
            return Err(error.help("look for a loop that does not end").at_key(&entry.origin).into());
        }
        self.check_fence(&entry)?;
        if let Some(others) = self.stands_for(&entry) {
            return self.take_all(entry, others);
        }
        if self.strict && !entry.defined && find(&entry.key).is_none() {
            return Err(unknown(&entry, true).into());
        }
        self.entries.push(entry.clone());
        match directive(&entry.key) {
            Some(directive) => self.act(directive, &entry),
            None => Ok(()),
        }
    }

    fn act(&mut self, directive: Directive, entry: &Entry) -> Result<(), Halt> {
        match directive {
            Directive::Load(format) => {
                let name = self.expand_now(entry)?;
                self.load(&name, format, &entry.origin)
            }
            Directive::IniPaste => {
                let name = self.expand_now(entry)?;
                self.load(&name, Format::Ini, &entry.origin)?;
                let value = format!("config:{}", self.machine.path(&name).display());
                self.push(Entry { key: "paste".into(), value, ..entry.clone() })
            }
            Directive::Set => self.define(entry, false),
            Directive::SetPlaceholder => self.define(entry, true),
            Directive::Repeat(_) | Directive::When(..) => self.open_block(directive, entry),
            Directive::Inject(behind) => {
                let name = self.expand_now(entry)?;
                if behind { &mut self.inject_after } else { &mut self.inject_before }.push(name);
                Ok(())
            }
            Directive::Declare => self.declare(entry),
            Directive::Fence(only) => self.raise_fence(only, entry),
            Directive::EndFence => {
                self.fence = None;
                Ok(())
            }
            Directive::Strict => {
                self.strict = Value::new(&entry.value).switch();
                Ok(())
            }
            Directive::Help => Err(Halt::Stop(Stop::Help)),
            Directive::Version => Err(Halt::Stop(Stop::Version)),
            Directive::Names => Err(Halt::Stop(Stop::Names)),
            Directive::Tell(message) => {
                let name = self.expand_now(entry)?;
                let path = Value::new(&name).path().map_err(|fault| fault_at(entry, fault))?;
                Err(Halt::Stop(Stop::Tell(message, self.machine.cwd.join(path))))
            }
            Directive::Exit => {
                let code = if entry.value.is_empty() { Ok(1) } else { self.expand_now(entry)?.parse() };
                let fault = |_| fault_at(entry, Fault::new("expected an exit code", "write exit = 1"));
                Err(Halt::Stop(Stop::Exit(code.map_err(fault)?)))
            }
            Directive::End | Directive::Else => {
                let message = format!("{} closes nothing", entry.key);
                self.warnings.push(Diagnostic::warning(message).help("leave the line out").at_key(&entry.origin));
                Ok(())
            }
            Directive::Inherit | Directive::Print | Directive::Get => Ok(()),
        }
    }

    /// `set = key=value`: the definition becomes an option of its own.
    fn define(&mut self, entry: &Entry, placeholder: bool) -> Result<(), Halt> {
        let (key, value) = Value::new(&entry.value).pair().map_err(|fault| fault_at(entry, fault))?;
        if placeholder && find(&key).is_some() {
            let error = Diagnostic::error(format!("{key} is an option and cannot be a placeholder"));
            let help = format!("choose another name, or write {key} = {value}");
            return Err(error.help(help).at_value(&entry.origin).into());
        }
        self.push(Entry { key, value, origin: entry.origin.clone(), defined: true })
    }

    /// The value of an option that acts now, expanded with what is known so far.
    fn expand_now(&mut self, entry: &Entry) -> Result<String, Halt> {
        let lookup = |name: &str| first_value(&self.entries, name);
        let expander = Expander::new(self.machine, &lookup);
        let expanded = expander.expand(&entry.value);
        self.asked.extend(expander.into_used());
        expanded.map_err(|fault| fault_at(entry, fault).into())
    }
}

/// The value of the first option or placeholder called `name`.
pub(crate) fn first_value(entries: &[Entry], name: &str) -> Option<String> {
    entries.iter().find(|entry| entry.key == name).map(|entry| entry.value.clone())
}

/// The message about a key that nobody knows.
pub(crate) fn unknown(entry: &Entry, strict: bool) -> Diagnostic {
    let near = crate::lookup::nearest(&entry.key);
    let help = match (near.is_empty(), strict) {
        (false, _) => format!("did you mean {}?", near.join(" or ")),
        (true, true) => format!("write set-placeholder = {}=… if it is a placeholder", entry.key),
        (true, false) => format!("write set-placeholder = {}=… if it is a placeholder of your own", entry.key),
    };
    let message = match strict {
        true => Diagnostic::error(format!("unknown option {} in strict mode", entry.key)),
        false => {
            Diagnostic::warning(format!("unknown option {}, kept as a placeholder that no option uses", entry.key))
        }
    };
    message.help(help).at_key(&entry.origin)
}

fn fault_at(entry: &Entry, fault: Fault) -> Diagnostic {
    Diagnostic::of_value(crate::diagnostic::Severity::Error, &entry.key, fault, &entry.origin)
}
