//! Completions for bash, zsh and fish, made from the table: `rsgi completions SHELL`, docs/generated.

use std::ffi::OsString;
use std::fmt::Write;

use crate::Loaded;
use crate::command::{COMMANDS, usage};
use crate::machine::Machine;
use crate::option::{Arg, Opt};
use crate::options::rows;

/// The endings of configuration files.
const ENDINGS: [&str; 6] = ["ini", "yaml", "yml", "xml", "json", "toml"];

/// What may be completed as the value of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Complete {
    Files,
    Directories,
    Nothing,
}

impl Complete {
    fn of(opt: &Opt) -> Self {
        match opt.unit {
            unit if unit.starts_with("file") || unit.starts_with("FILE") => Self::Files,
            "path" | "pidfile" | "address" => Self::Files,
            "directory" => Self::Directories,
            _ => Self::Nothing,
        }
    }
}

/// Answers `rsgi completions SHELL`.
pub(crate) fn command(_: &Machine, words: Vec<OsString>) -> Loaded {
    let text = match words.as_slice() {
        [shell] if shell == "bash" => bash(),
        [shell] if shell == "zsh" => zsh(),
        [shell] if shell == "fish" => fish(),
        _ => return usage("completions"),
    };
    Loaded::Print { text, exit_code: 0 }
}

/// Every option with each of its long names.
fn names() -> impl Iterator<Item = (&'static str, &'static Opt)> {
    rows().flat_map(|opt| opt.names().map(move |name| (name, opt)))
}

fn flags(opt: &Opt) -> impl Iterator<Item = String> {
    let short = opt.short.map(|letter| format!("-{letter}"));
    short.into_iter().chain(opt.names().map(|name| format!("--{name}")))
}

/// Options whose value is completed like that, all forms of their names.
fn valued(complete: Complete) -> Vec<String> {
    rows().filter(|opt| opt.arg == Arg::Required && Complete::of(opt) == complete).flat_map(flags).collect()
}

/// For bash (put into /usr/share/bash-completion/completions/rsgi).
pub fn bash() -> String {
    let commands: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    let words: Vec<_> = rows().flat_map(flags).collect();
    let [files, directories, others] =
        [Complete::Files, Complete::Directories, Complete::Nothing].map(|complete| valued(complete).join("|"));
    let names: Vec<_> = names().map(|(name, _)| name).collect();
    format!(
        r#"# Completions of rsgi for bash. Made by `cargo dev generate` from the table of options.
_rsgi() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    local options='{options}'
    local names='{names}'
    COMPREPLY=()
    if [[ $COMP_CWORD -gt 1 ]]; then
        case $command in
            explain) COMPREPLY=($(compgen -W "$names" -- "$current")); return ;;
            completions) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")); return ;;
            man) return ;;
        esac
    fi
    case $before in
        --pid) compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        {files})
            compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); return ;;
        {directories})
            compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return ;;
        {others})
            return ;;
    esac
    if [[ $current == -* ]]; then
        case $command in
            top) options='--pid' ;;
            stats) options='--json --pid' ;;
            config) options="--all $options" ;;
        esac
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    fi
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W '{commands}' -- "$current"))
    fi
    compopt -o filenames
    COMPREPLY+=($(compgen -d -- "$current") $(compgen -f -X '!*.@({endings})' -- "$current"))
}}
complete -F _rsgi rsgi
"#,
        options = words.join(" "),
        names = names.join(" "),
        commands = commands.join(" "),
        endings = ENDINGS.join("|"),
    )
}

/// For zsh (put as `_rsgi` into a directory of `$fpath`).
pub fn zsh() -> String {
    let mut text = String::from(
        "#compdef rsgi\n# Completions of rsgi for zsh. Made by `cargo dev generate` from the table of options.\n\n\
         _rsgi_commands() {\n    local -a commands=(\n",
    );
    for command in COMMANDS {
        let _ = writeln!(text, "        {}", quoted(&format!("{}:{}", command.name, command.summary)));
    }
    let _ = write!(
        text,
        "    )\n    _describe -t commands command commands\n    _files -g '*.({})'\n}}\n\n_rsgi_names() {{\n    local -a names=(\n",
        ENDINGS.join("|")
    );
    for (name, opt) in names() {
        let _ = writeln!(text, "        {}", quoted(&format!("{name}:{}", brief(opt))));
    }
    text.push_str("    )\n    _describe -t names 'option name' names\n}\n\nlocal -a options=(\n");
    for opt in rows() {
        for flag in flags(opt) {
            let is_long = flag.starts_with("--");
            let (value, end) = match (opt.arg, is_long) {
                (Arg::None, _) => (String::new(), ""),
                (Arg::Optional, true) => (format!("::{}: ", unit(opt)), "=-"),
                (Arg::Optional, false) => (format!("::{}: ", unit(opt)), "-"),
                (Arg::Required, true) => (format!(":{}:{}", unit(opt), zsh_action(opt)), "="),
                (Arg::Required, false) => (format!(":{}:{}", unit(opt), zsh_action(opt)), "+"),
            };
            let summary = brief(opt).replace('[', "(").replace(']', ")").replace(':', "\\:");
            let _ = writeln!(text, "    {}", quoted(&format!("*{flag}{end}[{summary}]{value}")));
        }
    }
    let _ = write!(
        text,
        r#")

case $words[2] in
    explain) (( CURRENT > 2 )) && {{ _rsgi_names; return }} ;;
    completions) (( CURRENT > 2 )) && {{ _values shell bash zsh fish; return }} ;;
    man) (( CURRENT > 2 )) && return ;;
    top) (( CURRENT > 2 )) && {{ _arguments '--pid[the pid file of the instance]:pid file:_files' '*:instance:_files'; return }} ;;
    stats) (( CURRENT > 2 )) && {{ _arguments '--json[as JSON]' '--pid[the pid file of the instance]:pid file:_files' '*:instance:_files'; return }} ;;
    config) options+=('--all[lists the defaults too]') ;;
esac
_arguments -s $options '1: :_rsgi_commands' '*:configuration:_files -g "*.({})"'
"#,
        ENDINGS.join("|")
    );
    text
}

/// For fish (put into ~/.config/fish/completions/rsgi.fish).
pub fn fish() -> String {
    let mut text = String::from(
        "# Completions of rsgi for fish. Made by `cargo dev generate` from the table of options.\n\
         function __rsgi_is\n    set -l words (commandline -opc)\n    test (count $words) -gt 1; and contains -- $words[2] $argv\nend\n\n",
    );
    let _ = writeln!(
        text,
        "complete -c rsgi -f -n 'not __rsgi_is explain completions man' -a '(__fish_complete_suffix .ini)'"
    );
    for command in COMMANDS {
        let (name, summary) = (command.name, quoted(command.summary));
        let _ = writeln!(text, "complete -c rsgi -f -n __fish_is_first_token -a {name} -d {summary}");
    }
    text.push_str("complete -c rsgi -f -n '__rsgi_is completions' -a 'bash zsh fish'\n");
    text.push_str("complete -c rsgi -n '__rsgi_is top stats' -l pid -r -F -d 'The pid file of the instance'\n");
    text.push_str("complete -c rsgi -n '__rsgi_is stats' -l json -d 'As JSON'\n");
    text.push_str("complete -c rsgi -n '__rsgi_is config' -l all -d 'Lists the defaults too'\n");
    for (name, opt) in names() {
        let summary = quoted(&brief(opt));
        let _ = writeln!(text, "complete -c rsgi -f -n '__rsgi_is explain' -a {name} -d {summary}");
    }
    for opt in rows() {
        let short = opt.short.map(|letter| format!(" -s {letter}")).unwrap_or_default();
        let value = match (opt.arg, Complete::of(opt)) {
            (Arg::None | Arg::Optional, _) => "",
            (Arg::Required, Complete::Files) => " -r -F",
            (Arg::Required, Complete::Directories) => " -x -a '(__fish_complete_directories)'",
            (Arg::Required, Complete::Nothing) => " -x",
        };
        let summary = quoted(&brief(opt));
        for (index, name) in opt.names().enumerate() {
            let short = if index == 0 { short.as_str() } else { "" };
            let _ = writeln!(
                text,
                "complete -c rsgi -n 'not __rsgi_is explain completions man top stats'{short} -l {name}{value} -d {summary}"
            );
        }
    }
    text
}

fn unit(opt: &Opt) -> String {
    let unit = if opt.unit.is_empty() { "value" } else { opt.unit };
    unit.replace(':', "\\:").replace('[', "\\[").replace(']', "\\]")
}

fn zsh_action(opt: &Opt) -> &'static str {
    match Complete::of(opt) {
        Complete::Files => "_files",
        Complete::Directories => "_files -/",
        Complete::Nothing => " ",
    }
}

/// The summary, short enough for a line of a menu.
fn brief(opt: &Opt) -> String {
    opt.summary().replace('`', "").trim_end_matches('.').to_owned()
}

/// A text in quotes that all three shells take as it is: an apostrophe becomes a typographic one.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "’").replace('\\', "\\\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_offered_in_every_shell() {
        let (bash, zsh, fish) = (bash(), zsh(), fish());
        for (name, _) in names() {
            assert!(bash.contains(&format!("--{name} ")) || bash.contains(&format!("--{name}'")), "{name}");
            assert!(zsh.contains(&format!("'*--{name}")), "{name}");
            assert!(fish.contains(&format!(" -l {name} ")), "{name}");
        }
        for command in COMMANDS {
            assert!(zsh.contains(&format!("'{}:", command.name)) && fish.contains(&format!("-a {} -d", command.name)));
        }
    }

    #[test]
    fn wrong_words_are_told() {
        let Loaded::Print { text, exit_code } = command(&Machine::default(), vec!["tcsh".into()]) else { panic!() };
        assert_eq!((text.as_str(), exit_code), ("write rsgi completions bash | zsh | fish\n", 1));
    }
}
