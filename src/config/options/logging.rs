//! Options about logs.

use crate::option::{Act, AppValue, Arg, Group, OPT, Opt};
use crate::value::Value;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "logto",
        group: Group::Logging,
        unit: "file",
        default: "none",
        field: "/log/to",
        example: "logto = /var/log/app.log",
        doc: "Writes the log to a file, opened before rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.log.to = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "logto2",
        group: Group::Logging,
        unit: "file",
        default: "none",
        field: "/log/to2",
        example: "logto2 = /var/log/app.log",
        doc: "Writes the log to a file, opened after rights are dropped.",
        act: Act::Set(|d, v| {
            d.config.log.to2 = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "daemonize",
        short: Some('d'),
        group: Group::Logging,
        unit: "file",
        default: "none",
        field: "/log/daemonize",
        example: "daemonize = /var/log/app.log",
        doc: "Detaches from the terminal and writes the log to a file.\n\nNot under systemd or in a container: there the process must stay.",
        act: Act::Set(|d, v| {
            d.config.log.daemonize = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "daemonize2",
        group: Group::Logging,
        unit: "file",
        default: "none",
        field: "/log/daemonize2",
        example: "daemonize2 = /var/log/app.log",
        doc: "Detaches from the terminal once the application is loaded.",
        act: Act::Set(|d, v| {
            d.config.log.daemonize2 = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "disable-logging",
        short: Some('L'),
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/requests",
        example: "disable-logging = true",
        doc: "Leaves the request lines out of the log.",
        act: Act::Set(|d, v| {
            d.config.log.requests = !v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-4xx",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/log_4xx",
        example: "log-4xx = true",
        doc: "Logs requests answered with 400 to 499, even with `disable-logging`.",
        act: Act::Set(|d, v| {
            d.config.log.log_4xx = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-5xx",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/log_5xx",
        example: "log-5xx = true",
        doc: "Logs requests answered with 500 to 599, even with `disable-logging`.",
        act: Act::Set(|d, v| {
            d.config.log.log_5xx = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-slow",
        group: Group::Logging,
        unit: "milliseconds",
        default: "off",
        field: "/log/slow",
        example: "log-slow = 1000",
        doc: "Logs requests that took longer than this, even with `disable-logging`; 0 turns it off.",
        act: Act::Set(|d, v| {
            d.config.log.slow = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-zero",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/zero",
        example: "log-zero = true",
        doc: "Logs requests with an empty answer, even with `disable-logging`.",
        act: Act::Set(|d, v| {
            d.config.log.zero = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-big",
        group: Group::Logging,
        unit: "bytes",
        default: "off",
        field: "/log/big",
        example: "log-big = 1048576",
        doc: "Logs answers larger than this, even with `disable-logging`; 0 turns it off.",
        act: Act::Set(|d, v| {
            d.config.log.big = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-sendfile",
        group: Group::Logging,
        unit: "switch",
        default: "off",
        field: "/log/sendfile",
        example: "log-sendfile = true",
        doc: "Logs answers sent by sendfile, even with `disable-logging`.",
        act: Act::Set(|d, v| {
            d.config.log.sendfile = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-ioerror",
        group: Group::Logging,
        unit: "switch",
        default: "off",
        field: "/log/ioerror",
        example: "log-ioerror = true",
        doc: "Logs requests that ended in an I/O error, even with `disable-logging`.",
        act: Act::Set(|d, v| {
            d.config.log.ioerror = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-micros",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/micros",
        example: "log-micros = true",
        doc: "Gives times in the request lines in microseconds.",
        act: Act::Set(|d, v| {
            d.config.log.micros = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-x-forwarded-for",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/x_forwarded_for",
        example: "log-x-forwarded-for = true",
        doc: "Takes the client's address in the request lines from `X-Forwarded-For`.",
        act: Act::Set(|d, v| {
            d.config.log.x_forwarded_for = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "memory-report",
        short: Some('m'),
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/memory_report",
        example: "memory-report = true",
        doc: "Begins request lines with the memory that the worker uses.",
        act: Act::Set(|d, v| {
            d.config.log.memory_report = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-date",
        aliases: &["logdate", "log-prefix"],
        arg: Arg::Optional,
        group: Group::Logging,
        unit: "format",
        default: "off",
        field: "/log/date",
        example: "log-date = %%Y-%%m-%%d %%H:%%M:%%S",
        doc: "Begins every line with the date, or with a date in `strftime` format.\n\nIn a file a percent sign is written twice.",
        act: Act::Set(|d, v| {
            d.config.log.date = date(v);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-format",
        aliases: &["logformat"],
        group: Group::Logging,
        unit: "template",
        default: "none",
        field: "/log/format",
        example: "log-format = %(addr) %(method) %(uri) %(status)",
        doc: "Sets the template of request lines.\n\nNames: `uri method user addr host proto uagent referer status micros msecs secs time tmsecs tmicros ctime ltime ftime epoch size hsize rsize cl pid wid core switches vars headers pktsize rss rssM vsz vszM rerr werr ioerr`, `var.NAME` for a variable of the request, and whatever the application sets by `uwsgi.set_logvar`. Nothing is written as `-`.",
        act: Act::Set(|d, v| {
            d.config.log.format = v.given();
            crate::loggers::doubt_template(v);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-json",
        own: true,
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/json",
        example: "log-json = true",
        doc: "Writes each record of the log as one JSON object on a line: requests, the server's own lines, tracebacks.\n\nRequests have `\"type\":\"request\"` and what `uwsgi.set_logvar` sets as `app.NAME`; what the router answers itself has `\"type\":\"refusal\"`; all else has `level` and `message`. A traceback is one record, however it is written. `log-format` still decides about request lines when it is given.",
        act: Act::Set(|d, v| {
            d.config.log.json = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-format-strftime",
        aliases: &["logformat-strftime"],
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/format_strftime",
        example: "log-format-strftime = true",
        doc: "Passes the template of request lines through `strftime`.",
        act: Act::Set(|d, v| {
            d.config.log.format_strftime = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-master",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/master",
        example: "log-master = true",
        implies_master: true,
        doc: "Lets the master write the log of all processes, which reaches it through a pipe.",
        act: Act::Set(|d, v| {
            d.config.log.master = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-truncate",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/truncate",
        example: "log-truncate = true",
        doc: "Empties the log at the start.",
        act: Act::Set(|d, v| {
            d.config.log.truncate = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-reopen",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/reopen",
        example: "log-reopen = true",
        doc: "Opens the log file anew at each reload.",
        act: Act::Set(|d, v| {
            d.config.log.reopen = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-maxsize",
        group: Group::Logging,
        unit: "bytes",
        default: "off",
        field: "/log/max_size",
        example: "log-maxsize = 104857600",
        implies_master: true,
        doc: "Rotates the log file at this size: it gets the name of `log-backupname`, or its own with the time behind it.",
        act: Act::Set(|d, v| {
            d.config.log.max_size = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-backupname",
        group: Group::Logging,
        unit: "file",
        default: "none",
        field: "/log/backup_name",
        example: "log-backupname = /var/log/app.log.1",
        doc: "Names the rotated log.",
        act: Act::Set(|d, v| {
            d.config.log.backup_name = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "logfile-chmod",
        group: Group::Logging,
        unit: "mode",
        default: "none",
        field: "/log/file_mode",
        example: "logfile-chmod = 640",
        doc: "Sets the mode of the log file.",
        act: Act::Set(|d, v| {
            d.config.log.file_mode = Some(v.mode()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "logfile-chown",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/file_chown",
        example: "logfile-chown = true",
        doc: "Gives the log file to the user of the workers.",
        act: Act::Set(|d, v| {
            d.config.log.file_chown = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "ignore-sigpipe",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/ignore_sigpipe",
        example: "ignore-sigpipe = true",
        differs: "always on: a client that has left is no error",
        doc: "Leaves broken connections out of the log.",
        act: Act::Set(|d, v| {
            d.config.log.ignore_sigpipe = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "ignore-write-errors",
        arg: Arg::None,
        group: Group::Logging,
        default: "off",
        field: "/log/ignore_write_errors",
        example: "ignore-write-errors = true",
        differs: "always on: a client that has left is no error",
        doc: "Leaves failed writes to clients out of the log.",
        act: Act::Set(|d, v| {
            d.config.log.ignore_write_errors = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "disable-write-exception",
        arg: Arg::None,
        group: Group::Logging,
        example: "disable-write-exception = true",
        doc: "Raises nothing in the application when a client has gone.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
];

/// The words for on and nothing mean the standard date (empty), those for off none, anything else is a format.
fn date(value: &Value<'_>) -> Option<String> {
    match value.text() {
        "" | "1" => Some(String::new()),
        _ if value.on() => Some(String::new()),
        "0" => None,
        _ if value.off() => None,
        format => Some(format.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_switch_are_no_format() {
        for (text, format) in [
            ("", Some("")),
            ("1", Some("")),
            ("True", Some("")),
            ("YES", Some("")),
            ("On", Some("")),
            ("0", None),
            ("False", None),
            ("OFF", None),
            ("No", None),
            ("%H:%M", Some("%H:%M")),
        ] {
            assert_eq!(date(&Value::new(text)).as_deref(), format, "{text}");
        }
    }
}
