//! The subcommands: words that may stand first on the command line. One table, from which come their dispatch, the help, the
//! manual and the completions.

use std::ffi::OsString;

use crate::machine::Machine;
use crate::{Loaded, Tool, check, completions, effective, help, manual};

/// What one does with its words.
enum Does {
    /// Answers from the configuration alone.
    Print(fn(&Machine, Vec<OsString>) -> Loaded),
    /// Talks to a running instance.
    Tool(Tool),
}

/// A subcommand.
pub(crate) struct Command {
    /// The word.
    pub name: &'static str,
    /// What follows it.
    pub words: &'static str,
    /// What it does, in a sentence without its full stop.
    pub summary: &'static str,
    does: Does,
}

/// All of them, in the order of the manual.
pub(crate) static COMMANDS: &[Command] = &[
    Command {
        name: "check",
        words: "FILE…",
        summary: "Says, line by line, what rsgi makes of a configuration",
        does: Does::Print(check::check),
    },
    Command {
        name: "config",
        words: "[--json | --all] [OPTION]… [FILE]…",
        summary: "Prints the values in effect and where each came from",
        does: Does::Print(effective::command),
    },
    Command { name: "explain", words: "OPTION…", summary: "Explains options", does: Does::Print(help::explain_all) },
    Command {
        name: "top",
        words: "[INSTANCE]",
        summary: "Shows live what a running instance does, down to the line of Python",
        does: Does::Tool(Tool::Top),
    },
    Command {
        name: "stats",
        words: "[--json] [INSTANCE]",
        summary: "Prints once what a running instance does",
        does: Does::Tool(Tool::Stats),
    },
    Command {
        name: "healthcheck",
        words: "[INSTANCE]",
        summary: "Fails unless a running instance is ready to serve, for containers and scripts",
        does: Does::Tool(Tool::Healthcheck),
    },
    Command {
        name: "reload",
        words: "[--wait] [--rolling] [INSTANCE]",
        summary: "Reloads a running instance, and with --wait fails when that fails",
        does: Does::Tool(Tool::Reload),
    },
    Command {
        name: "upgrade",
        words: "[INSTANCE]",
        summary: "Lets a running instance go on with this very program, without losing a request",
        does: Does::Tool(Tool::Upgrade),
    },
    Command {
        name: "completions",
        words: "bash | zsh | fish",
        summary: "Prints the completions for a shell",
        does: Does::Print(completions::command),
    },
    Command {
        name: "man",
        words: "",
        summary: "Prints the manual page, for man -l -",
        does: Does::Print(manual::command),
    },
];

/// Does what the first word says, if it is a subcommand.
pub(crate) fn run(machine: &Machine, args: &[OsString]) -> Option<Loaded> {
    let (first, words) = args.split_first()?;
    let command = COMMANDS.iter().find(|command| first == command.name)?;
    let words = words.to_vec();
    Some(match command.does {
        Does::Print(print) => print(machine, words),
        Does::Tool(tool) => Loaded::Tool { tool, words },
    })
}

/// The answer to words that do not fit.
pub(crate) fn usage(name: &str) -> Loaded {
    let words = COMMANDS.iter().find(|command| command.name == name).map_or("", |command| command.words);
    Loaded::Print { text: format!("write rsgi {name} {words}\n"), exit_code: 1 }
}
