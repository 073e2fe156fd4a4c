//! The form of request lines: uWSGI's own, a template, or JSON.

use rsgi_config::Logging;

use super::json::Object;
use super::request::Line;
use super::template::Template;
use super::usage::Usage;

/// How request lines are written, decided once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// uWSGI's line.
    Standard {
        /// Times in microseconds (`log-micros`).
        micros: bool,
        /// Memory in front (`memory-report`).
        memory: bool,
    },
    /// `log-format`.
    Template(Template),
    /// One JSON object a line (`log-json`).
    Json,
}

impl Form {
    /// The form that the options ask for.
    #[must_use]
    pub fn of(log: &Logging) -> Self {
        match &log.format {
            Some(format) => Self::Template(Template::new(format, log.format_strftime)),
            None if log.json => Self::Json,
            None => Self::Standard { micros: log.micros, memory: log.memory_report },
        }
    }

    /// Appends a line and its newline.
    pub fn write(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Standard { micros, memory } => {
                if *memory {
                    let Usage { rss, vsz } = Usage::here();
                    let text = format!(
                        "{{address space usage: {vsz} bytes/{}MB}} {{rss usage: {rss} bytes/{}MB}} ",
                        vsz >> 20,
                        rss >> 20
                    );
                    out.extend_from_slice(text.as_bytes());
                }
                line.write(*micros, out);
            }
            Self::Template(template) => template.write(line, out),
            Self::Json => json(line, out),
        }
    }
}

/// Names as far as they exist in the Elastic Common Schema's spirit: short, flat, in snake case; times in microseconds.
fn json(line: &Line<'_>, out: &mut Vec<u8>) {
    let mut object = Object::begin(out, line.began);
    object.text("type", b"request");
    object.number("pid", line.pid.into());
    object.number("worker", line.worker.into());
    object.number("core", line.core.into());
    object.text("addr", line.addr);
    object.some_text("user", Some(line.user));
    object.text("method", line.method);
    object.text("uri", line.uri);
    object.text("protocol", line.protocol);
    object.some_text("host", line.asked.var(b"HTTP_HOST"));
    object.some_text("referer", line.asked.var(b"HTTP_REFERER"));
    object.some_text("user_agent", line.asked.var(b"HTTP_USER_AGENT"));
    object.number("status", line.status.into());
    object.number("body_bytes", line.generated);
    object.number("head_bytes", line.head_bytes);
    object.number("micros", line.micros);
    let parent = line.parent();
    object.some_text("trace_id", parent.map(|parent| parent.trace_id));
    object.some_text("span_id", parent.map(|parent| parent.span_id));
    if let Some(panic) = line.panic {
        object.text("panic", panic.to_string().as_bytes());
    }
    object.flag("read_failed", line.read_failed);
    object.flag("write_failed", line.write_failed);
    line.asked.each_note(&mut |name, value| object.noted(name, value));
    object.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::request::Via;
    use crate::logging::request::tests::{LINE, Spoken};

    fn text(log: &Logging, line: &Line<'_>) -> String {
        let mut out = Vec::new();
        Form::of(log).write(line, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn memory_stands_in_front() {
        let line = text(&Logging { memory_report: true, ..Logging::default() }, &LINE);
        let form = regex::Regex::new(
            r"^\{address space usage: \d{6,} bytes/\d+MB\} \{rss usage: \d{6,} bytes/\d+MB\} \[pid: 15255\|app: 0\|",
        );
        assert!(form.unwrap().is_match(&line), "{line}");
    }

    #[test]
    fn json_is_one_object_whatever_a_stranger_says() {
        let said = Spoken(
            &[
                ("HTTP_HOST", "a.example"),
                ("HTTP_TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("HTTP_USER_AGENT", "\"},\n{\u{1b}é"),
            ],
            &[("order", "12"), ("status", "my own")],
        );
        let line = Line { uri: b"/a\"b\xff", user: b"", via: Via::Sendfile, asked: &said, write_failed: true, ..LINE };
        let text = text(&Logging { json: true, ..Logging::default() }, &line);
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["user_agent"], "\"},\n{\u{1b}é");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_template_wins_over_json() {
        let log = Logging { format: Some("%(status)".into()), json: true, ..Logging::default() };
        assert_eq!(text(&log, &LINE), "200\n");
    }
}
