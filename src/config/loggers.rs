//! Where records go besides the log itself: loggers, routes to them, encoders.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::value::{Fault, Value, pairs};

/// A place for records (`logger`, `req-logger`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logger {
    /// A named one gets only what a route sends there.
    pub name: Option<String>,
    /// For request lines; else for everything but those.
    pub requests: bool,
    /// The place.
    pub target: LogTarget,
}

/// A place for records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogTarget {
    /// Standard error of the master, or what `logto` made of it.
    Stdio,
    /// A descriptor that the server was started with.
    Fd(i32),
    /// A file, relative to the start directory.
    File {
        /// Its path.
        path: PathBuf,
        /// Bytes at which it is rotated.
        max_size: Option<u64>,
        /// Name of the rotated file.
        backup_name: Option<PathBuf>,
    },
    /// Datagrams.
    Socket {
        /// To `host:port` or to a unix socket.
        address: String,
        /// What each begins with.
        prefix: String,
    },
    /// The syslog of this machine.
    Syslog {
        /// Name of the program in the log.
        ident: String,
        /// Facility as its number times eight (RFC 5424 §6.2.1).
        facility: u8,
    },
    /// A syslog server over UDP, in uWSGI's form.
    Rsyslog {
        /// `host:port`.
        address: String,
        /// Name of the program in the log.
        ident: String,
        /// Facility and severity (RFC 3164 §4.1.1).
        priority: u8,
    },
    /// The journal of systemd.
    Journal,
}

/// A route of records to a named logger (`log-route`, `log-req-route`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRoute {
    /// Name of the logger.
    pub logger: String,
    /// Regular expression that a record must match.
    pub pattern: String,
    /// For request lines; else for everything but those.
    pub requests: bool,
}

/// A step that changes records on their way (`log-encoder`, `log-req-encoder`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEncoder {
    /// Only for the logger of this name.
    pub logger: Option<String>,
    /// For request lines; else for everything but those.
    pub requests: bool,
    /// What it does.
    pub step: LogStep,
}

/// What an encoder does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogStep {
    /// Puts a text in front.
    Prefix(String),
    /// Puts a text behind.
    Suffix(String),
    /// Ends records with a newline, which they all do.
    Newline,
    /// A text with `${msg}`, `${unix}`, `${micros}`, `${strftime:FORMAT}`.
    Format(String),
    /// The same, with values escaped for JSON strings.
    Json(String),
}

/// Facilities of syslog(3) by name.
const FACILITIES: &[(&str, u8)] = &[
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// uWSGI's priority for rsyslog: facility daemon, severity notice.
const RSYSLOG_PRIORITY: u8 = 29;

impl Logger {
    /// Reads `[NAME ]KIND[:ARGUMENT]`.
    pub(crate) fn read(value: &Value<'_>, requests: bool) -> Result<Self, Fault> {
        let text = value.word()?;
        let (name, rest) = match text.split_once(' ') {
            // A blank behind the colon belongs to the argument.
            Some((name, rest)) if !name.contains(':') => (Some(name.to_owned()), rest.trim_start()),
            _ => (None, text.as_str()),
        };
        let (kind, argument) = rest.split_once(':').unwrap_or((rest, ""));
        Ok(Self { name, requests, target: LogTarget::read(kind, argument)? })
    }
}

impl LogTarget {
    pub(crate) fn read(kind: &str, argument: &str) -> Result<Self, Fault> {
        let needs = |what: &str| match argument {
            "" => Err(Fault::new(
                format!("the logger {kind} needs {what}"),
                format!("write {kind}:{}", what.to_uppercase()),
            )),
            argument => Ok(argument.to_owned()),
        };
        Ok(match kind {
            "stdio" => Self::Stdio,
            "fd" => {
                let number = needs("a descriptor")?;
                let fault = || Fault::bare(format!("expected the number of a descriptor, found \"{number}\""));
                Self::Fd(number.parse().ok().filter(|fd| *fd >= 0).ok_or_else(fault)?)
            }
            "file" => Self::file(&needs("a file")?)?,
            "socket" => {
                let argument = needs("an address")?;
                let (address, prefix) = argument.split_once(',').unwrap_or((&argument, ""));
                Self::Socket { address: address.to_owned(), prefix: prefix.to_owned() }
            }
            "syslog" => Self::syslog(argument)?,
            "rsyslog" => {
                let (address, ident) = argument.split_once(',').unwrap_or((argument, ""));
                needs("an address")?;
                // uWSGI takes a third word as priority.
                let (ident, priority) = ident.split_once(',').unwrap_or((ident, ""));
                let priority = match priority {
                    "" => RSYSLOG_PRIORITY,
                    text => text.parse().map_err(|_| Fault::bare(format!("expected a priority, found \"{text}\"")))?,
                };
                let address = if address.contains(':') { address.to_owned() } else { format!("{address}:514") };
                Self::Rsyslog { address, ident: ident.to_owned(), priority }
            }
            "systemd" | "journald" => Self::Journal,
            other => {
                return Err(Fault::new(
                    format!("there is no logger \"{other}\""),
                    "write one of file:PATH, fd:N, stdio, socket:ADDRESS, syslog:IDENT, rsyslog:ADDRESS,IDENT, journald",
                ));
            }
        })
    }

    /// Reads a path, or `logfile=PATH`, `maxsize=BYTES` and `backupname=PATH` in any order.
    fn file(argument: &str) -> Result<Self, Fault> {
        let (mut path, mut max_size, mut backup_name) = (argument.to_owned(), None, None);
        // A path may have an equals sign too.
        if ["logfile=", "maxsize=", "backupname="].iter().any(|key| argument.starts_with(key)) {
            path.clear();
            for (key, value) in pairs(argument)? {
                let number = || value.parse().map_err(|_| Fault::bare(format!("expected bytes, found \"{value}\"")));
                match key.as_str() {
                    "logfile" => path = value,
                    "maxsize" => max_size = Some(number()?),
                    "backupname" => backup_name = Some(PathBuf::from(value)),
                    other => {
                        return Err(Fault::new(
                            format!("a file logger has no \"{other}\""),
                            "write logfile, maxsize, backupname",
                        ));
                    }
                }
            }
        }
        if path.is_empty() {
            return Err(Fault::new("the logger file needs a file", "write file:logfile=PATH,maxsize=BYTES"));
        }
        Ok(Self::File { path: path.into(), max_size, backup_name })
    }

    /// Reads `IDENT[,FACILITY]`.
    fn syslog(argument: &str) -> Result<Self, Fault> {
        let (ident, facility) = argument.split_once(',').unwrap_or((argument, "daemon"));
        let number = FACILITIES.iter().find(|(name, _)| *name == facility);
        let Some((_, number)) = number else {
            let names: Vec<_> = FACILITIES.iter().map(|(name, _)| *name).collect();
            return Err(Fault::new(
                format!("syslog has no facility \"{facility}\""),
                format!("write one of {}", names.join(", ")),
            ));
        };
        Ok(Self::Syslog { ident: if ident.is_empty() { "rsgi" } else { ident }.to_owned(), facility: number << 3 })
    }
}

impl LogRoute {
    /// Reads `NAME PATTERN`.
    pub(crate) fn read(value: &Value<'_>, requests: bool) -> Result<Self, Fault> {
        let text = value.word()?;
        let parts = text.split_once(' ').map(|(logger, pattern)| (logger, pattern.trim_start()));
        let Some((logger, pattern)) = parts.filter(|(_, pattern)| !pattern.is_empty()) else {
            return Err(Fault::new("expected a logger's name and a regular expression", "write NAME PATTERN"));
        };
        Ok(Self { logger: logger.to_owned(), pattern: pattern.to_owned(), requests })
    }
}

impl LogEncoder {
    /// Reads `KIND[:LOGGER][ TEXT]`.
    pub(crate) fn read(value: &Value<'_>, requests: bool) -> Result<Self, Fault> {
        let text = value.word()?;
        let (head, text) = text.split_once(' ').unwrap_or((&text, ""));
        let (kind, logger) = head.split_once(':').map_or((head, None), |(kind, name)| (kind, Some(name.to_owned())));
        let text = text.to_owned();
        if matches!(kind, "format" | "json") {
            doubt_encoder(value, &text);
        }
        let step = match kind {
            "prefix" => LogStep::Prefix(text),
            "suffix" => LogStep::Suffix(text),
            "nl" => LogStep::Newline,
            "format" => LogStep::Format(text),
            "json" => LogStep::Json(text),
            other => {
                return Err(Fault::new(
                    format!("there is no encoder \"{other}\""),
                    "write one of prefix TEXT, suffix TEXT, nl, format TEXT, json TEXT",
                ));
            }
        };
        Ok(Self { logger, requests, step })
    }
}

/// Remarks on names of `log-format` that nothing can ever stand for. Others may be what the application sets.
pub(crate) fn doubt_template(value: &Value<'_>) {
    let names = value.text().split("%(").skip(1).filter_map(|rest| rest.split_once(')'));
    for (name, _) in names.filter(|(name, _)| name.starts_with("metric.")) {
        value.remark(Fault::new(
            format!("%({name}) is always \"-\": there are no metrics of uWSGI's"),
            "leave it out; the option metrics counts for Prometheus",
        ));
    }
}

/// Remarks on names of an encoder that stay as they are written.
fn doubt_encoder(value: &Value<'_>, text: &str) {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    let is_known = |name: &str| ["msg", "msgnl", "unix", "micros"].contains(&name) || name.starts_with("strftime:");
    for (name, _) in names.filter(|(name, _)| !is_known(name)) {
        value.remark(Fault::new(
            format!("nothing stands for ${{{name}}}, which is written as it is"),
            "write one of ${msg}, ${msgnl}, ${unix}, ${micros}, ${strftime:FORMAT}",
        ));
    }
}

/// As it is written.
impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio => f.write_str("stdio"),
            Self::Fd(number) => write!(f, "fd:{number}"),
            Self::File { path, .. } => write!(f, "file:{}", path.display()),
            Self::Socket { address, .. } => write!(f, "socket:{address}"),
            Self::Syslog { ident, .. } => write!(f, "syslog:{ident}"),
            Self::Rsyslog { address, ident, .. } => write!(f, "rsyslog:{address},{ident}"),
            Self::Journal => f.write_str("journald"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logger(text: &str) -> Result<Logger, String> {
        Logger::read(&Value::new(text), false).map_err(|fault| fault.problem)
    }

    #[test]
    fn loggers() {
        insta::assert_debug_snapshot!(
            [
                "file:/var/log/a b.log",
                "mine file:a.log",
                "file:logfile=a.log,maxsize=100,backupname=b.log",
                "file:logfile=a.log,size=100",
                r"file:maxsize=100,logfile=a\,b.log",
                "file:maxsize=100",
                "file:a=b.log",
                "stdio",
                "fd:7",
                "socket:127.0.0.1:1717",
                "socket:127.0.0.1:1717,shop: ",
                "syslog",
                "s syslog:shop,local3",
                "rsyslog:10.0.0.1,shop",
                "rsyslog:10.0.0.1:514,shop,30",
                "systemd",
                "redislog:x",
                "file",
                "fd:x",
                "syslog:a,none",
            ]
            .map(logger)
        );
    }

    #[test]
    fn places_are_named_as_they_are_written() {
        for text in
            ["stdio", "fd:7", "file:a b.log", "socket:/dev/log", "syslog:shop", "rsyslog:10.0.0.1:514,shop", "journald"]
        {
            assert_eq!(logger(text).unwrap().target.to_string(), text);
        }
    }

    #[test]
    fn encoders_and_routes() {
        let encoder = |text| LogEncoder::read(&Value::new(text), false).map_err(|fault| fault.problem);
        let route = |text| LogRoute::read(&Value::new(text), true).map_err(|fault| fault.problem);
        insta::assert_debug_snapshot!((
            ["prefix [a]", "json:mine {\"m\":\"${msg}\"}", "nl", "gzip"].map(encoder),
            ["mine  ^GET .* /x", "mine"].map(route)
        ));
    }
}
