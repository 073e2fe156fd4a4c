//! The manual page rsgi(1), made from the table: `rsgi man`, docs/generated/rsgi.1.
//!
//! Source: man(7) of groff and of mandoc: only what both understand.

use std::ffi::OsString;
use std::fmt::Write;

use crate::Loaded;
use crate::command::COMMANDS;
use crate::help::wrapped;
use crate::machine::Machine;
use crate::option::{Arg, Group, Opt};
use crate::options::rows;

/// Answers `rsgi man`.
pub(crate) fn command(_: &Machine, _: Vec<OsString>) -> Loaded {
    Loaded::Print { text: manual(), exit_code: 0 }
}

/// What stands before the options.
const HEAD: &str = r#".SH DESCRIPTION
rsgi is an application server for Python. It runs a
.I uwsgi.ini
unchanged: options, sockets, signals and the stats document are those of uWSGI.
.PP
An option
.B name
is the line
.B name = value
of a configuration file,
.B \-\-name value
on the command line, and
.B UWSGI_NAME=value
or
.B RSGI_NAME=value
in the environment (upper case, _ for \-).
The environment is read first, then the command line, then the files.
A flag is on without a value, and with any value but
.BR false ", " off ", " no " and " 0 .
.SH COMMANDS
"#;

/// What stands behind them.
const TAIL: &str = r#".SH INSTANCES
.B rsgi top
and
.B rsgi stats
find a running instance by the configuration file it was started with, by
.B \-\-pid
and its process id or pid file, or by the address of its stats server.
Without a word they take the one instance that runs.
They talk to the control socket of its master, which lets in root and the user
that the instance runs as.
.SH SIGNALS
.TP
.B SIGINT\fR, \fBSIGTERM
Stops gracefully; a second one stops at once.
.TP
.B SIGQUIT
Stops at once.
.TP
.B SIGHUP
Reloads the configuration and the application; what runs goes on until the new
generation serves.
.TP
.B SIGUSR1
Opens the log anew, and writes the number of requests to it.
.TP
.B SIGUSR2
Writes the state of the instance to the log.
.TP
.B SIGTSTP
Pauses, or goes on.
.SH EXIT STATUS
.TP
.B 0
A normal end.
.TP
.B 1
The configuration is wrong, or something that it names cannot be had.
.TP
.B 22
No application could be loaded.
.SH EXAMPLES
.EX
rsgi \-\-http :9090 \-\-wsgi\-file foobar.py
rsgi check shop.ini
rsgi shop.ini
rsgi top shop.ini
.EE
.SH SEE ALSO
.BR systemd.service (5),
.BR nginx (8),
.BR top (1)
"#;

/// The whole page.
pub fn manual() -> String {
    let mut page = String::from(".\\\" Made by `cargo dev generate` from the table of options.\n");
    let _ = write!(page, ".TH RSGI 1 \"\" \"rsgi {}\"\n.SH NAME\n", env!("CARGO_PKG_VERSION"));
    page.push_str("rsgi \\- application server for Python that runs a uwsgi.ini unchanged\n.SH SYNOPSIS\n.B rsgi\n");
    page.push_str("[\\fIoption\\fR]... [\\fIfile\\fR[:\\fIsection\\fR]]...\n");
    for command in COMMANDS {
        let _ = writeln!(page, ".br\n.B rsgi {}\n{}", command.name, roff(command.words));
    }
    page.push_str(HEAD);
    for command in COMMANDS {
        let words = if command.words.is_empty() { String::new() } else { format!(" {}", roff(command.words)) };
        let _ = writeln!(page, ".TP\n\\fBrsgi {}\\fR{words}\n{}.", command.name, roff(command.summary));
    }
    page.push_str(".SH OPTIONS\n");
    for group in Group::ALL {
        let mut options = rows().filter(|opt| opt.group == group && opt.built).peekable();
        if options.peek().is_some() {
            let _ = writeln!(page, ".SS {}", roff(group.title()));
        }
        options.for_each(|opt| option(&mut page, opt));
    }
    page.push_str(TAIL);
    page
}

fn option(page: &mut String, opt: &Opt) {
    let value = match (opt.arg, opt.unit) {
        (Arg::None, _) => String::new(),
        (Arg::Optional, "") => "[=\\fIvalue\\fR]".into(),
        (Arg::Optional, unit) => format!("[=\\fI{}\\fR]", roff(unit)),
        (Arg::Required, "") => " \\fIvalue\\fR".into(),
        (Arg::Required, unit) => format!(" \\fI{}\\fR", roff(unit)),
    };
    let short = opt.short.map(|letter| format!("\\fB\\-{letter}\\fR, ")).unwrap_or_default();
    let names: Vec<_> = opt.names().map(|name| format!("\\fB\\-\\-{}\\fR", roff(name))).collect();
    let _ = writeln!(page, ".TP\n{short}{}{value}", names.join(", "));
    for (index, paragraph) in opt.doc.split("\n\n").enumerate() {
        let before = if index == 0 { "" } else { ".IP\n" };
        let _ = writeln!(page, "{before}{}", prose(paragraph));
    }
    if !opt.default.is_empty() && opt.arg != Arg::None {
        let _ = writeln!(page, "Default: {}.", roff(opt.default));
    }
    if !opt.differs.is_empty() {
        let _ = writeln!(page, ".IP\n{}", prose(&format!("Differs from uWSGI: {}.", opt.differs)));
    }
}

/// Markdown with words in back quotes as bold ones. Each sentence has its line.
fn prose(markdown: &str) -> String {
    let mut text = String::new();
    for (index, part) in markdown.split('`').enumerate() {
        let part = roff(&part.replace('\n', " "));
        if index % 2 == 1 { text.extend(["\\fB", &part, "\\fR"]) } else { text.push_str(&part.replace(". ", ".\n")) }
    }
    // A line of text must not look like a request, nor begin with a blank.
    let sentences = text.lines().map(str::trim).filter(|sentence| !sentence.is_empty());
    let lines: Vec<_> = sentences.map(|sentence| wrapped(sentence, "", 78)).collect();
    lines.iter().flat_map(|lines| lines.lines()).map(safe).collect::<Vec<_>>().join("\n")
}

fn safe(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

/// Text without a meaning for roff.
fn roff(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_a_request() {
        assert_eq!(prose("Ends. `.so x` is\n'text' \\n. Ok"), "Ends.\n\\fB.so x\\fR is 'text' \\en.\nOk");
        assert_eq!(prose(".so `a-b`"), "\\&.so \\fBa\\-b\\fR");
    }

    #[test]
    fn every_built_option_is_explained() {
        let page = manual();
        for opt in rows().filter(|opt| opt.built) {
            assert!(page.contains(&format!("\\fB\\-\\-{}\\fR", roff(opt.name))), "{}", opt.name);
        }
    }
}
