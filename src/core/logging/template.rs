//! `log-format`: a request line of the user's own, compiled once.
//!
//! Source: uWSGI 2.0, "Formatting uWSGI requests logs". A name that nothing stands for is written as `-`, as is an empty value.

use std::io::Write;

use super::request::{Line, escape};
use super::usage::Usage;

/// A compiled `log-format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// Texts pass through `strftime` (`log-format-strftime`).
    strftime: bool,
    /// Some part tells of memory, which takes a look into `/proc`.
    needs_usage: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Fact(Fact),
    /// A variable of the request (`%(var.HTTP_X)`).
    Var(Vec<u8>),
    /// What the application has set under this name (`uwsgi.set_logvar`).
    Note(Vec<u8>),
    /// An id of the request's trace, unless the application has set something under its name.
    Trace(Id),
}

/// An id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Trace,
    Span,
}

/// What can be told of a request without asking for it by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Uri,
    Method,
    User,
    Addr,
    Proto,
    Status,
    Micros,
    Msecs,
    Secs,
    /// Start, seconds since the epoch.
    Time,
    TimeMillis,
    TimeMicros,
    Ctime,
    /// Start, as Apache writes it.
    LocalTime,
    /// Now, seconds since the epoch.
    Epoch,
    /// Head and body of the answer, bytes.
    Size,
    HeadSize,
    BodySize,
    ContentLength,
    Pid,
    Worker,
    Switches,
    Vars,
    Headers,
    Core,
    Rss,
    RssMb,
    Vsz,
    VszMb,
    PacketSize,
    /// There is one kind of application: 0.
    Modifier,
    ReadErrors,
    WriteErrors,
    IoErrors,
}

const FACTS: &[(&str, Fact)] = &[
    ("uri", Fact::Uri),
    ("method", Fact::Method),
    ("user", Fact::User),
    ("addr", Fact::Addr),
    ("proto", Fact::Proto),
    ("status", Fact::Status),
    ("micros", Fact::Micros),
    ("msecs", Fact::Msecs),
    ("secs", Fact::Secs),
    ("time", Fact::Time),
    ("tmsecs", Fact::TimeMillis),
    ("tmicros", Fact::TimeMicros),
    ("ctime", Fact::Ctime),
    ("ltime", Fact::LocalTime),
    ("ftime", Fact::LocalTime),
    ("epoch", Fact::Epoch),
    ("size", Fact::Size),
    ("hsize", Fact::HeadSize),
    ("rsize", Fact::BodySize),
    ("cl", Fact::ContentLength),
    ("pid", Fact::Pid),
    ("wid", Fact::Worker),
    ("switches", Fact::Switches),
    ("vars", Fact::Vars),
    ("headers", Fact::Headers),
    ("core", Fact::Core),
    ("rss", Fact::Rss),
    ("rssM", Fact::RssMb),
    ("vsz", Fact::Vsz),
    ("vszM", Fact::VszMb),
    ("pktsize", Fact::PacketSize),
    ("modifier1", Fact::Modifier),
    ("modifier2", Fact::Modifier),
    ("rerr", Fact::ReadErrors),
    ("werr", Fact::WriteErrors),
    ("ioerr", Fact::IoErrors),
];

/// Names that are variables of the request.
const VARS: &[(&str, &[u8])] = &[("host", b"HTTP_HOST"), ("uagent", b"HTTP_USER_AGENT"), ("referer", b"HTTP_REFERER")];

impl Template {
    /// Compiles `text`; whatever is no `%(name)` stands for itself.
    #[must_use]
    pub fn new(text: &str, strftime: bool) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("%(") {
            let (before, behind) = rest.split_at(start);
            let Some(end) = behind.find(')') else { break };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::named(behind.get(2..end).unwrap_or_default()));
            rest = behind.get(end + 1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let of_memory = |part: &Part| matches!(part, Part::Fact(Fact::Rss | Fact::RssMb | Fact::Vsz | Fact::VszMb));
        let needs_usage = parts.iter().any(of_memory);
        Self { parts, strftime, needs_usage }
    }

    /// Appends the line and its newline.
    pub fn write(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        let usage = if self.needs_usage { Usage::here() } else { Usage::default() };
        for part in &self.parts {
            match part {
                Part::Text(text) => self.write_text(text, line, out),
                Part::Fact(fact) => fact.write(line, usage, out),
                Part::Var(key) => value(line.asked.var(key), out),
                Part::Note(name) => value(line.asked.note(name), out),
                Part::Trace(id) => value(line.asked.note(id.name()).or_else(|| id.of(line)), out),
            }
        }
        out.push(b'\n');
    }

    fn write_text(&self, text: &str, line: &Line<'_>, out: &mut Vec<u8>) {
        let dated = (self.strftime && text.contains('%')).then(|| local(text, line.began));
        let dated = dated.filter(|dated| !dated.is_empty());
        out.extend_from_slice(dated.as_deref().unwrap_or(text).as_bytes());
    }
}

impl Part {
    fn named(name: &str) -> Self {
        let fact = FACTS.iter().find(|(known, _)| *known == name);
        let var = VARS.iter().find(|(known, _)| *known == name);
        match (fact, var, name.strip_prefix("var.")) {
            (Some((_, fact)), ..) => Self::Fact(*fact),
            (_, Some((_, key)), _) => Self::Var(key.to_vec()),
            (.., Some(key)) => Self::Var(key.into()),
            _ if name.as_bytes() == Id::Trace.name() => Self::Trace(Id::Trace),
            _ if name.as_bytes() == Id::Span.name() => Self::Trace(Id::Span),
            _ => Self::Note(name.into()),
        }
    }
}

impl Id {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Trace => b"traceid",
            Self::Span => b"spanid",
        }
    }

    fn of<'a>(self, line: &Line<'a>) -> Option<&'a [u8]> {
        let parent = line.parent()?;
        Some(match self {
            Self::Trace => parent.trace_id,
            Self::Span => parent.span_id,
        })
    }
}

impl Fact {
    fn write(self, line: &Line<'_>, usage: Usage, out: &mut Vec<u8>) {
        const MIB: u64 = 1 << 20;
        let number = match self {
            Self::Uri => return value(Some(line.uri), out),
            Self::Method => return value(Some(line.method), out),
            Self::User => return value(Some(line.user), out),
            Self::Addr => return value(Some(line.addr), out),
            Self::Proto => return value(Some(line.protocol), out),
            Self::Ctime => return value(Some(line.time.as_bytes()), out),
            Self::LocalTime => return value(Some(local("%d/%b/%Y:%H:%M:%S %z", line.began).as_bytes()), out),
            Self::ContentLength => return write_length(line.asked.var(b"CONTENT_LENGTH"), out),
            Self::Status => line.status.into(),
            Self::Micros => line.micros,
            Self::Msecs => line.micros / 1000,
            Self::Secs => {
                let (seconds, fraction) = (line.micros / 1_000_000, line.micros % 1_000_000);
                return out.extend_from_slice(format!("{seconds}.{fraction:06}").as_bytes());
            }
            Self::Time => line.began / 1_000_000,
            Self::TimeMillis => line.began / 1000,
            Self::TimeMicros => line.began,
            Self::Epoch => line.began.saturating_add(line.micros) / 1_000_000,
            Self::Size => line.head_bytes.saturating_add(line.generated),
            Self::HeadSize => line.head_bytes,
            Self::BodySize => line.generated,
            Self::Pid => line.pid.into(),
            Self::Worker => line.worker.into(),
            Self::Switches => line.switches.into(),
            // Keys and values, as uWSGI counts.
            Self::Vars => line.vars as u64 * 2,
            Self::Headers => line.headers.into(),
            Self::Core => line.core.into(),
            Self::Rss => usage.rss,
            Self::RssMb => usage.rss / MIB,
            Self::Vsz => usage.vsz,
            Self::VszMb => usage.vsz / MIB,
            Self::PacketSize => line.vars_bytes as u64,
            Self::Modifier => 0,
            Self::ReadErrors => u64::from(line.read_failed),
            Self::WriteErrors => u64::from(line.write_failed),
            Self::IoErrors => u64::from(line.read_failed) + u64::from(line.write_failed),
        };
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

/// The announced length of a request's body; 0 without.
fn write_length(announced: Option<&[u8]>, out: &mut Vec<u8>) {
    match announced {
        Some(length) if !length.is_empty() => escape(out, length),
        _ => out.push(b'0'),
    }
}

fn value(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        // A quote in a value must not end a quoted field of the line.
        Some(value) if !value.is_empty() => {
            let start = out.len();
            escape(out, value);
            if out.get(start..).is_some_and(|written| written.contains(&b'"')) {
                let written = out.split_off(start);
                for byte in written {
                    if byte == b'"' { drop(out.write_all(b"\\x22")) } else { out.push(byte) }
                }
            }
        }
        _ => out.push(b'-'),
    }
}

fn local(format: &str, micros: u64) -> String {
    rsgi_sys::date::local(format, i64::try_from(micros / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::request::tests::{LINE, Spoken};

    fn text(template: &str) -> String {
        let mut out = Vec::new();
        let said =
            Spoken(&[("HTTP_HOST", "a.example"), ("HTTP_X", "it's \"x\""), ("CONTENT_LENGTH", "12")], &[("uid", "7")]);
        Template::new(template, false).write(&Line { asked: &said, ..LINE }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_fact_has_its_name() {
        insta::assert_snapshot!(text(
            "%(addr) %(user) %(method) %(uri) %(proto) %(status) %(host) %(uagent) %(referer) %(cl)|%(micros) %(msecs) %(secs)|\
             %(time) %(tmsecs) %(tmicros) %(ctime) %(epoch)|%(size) %(hsize) %(rsize)|%(pid) %(wid) %(core) %(switches)|\
             %(vars) %(pktsize) %(headers)|%(modifier1) %(modifier2)|%(rerr) %(werr) %(ioerr)"
        ));
        let memory = text("%(rss) %(rssM) %(vsz) %(vszM)");
        let numbers: Vec<u64> = memory.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert!(numbers[0] > 0 && numbers[2] >= numbers[0] && numbers[1] == numbers[0] >> 20, "{memory}");
    }

    #[test]
    fn variables_notes_and_unknown_names() {
        assert_eq!(text("%(var.HTTP_X)|%(var.NONE)|%(uid)|%(none)"), "it's \\x22x\\x22|-|7|-\n");
    }

    #[test]
    fn traces_unless_the_application_has_a_word_of_its_own() {
        let text = |parent: &'static str, notes| {
            let said = Spoken(Box::leak(Box::new([("HTTP_TRACEPARENT", parent)])), notes);
            let mut out = Vec::new();
            Template::new("%(traceid) %(spanid)", false).write(&Line { asked: &said, ..LINE }, &mut out);
            String::from_utf8(out).unwrap()
        };
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(text(parent, &[]), "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331\n");
        assert_eq!(text(parent, &[("traceid", "mine")]), "mine b7ad6b7169203331\n");
        assert_eq!(text("nonsense", &[]), "- -\n");
    }

    #[test]
    fn what_is_no_name_stands_for_itself() {
        assert_eq!(text("100% (a) %(status"), "100% (a) %(status\n");
        assert_eq!(text(""), "\n");
    }

    #[test]
    fn dates_within_the_text() {
        let mut out = Vec::new();
        Template::new("%s %(status) %%", true).write(&Line { began: 1_795_374_121_000_000, ..LINE }, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "1795374121 200 %\n");
    }
}
