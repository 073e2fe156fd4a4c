//! The command line, as getopt_long reads it: long names and their unambiguous beginnings, letters alone or in a row,
//! values after a blank or `=`, `--`. Files stand anywhere and are read after all options.

use std::ffi::OsString;
use std::sync::Arc;

use super::file::{Format, not_a_config};
use super::{Halt, Reader};
use crate::diagnostic::Diagnostic;
use crate::lookup::{Known, by_prefix, find, find_named, find_short, nearest};
use crate::option::Arg;
use crate::origin::{Origin, Place, Span};

/// The words of the command line, taken one by one.
struct Words {
    words: Vec<Arc<str>>,
    next: usize,
}

impl Words {
    fn take(&mut self) -> Option<(usize, Arc<str>)> {
        let word = self.words.get(self.next)?;
        self.next += 1;
        Some((self.next, Arc::clone(word)))
    }
}

impl Reader<'_> {
    /// Reads the arguments (without the program's name).
    pub(crate) fn read_arguments(&mut self, arguments: Vec<OsString>) -> Result<(), Halt> {
        let mut words = Words { words: texts(arguments)?, next: 0 };
        let mut files = Vec::new();
        while let Some((number, word)) = words.take() {
            if &*word == "--" {
                files.extend(std::iter::from_fn(|| words.take()));
            } else if let Some(long) = word.strip_prefix("--") {
                self.long(number, &word, long, &mut words)?;
            } else if word.len() > 1 && word.starts_with('-') {
                self.letters(number, &word, &mut words)?;
            } else {
                files.push((number, word));
            }
        }
        self.close_block();
        for (number, word) in files.into_iter().filter(|(_, word)| !word.starts_with('[')) {
            let before = number.checked_sub(2).and_then(|position| words.words.get(position));
            self.positional(number, &word, before.and_then(|before| stray(before, &word)))?;
        }
        Ok(())
    }

    fn long(&mut self, number: usize, word: &Arc<str>, long: &str, words: &mut Words) -> Result<(), Halt> {
        let (written, given) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let mut origin = Origin::whole(Place::Argument(number), word, None);
        origin.key = Span::new(0, written.len() + 2);
        origin.value = Span::new(word.len() - given.map_or(0, str::len), given.map_or(0, str::len));
        let (name, known) = complete(written, &origin)?;
        match (known.arg(), given) {
            (Arg::None, Some(_)) => {
                let error = Diagnostic::error(format!("--{name} takes no value on the command line"));
                Err(error.help(format!("write --{name}, or {name} = false in a file")).at_value(&origin).into())
            }
            (_, Some(value)) => self.add(name, value, origin),
            (Arg::None | Arg::Optional, None) => self.add(name, "", origin),
            (Arg::Required, None) => self.with_next(name, origin, words),
        }
    }

    /// `-p4`, `-p 4`, `-Mp4`.
    fn letters(&mut self, number: usize, word: &Arc<str>, words: &mut Words) -> Result<(), Halt> {
        for (position, letter) in word.char_indices().skip(1) {
            let mut origin = Origin::whole(Place::Argument(number), word, None);
            origin.key = Span::new(position, letter.len_utf8());
            let behind = origin.key.end;
            origin.value = Span::new(behind, word.len() - behind);
            let Some((name, known)) = find_short(letter) else {
                let error = Diagnostic::error(format!("there is no option -{letter}"));
                return Err(error.help("long names begin with two dashes; --help lists all").at_key(&origin).into());
            };
            let rest = word.get(behind..).unwrap_or_default();
            match known.arg() {
                Arg::None => {
                    origin.value = Span::default();
                    self.add(name, "", origin)?;
                }
                Arg::Required if rest.is_empty() => return self.with_next(name, origin, words),
                Arg::Required | Arg::Optional => return self.add(name, rest, origin),
            }
        }
        Ok(())
    }

    /// An option whose value is the next word, whatever that looks like.
    fn with_next(&mut self, name: &str, mut origin: Origin, words: &mut Words) -> Result<(), Halt> {
        let Some((_, value)) = words.take() else {
            let error = Diagnostic::error(format!("--{name} needs a value"));
            return Err(error.help(example(name)).at_key(&origin).into());
        };
        let line = format!("{} {value}", origin.line);
        origin.value = Span::new(line.len() - value.len(), value.len());
        origin.line = line.into();
        self.add(name, &value, origin)
    }

    /// A word that is no option: a file. `advice` is what to do if it is none.
    fn positional(&mut self, number: usize, word: &Arc<str>, advice: Option<String>) -> Result<(), Halt> {
        let origin = Origin::whole(Place::Argument(number), word, None);
        if &**word == "-" {
            return self.load(word, Format::Ini, &origin);
        }
        let path = word.rsplit_once(':').map_or(&**word, |(path, _)| path);
        match Format::of(word).or_else(|| Format::of(path)) {
            Some(_) => self.load(word, Format::BySuffix, &origin),
            None => Err(not_a_config(word, advice, &origin)),
        }
    }
}

fn texts(arguments: Vec<OsString>) -> Result<Vec<Arc<str>>, Halt> {
    let text = |(position, argument): (usize, OsString)| match argument.into_string() {
        Ok(text) => Ok(text.into()),
        Err(bytes) => {
            let origin = Origin::whole(Place::Argument(position + 1), &bytes.to_string_lossy(), None);
            Err(Diagnostic::error("the argument is not UTF-8").at_value(&origin).into())
        }
    };
    arguments.into_iter().enumerate().map(text).collect()
}

/// What to write if `word` was meant as the value of the option before it, which takes none behind a blank.
fn stray(before: &str, word: &str) -> Option<String> {
    let written = before.strip_prefix("--").filter(|name| !name.contains('='))?;
    let known = find(written).or_else(|| match by_prefix(written).as_slice() {
        [(_, only)] => Some(*only),
        _ => None,
    })?;
    match known.arg() {
        Arg::None => Some(format!("write {before} alone; it takes no value on the command line")),
        Arg::Optional => Some(format!("write {before}={word}")),
        Arg::Required => None,
    }
}

/// The option that a long name or its beginning stands for.
fn complete(written: &str, origin: &Origin) -> Result<(&'static str, Known), Halt> {
    if let Some(exact) = find_named(written) {
        return Ok(exact);
    }
    let mut candidates = if written.is_empty() { Vec::new() } else { by_prefix(written) };
    match (candidates.len(), candidates.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => {
            let error = Diagnostic::error(format!("there is no option --{written}"));
            let near = nearest(written);
            let help = match near.is_empty() {
                true => "--help lists all options".to_owned(),
                false => format!("did you mean --{}?", near.join(" or --")),
            };
            Err(error.help(help).at_key(origin).into())
        }
        (_, Some(last)) => {
            candidates.push(last);
            let names: Vec<_> = candidates.iter().map(|(name, _)| format!("--{name}")).collect();
            let shown = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
            let error = Diagnostic::error(format!("--{written} is ambiguous"));
            Err(error.help(format!("it may mean {shown}{more}")).at_key(origin).into())
        }
    }
}

fn example(name: &str) -> String {
    match find(name) {
        Some(Known::Row(opt)) => match opt.example.split_once('=') {
            Some((_, value)) => format!("write --{name} {}", value.trim()),
            None => format!("write --{name} VALUE"),
        },
        _ => format!("write --{name} VALUE"),
    }
}
