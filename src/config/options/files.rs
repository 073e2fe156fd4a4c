//! Options about configuration files and their logic.

use crate::option::{Act, Arg, Group, OPT, Opt, Tier};
use crate::source::{Directive, Format, Repeat, Test};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "ini",
        tier: Tier::Quickstart,
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "ini = base.ini",
        doc: "Reads an ini file at this place: `file.ini`, `file.ini:section`, `:section` of the ini file read last, or `-` for the standard input.\n\n`exec://COMMAND` is what a command prints, `fd://N` what a descriptor holds.",
        act: Act::Read(Directive::Load(Format::Ini)),
        ..OPT
    },
    Opt {
        name: "yaml",
        aliases: &["yml"],
        short: Some('y'),
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "yaml = base.yaml",
        doc: "Reads a YAML file at this place.",
        act: Act::Read(Directive::Load(Format::Yaml)),
        ..OPT
    },
    Opt {
        name: "json",
        aliases: &["js"],
        short: Some('j'),
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "json = base.json",
        doc: "Reads a JSON file at this place.",
        act: Act::Read(Directive::Load(Format::Json)),
        ..OPT
    },
    Opt {
        name: "xml",
        aliases: &["xmlconfig"],
        short: Some('x'),
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "xml = base.xml",
        doc: "Reads an XML file at this place.",
        act: Act::Read(Directive::Load(Format::Xml)),
        ..OPT
    },
    Opt {
        name: "toml",
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "toml = base.toml",
        own: true,
        doc: "Reads a TOML file at this place.",
        act: Act::Read(Directive::Load(Format::Toml)),
        ..OPT
    },
    Opt {
        name: "config",
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "config = base.ini",
        doc: "Reads a file at this place; its suffix tells the format.",
        act: Act::Read(Directive::Load(Format::BySuffix)),
        ..OPT
    },
    Opt {
        name: "include",
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "include = base.ini",
        doc: "Reads a file at this place; its suffix tells the format.",
        act: Act::Read(Directive::Load(Format::BySuffix)),
        ..OPT
    },
    Opt {
        name: "inherit",
        group: Group::Files,
        unit: "FILE[:SECTION]",
        example: "inherit = base.ini",
        doc: "Reads a file after all others, so that its single values win.",
        act: Act::Read(Directive::Inherit),
        ..OPT
    },
    Opt {
        name: "set",
        short: Some('S'),
        group: Group::Files,
        unit: "KEY=VALUE",
        example: "set = project=shop",
        doc: "Sets a placeholder for `%(name)`, or an option.",
        act: Act::Read(Directive::Set),
        ..OPT
    },
    Opt {
        name: "set-placeholder",
        aliases: &["set-ph"],
        group: Group::Files,
        unit: "KEY=VALUE",
        example: "set-placeholder = project=shop",
        doc: "Sets a placeholder for `%(name)`, which must not be the name of an option.",
        act: Act::Read(Directive::SetPlaceholder),
        ..OPT
    },
    Opt {
        name: "for",
        group: Group::Files,
        unit: "words",
        example: "for = one two",
        doc: "Repeats each line up to `endfor` for each word, which is `%(_)`.",
        act: Act::Read(Directive::Repeat(Repeat::Words)),
        ..OPT
    },
    Opt {
        name: "for-glob",
        group: Group::Files,
        unit: "pattern",
        example: "for-glob = /etc/app/*.conf",
        doc: "Repeats each line up to `endfor` for each path that matches, which is `%(_)`.",
        act: Act::Read(Directive::Repeat(Repeat::Glob)),
        ..OPT
    },
    Opt {
        name: "for-times",
        group: Group::Files,
        unit: "number",
        example: "for-times = 3",
        doc: "Repeats each line up to `endfor` so many times; `%(_)` counts from 1.",
        act: Act::Read(Directive::Repeat(Repeat::Times)),
        ..OPT
    },
    Opt {
        name: "for-readline",
        group: Group::Files,
        unit: "file",
        example: "for-readline = hosts.txt",
        doc: "Repeats each line up to `endfor` for each line of a file, which is `%(_)`.",
        act: Act::Read(Directive::Repeat(Repeat::Lines)),
        ..OPT
    },
    Opt {
        name: "endfor",
        aliases: &["end-for"],
        arg: Arg::Optional,
        group: Group::Files,
        example: "endfor =",
        doc: "Ends a `for` block.",
        act: Act::Read(Directive::End),
        ..OPT
    },
    Opt {
        name: "if-env",
        aliases: &["ifenv"],
        group: Group::Files,
        unit: "NAME[=VALUE]",
        example: "if-env = BEAT",
        doc: "Takes the lines up to `endif` only if an environment variable is set, or has a value. `%(_)` is its value.",
        act: Act::Read(Directive::When(Test::Env, false)),
        ..OPT
    },
    Opt {
        name: "if-not-env",
        group: Group::Files,
        unit: "NAME[=VALUE]",
        example: "if-not-env = BEAT",
        doc: "Takes the lines up to `endif` unless an environment variable is set, or has a value.",
        act: Act::Read(Directive::When(Test::Env, true)),
        ..OPT
    },
    Opt {
        name: "if-opt",
        group: Group::Files,
        unit: "NAME[=VALUE]",
        example: "if-opt = threads=2",
        doc: "Takes the lines up to `endif` only if an option was given above, or has a value. `%(_)` is its value.",
        act: Act::Read(Directive::When(Test::Opt, false)),
        ..OPT
    },
    Opt {
        name: "if-not-opt",
        group: Group::Files,
        unit: "NAME[=VALUE]",
        example: "if-not-opt = threads=2",
        doc: "Takes the lines up to `endif` unless an option was given above, or has a value.",
        act: Act::Read(Directive::When(Test::Opt, true)),
        ..OPT
    },
    Opt {
        name: "if-exists",
        aliases: &["ifexists"],
        group: Group::Files,
        unit: "path",
        example: "if-exists = /etc/app",
        doc: "Takes the lines up to `endif` only if a path exists. `%(_)` is the path.",
        act: Act::Read(Directive::When(Test::Exists, false)),
        ..OPT
    },
    Opt {
        name: "if-not-exists",
        group: Group::Files,
        unit: "path",
        example: "if-not-exists = /etc/app",
        doc: "Takes the lines up to `endif` unless a path exists.",
        act: Act::Read(Directive::When(Test::Exists, true)),
        ..OPT
    },
    Opt {
        name: "if-file",
        group: Group::Files,
        unit: "path",
        example: "if-file = /etc/app.conf",
        doc: "Takes the lines up to `endif` only if a regular file exists. `%(_)` is the path.",
        act: Act::Read(Directive::When(Test::File, false)),
        ..OPT
    },
    Opt {
        name: "if-not-file",
        group: Group::Files,
        unit: "path",
        example: "if-not-file = /etc/app.conf",
        doc: "Takes the lines up to `endif` unless a regular file exists.",
        act: Act::Read(Directive::When(Test::File, true)),
        ..OPT
    },
    Opt {
        name: "if-dir",
        aliases: &["ifdir", "if-directory"],
        group: Group::Files,
        unit: "path",
        example: "if-dir = /etc/app",
        doc: "Takes the lines up to `endif` only if a directory exists. `%(_)` is the path.",
        act: Act::Read(Directive::When(Test::Dir, false)),
        ..OPT
    },
    Opt {
        name: "if-not-dir",
        group: Group::Files,
        unit: "path",
        example: "if-not-dir = /etc/app",
        doc: "Takes the lines up to `endif` unless a directory exists.",
        act: Act::Read(Directive::When(Test::Dir, true)),
        ..OPT
    },
    Opt {
        name: "if-hostname",
        group: Group::Files,
        unit: "name",
        example: "if-hostname = web1",
        doc: "Takes the lines up to `endif` only if the host has this name.",
        act: Act::Read(Directive::When(Test::Hostname, false)),
        ..OPT
    },
    Opt {
        name: "if-not-hostname",
        group: Group::Files,
        unit: "name",
        example: "if-not-hostname = web1",
        doc: "Takes the lines up to `endif` unless the host has this name.",
        act: Act::Read(Directive::When(Test::Hostname, true)),
        ..OPT
    },
    Opt {
        name: "if-hostname-match",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "pattern",
        example: "if-hostname-match = ^web",
        doc: "Takes the lines up to `endif` only if the host's name matches a pattern.",
        act: Act::Read(Directive::When(Test::HostnameMatch, false)),
        ..OPT
    },
    Opt {
        name: "if-not-hostname-match",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "pattern",
        example: "if-not-hostname-match = ^web",
        doc: "Takes the lines up to `endif` unless the host's name matches a pattern.",
        act: Act::Read(Directive::When(Test::HostnameMatch, true)),
        ..OPT
    },
    Opt {
        name: "if-plugin",
        aliases: &["ifplugin"],
        group: Group::Files,
        unit: "name",
        example: "if-plugin = python",
        doc: "Takes the lines up to `endif` only if a plugin is there.",
        act: Act::Read(Directive::When(Test::Plugin, false)),
        ..OPT
    },
    Opt {
        name: "if-not-plugin",
        group: Group::Files,
        unit: "name",
        example: "if-not-plugin = python",
        doc: "Takes the lines up to `endif` unless a plugin is there.",
        act: Act::Read(Directive::When(Test::Plugin, true)),
        ..OPT
    },
    Opt {
        name: "if-reload",
        arg: Arg::None,
        group: Group::Files,
        example: "if-reload =",
        doc: "Takes the lines up to `endif` only if this start is a reload.",
        act: Act::Read(Directive::When(Test::Reload, false)),
        ..OPT
    },
    Opt {
        name: "if-not-reload",
        arg: Arg::None,
        group: Group::Files,
        example: "if-not-reload =",
        doc: "Takes the lines up to `endif` unless this start is a reload.",
        act: Act::Read(Directive::When(Test::Reload, true)),
        ..OPT
    },
    Opt {
        name: "endif",
        aliases: &["end-if"],
        arg: Arg::Optional,
        group: Group::Files,
        example: "endif =",
        doc: "Ends an `if` block.",
        act: Act::Read(Directive::End),
        ..OPT
    },
    Opt {
        name: "else",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "nothing",
        example: "else =",
        doc: "Takes the lines up to `endif` when the test of the `if` block has failed.",
        act: Act::Read(Directive::Else),
        ..OPT
    },
    Opt {
        name: "declare-option",
        aliases: &["declare-option2"],
        group: Group::Files,
        unit: "NAME=OPTION=VALUE;OPTION=VALUE",
        example: "declare-option = shop=mount=/$1=$2;processes=$3",
        doc: "Defines an option that stands for others; `$1`, `$2`… in them are the words of its value.\n\nIt is known in the lines below, of files only.",
        act: Act::Read(Directive::Declare),
        ..OPT
    },
    Opt {
        name: "inject-before",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "file",
        example: "inject-before = /etc/rsgi/first.ini",
        doc: "Puts the text of a file before that of each ini file that is read from here on.",
        act: Act::Read(Directive::Inject(false)),
        ..OPT
    },
    Opt {
        name: "inject-after",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "file",
        example: "inject-after = /etc/rsgi/last.ini",
        doc: "Puts the text of a file behind that of each ini file that is read from here on.",
        act: Act::Read(Directive::Inject(true)),
        ..OPT
    },
    Opt {
        name: "blacklist",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "names",
        example: "blacklist = uid gid",
        doc: "Forbids these options, separated by blanks, up to `end-blacklist`.",
        act: Act::Read(Directive::Fence(false)),
        ..OPT
    },
    Opt {
        name: "end-blacklist",
        arg: Arg::None,
        tier: Tier::Rare,
        group: Group::Files,
        example: "end-blacklist =",
        doc: "Ends what `blacklist` forbids.",
        act: Act::Read(Directive::EndFence),
        ..OPT
    },
    Opt {
        name: "whitelist",
        tier: Tier::Rare,
        group: Group::Files,
        unit: "names",
        example: "whitelist = module processes",
        doc: "Forbids all options but these, separated by blanks, up to `end-whitelist`.",
        act: Act::Read(Directive::Fence(true)),
        ..OPT
    },
    Opt {
        name: "end-whitelist",
        arg: Arg::None,
        tier: Tier::Rare,
        group: Group::Files,
        example: "end-whitelist =",
        doc: "Ends what `whitelist` forbids.",
        act: Act::Read(Directive::EndFence),
        ..OPT
    },
    Opt {
        name: "fallback-config",
        group: Group::Files,
        unit: "file",
        default: "none",
        field: "/process/fallback_config",
        example: "fallback-config = /etc/rsgi/maintenance.ini",
        doc: "Starts anew with this configuration when the instance ends with code 1: it could not start as configured.",
        act: Act::Set(|d, v| {
            d.config.process.fallback_config = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "strict",
        arg: Arg::None,
        group: Group::Files,
        example: "strict = true",
        doc: "Makes unknown options below this line errors.",
        act: Act::Read(Directive::Strict),
        ..OPT
    },
    Opt {
        name: "print",
        group: Group::Files,
        unit: "text",
        example: "print = starting %(project)",
        doc: "Prints a text at the start.",
        act: Act::Read(Directive::Print),
        ..OPT
    },
    Opt {
        name: "get",
        group: Group::Files,
        unit: "name",
        example: "get = processes",
        doc: "Prints the value of an option or placeholder and ends.",
        act: Act::Read(Directive::Get),
        ..OPT
    },
    Opt {
        name: "exit",
        arg: Arg::Optional,
        group: Group::Files,
        unit: "code",
        example: "exit = 1",
        doc: "Ends with this code at this place.",
        act: Act::Read(Directive::Exit),
        ..OPT
    },
];
