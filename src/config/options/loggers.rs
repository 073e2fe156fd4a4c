//! Options about the places that records go to, and how they look there.

use crate::loggers::{LogEncoder, LogRoute, LogTarget, Logger};
use crate::option::{Act, Arg, Group, OPT, Opt};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "logger",
        group: Group::Logging,
        unit: "[NAME ]KIND[:ARGUMENT]",
        default: "none",
        field: "/log/loggers",
        example: "logger = syslog:shop,local3",
        implies_master: true,
        doc: "Sends the log to a place; may be given several times.\n\nKinds: `file:PATH`, `fd:N`, `stdio`, `socket:ADDRESS[,PREFIX]` (datagrams to `host:port` or a unix socket), `syslog:IDENT[,FACILITY]`, `rsyslog:HOST[:PORT],IDENT[,PRIORITY]`, `journald`. A logger with a name gets only what `log-route` sends there. Request lines go there as well, unless there is a `req-logger`.",
        act: Act::Set(|d, v| {
            d.config.log.loggers.push(Logger::read(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "req-logger",
        aliases: &["logger-req"],
        group: Group::Logging,
        unit: "[NAME ]KIND[:ARGUMENT]",
        default: "none",
        field: "/log/loggers",
        example: "req-logger = file:/var/log/requests.log",
        implies_master: true,
        doc: "Sends request lines to a place of their own, in the words of `logger`.",
        act: Act::Set(|d, v| {
            d.config.log.loggers.push(Logger::read(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-syslog",
        arg: Arg::Optional,
        group: Group::Logging,
        unit: "IDENT[,FACILITY]",
        default: "none",
        field: "/log/loggers",
        example: "log-syslog = shop",
        implies_master: true,
        doc: "Sends the log to syslog: short for `logger = syslog:IDENT`.",
        act: Act::Set(|d, v| {
            let ident = if v.text() == "true" { "" } else { v.text() };
            let target = LogTarget::read("syslog", ident)?;
            d.config.log.loggers.push(Logger { name: None, requests: false, target });
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-socket",
        group: Group::Logging,
        unit: "address",
        default: "none",
        field: "/log/loggers",
        example: "log-socket = 127.0.0.1:1717",
        implies_master: true,
        doc: "Sends the log as datagrams: short for `logger = socket:ADDRESS`.",
        act: Act::Set(|d, v| {
            let target = LogTarget::read("socket", v.text())?;
            d.config.log.loggers.push(Logger { name: None, requests: false, target });
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-route",
        group: Group::Logging,
        unit: "LOGGER PATTERN",
        default: "none",
        field: "/log/routes",
        example: "log-route = mail ^error:",
        implies_master: true,
        doc: "Sends records that match a regular expression to the logger of that name.",
        act: Act::Set(|d, v| {
            d.config.log.routes.push(LogRoute::read(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-req-route",
        group: Group::Logging,
        unit: "LOGGER PATTERN",
        default: "none",
        field: "/log/routes",
        example: "log-req-route = slow in [0-9]{4,} msecs",
        implies_master: true,
        doc: "Sends request lines that match a regular expression to the request logger of that name.",
        act: Act::Set(|d, v| {
            d.config.log.routes.push(LogRoute::read(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-filter",
        group: Group::Logging,
        unit: "pattern",
        default: "none",
        field: "/log/filters",
        example: "log-filter = ^error:",
        implies_master: true,
        doc: "Keeps only records that match one of these regular expressions.",
        act: Act::Set(|d, v| v.word().map(|pattern| d.config.log.filters.push(pattern))),
        ..OPT
    },
    Opt {
        name: "log-drain",
        group: Group::Logging,
        unit: "pattern",
        default: "none",
        field: "/log/drains",
        example: "log-drain = GET /health",
        implies_master: true,
        doc: "Drops records that match one of these regular expressions.",
        act: Act::Set(|d, v| v.word().map(|pattern| d.config.log.drains.push(pattern))),
        ..OPT
    },
    Opt {
        name: "log-encoder",
        group: Group::Logging,
        unit: "KIND[:LOGGER] TEXT",
        default: "none",
        field: "/log/encoders",
        example: "log-encoder = json {\"unix\":${unix},\"msg\":\"${msg}\"}",
        implies_master: true,
        differs: "`json` escapes control characters too; a record always ends with one newline, a `suffix` stands before it",
        doc: "Changes records on their way, one step after the other.\n\nKinds: `prefix TEXT`, `suffix TEXT`, `format TEXT` and `json TEXT` (with `${msg}`, `${unix}`, `${micros}`, `${strftime:FORMAT}`), `nl`.",
        act: Act::Set(|d, v| {
            d.config.log.encoders.push(LogEncoder::read(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "log-req-encoder",
        group: Group::Logging,
        unit: "KIND[:LOGGER] TEXT",
        default: "none",
        field: "/log/encoders",
        example: "log-req-encoder = prefix [web]",
        implies_master: true,
        doc: "Changes request lines on their way to a `req-logger`, as `log-encoder` does.",
        act: Act::Set(|d, v| {
            d.config.log.encoders.push(LogEncoder::read(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "threaded-logger",
        arg: Arg::None,
        group: Group::Logging,
        example: "threaded-logger = true",
        implies_master: true,
        differs: "always on: a log that the master writes is written by a thread",
        doc: "Writes the log in a thread of the master.",
        ..OPT
    },
];
