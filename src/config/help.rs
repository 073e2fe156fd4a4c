//! Texts made from the table: `--help`, `rsgi explain OPTION`, `--show-config`.

use std::ffi::OsString;
use std::fmt::Write;

use crate::Loaded;
use crate::command::{COMMANDS, usage};
use crate::config::Config;
use crate::lookup::{Known, find, nearest};
use crate::machine::Machine;
use crate::option::{Arg, Group, Opt, Tier, Verdict};
use crate::options::rows;

/// Answers `rsgi explain OPTION…`.
pub(crate) fn explain_all(_: &Machine, names: Vec<OsString>) -> Loaded {
    let texts: Vec<_> = names.iter().map(|name| explain(name.to_string_lossy().trim_start_matches('-'))).collect();
    if texts.is_empty() {
        return usage("explain");
    }
    let exit_code = i32::from(texts.iter().any(Result::is_err));
    let texts: Vec<_> = texts.into_iter().map(|text| text.unwrap_or_else(|error| error)).collect();
    Loaded::Print { text: texts.join("\n"), exit_code }
}

/// The text of `--help`: what the quickstart uses first, then every chapter.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "rsgi runs Python web applications, from a uwsgi.ini or these options.\n\n\
         Usage: rsgi [OPTION]… [FILE.ini[:SECTION]]…\n       rsgi COMMAND …\n\n\
         An option --name VALUE is the line name = VALUE of a file.\n\nCommands\n",
    );
    for command in COMMANDS {
        let left = format!("  {} {}", command.name, command.words);
        let gap = if left.chars().count() < 38 { "" } else { "\n                                      " };
        let _ = writeln!(text, "{left:<38}{gap}{}", command.summary);
    }
    text.push_str("\nQuickstart\n");
    rows().filter(|opt| opt.tier == Tier::Quickstart && opt.built).for_each(|opt| line(&mut text, opt));
    for group in Group::ALL {
        let mut others =
            rows().filter(|opt| opt.group == group && opt.tier != Tier::Quickstart && opt.built).peekable();
        if others.peek().is_some() {
            let _ = writeln!(text, "\n{}", group.title());
        }
        others.for_each(|opt| line(&mut text, opt));
    }
    let later: Vec<_> = rows().filter(|opt| !opt.built).map(|opt| opt.name).collect();
    let _ = writeln!(text, "\nKnown, but not built yet\n{}", wrapped(&later.join(" "), "  ", 100));
    text
}

/// The text of `--dump-options`: every name that has a row, sorted.
pub(crate) fn names() -> String {
    let mut names: Vec<_> = rows().flat_map(|opt| opt.names()).collect();
    names.sort_unstable();
    names.join("\n") + "\n"
}

fn line(text: &mut String, opt: &Opt) {
    let short = opt.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
    let value = match (opt.arg, opt.unit.to_uppercase()) {
        (Arg::None, _) => String::new(),
        (Arg::Required, unit) => format!(" {unit}"),
        (Arg::Optional, unit) if unit.is_empty() => "[=VALUE]".into(),
        (Arg::Optional, unit) => format!("[={unit}]"),
    };
    let left = format!("  {short}--{}{value}", opt.name);
    let gap = if left.chars().count() < 38 { "" } else { "\n                                      " };
    let summary = plain(opt.summary());
    let default = match opt.default {
        "" | "none" => String::new(),
        _ if opt.arg == Arg::None => String::new(),
        default => format!(" [{default}]"),
    };
    let _ = writeln!(text, "{left:<38}{gap}{}{default}", summary.trim_end_matches('.'));
}

/// The text of `rsgi explain NAME`; an error for a name that nobody knows.
fn explain(name: &str) -> Result<String, String> {
    match find(name) {
        Some(Known::Row(opt)) => Ok(explain_row(opt)),
        Some(Known::Declined(declined)) => {
            let names = declined.names.split(' ').collect::<Vec<_>>().join(", ");
            Ok(match declined.verdict {
                Verdict::NotBuilt => {
                    format!("{names}\n\n  Not built. Under uWSGI: {}.\n", declined.text)
                }
                Verdict::Ignored => format!("{names}\n\n  Accepted without effect: {}.\n", declined.text),
                Verdict::Refused => format!("{names}\n\n  Refused: {}.\n", declined.text),
            })
        }
        None => Err(match nearest(name) {
            near if near.is_empty() => format!("there is no option {name}\n"),
            near => format!("there is no option {name}; did you mean {}?\n", near.join(" or ")),
        }),
    }
}

fn explain_row(opt: &Opt) -> String {
    let mut text = opt.name.to_owned();
    let _ = match opt.unit {
        "" => writeln!(text),
        unit => writeln!(text, " = {}", unit.to_uppercase()),
    };
    for paragraph in opt.doc.split("\n\n") {
        let _ = writeln!(text, "\n{}", wrapped(&plain(paragraph), "  ", 96));
    }
    let _ = writeln!(text);
    let fact = |text: &mut String, name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<12}{value}");
        }
    };
    fact(&mut text, "default", opt.default);
    fact(&mut text, "example", opt.example);
    let short = opt.short.map(|letter| format!("-{letter}"));
    let also: Vec<_> = short.into_iter().chain(opt.aliases.iter().map(|alias| (*alias).to_owned())).collect();
    fact(&mut text, "also", &also.join(", "));
    fact(&mut text, "chapter", opt.group.title());
    fact(&mut text, "differs", opt.differs);
    if opt.own {
        fact(&mut text, "note", "uWSGI does not have it");
    }
    if !opt.built {
        fact(&mut text, "note", "read, but not built yet: it has no effect");
    }
    text
}

/// The configuration in effect as ini, as uWSGI prints it.
pub fn show_config(config: &Config) -> String {
    let mut text = String::from("\n;uWSGI instance configuration\n[uwsgi]\n");
    for (key, value) in &config.options {
        let _ = writeln!(text, "{key} = {value}");
    }
    text.push_str(";end of configuration\n\n");
    text
}

/// Markdown without its back quotes.
fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}

/// Breaks a text at blanks so that no line is longer than `width`.
pub(crate) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![String::from(indent)];
    for word in text.split_ascii_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == indent.len() || last + 1 + word.chars().count() <= width => {
                if last > indent.len() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}
