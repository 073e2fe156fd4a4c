//! The log: one line a fact, written to standard error at once and in one piece.
//!
//! A logging thread would not survive `fork`, so every line is one `write` by whoever has something to say. Lines of our own
//! come through `tracing`; lines that are to stay byte for byte (tracebacks, request lines) through [`line`].

pub mod collector;
pub mod episode;
pub mod form;
mod json;
pub mod memo;
mod packet;
pub mod panics;
pub mod refusal;
pub mod request;
pub mod sink;
mod template;
pub mod usage;

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rsgi_config::{Config, Logging};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use json::Object;

/// How lines look in this process, once the configuration is known.
static DRESS: OnceLock<Dress> = OnceLock::new();

/// How lines look.
#[derive(Debug)]
enum Dress {
    /// As they are, with the date in this `strftime` format in front (`log-date`).
    Plain(Option<String>),
    /// One JSON object each (`log-json`).
    Json,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Something failed.
    Error,
    /// Something is wrong.
    Warning,
    /// Good to know.
    Info,
}

impl Weight {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// Stands in front of a plain line.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Error => "error: ",
            Self::Warning => "warning: ",
            Self::Info => "",
        }
    }
}

/// uWSGI's date in front of a line.
const STANDARD_DATE: &str = "%a %b %e %H:%M:%S %Y";

/// Opens the log. Call once per process, first thing; lines before that are lost.
pub fn open() {
    let subscriber = tracing_subscriber::registry().with(Lines);
    // A second call would be a defect of ours, and the first subscriber serves as well.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panics::watch();
}

/// Gives lines the looks that the options ask for, from now on.
pub fn dress(log: &Logging) {
    let date = log.date.as_deref().map(|format| if format.is_empty() { STANDARD_DATE } else { format });
    DRESS.get_or_init(|| if log.json { Dress::Json } else { Dress::Plain(date.map(|format| format!("{format} - "))) });
}

/// Opens the log file anew, after it was moved away. Nothing happens when the log is no file.
pub fn reopen(config: &Config) {
    let log = &config.log;
    if collector::is_wanted(log) {
        // The master's thread has the files.
        collector::reopen();
        return;
    }
    // In the order of the start, the last one wins there too.
    let paths = [&log.daemonize2, &log.daemonize, &log.to2, &log.to];
    let Some(path) = paths.into_iter().find_map(Option::as_ref) else { return };
    let kept = Logging { truncate: false, ..log.clone() };
    let is_second = [&log.to2, &log.daemonize2].into_iter().flatten().any(|second| second == path);
    let path = if is_second { config.inside(path) } else { config.start_dir.join(path) };
    let opened = sink::open_file(&path, &kept).and_then(sink::redirect);
    if let Err(error) = opened {
        tracing::warn!("the log cannot be opened anew: {error}");
    }
}

/// [`reopen`] for the processes of a master. Those that have changed their root directory cannot see the file.
pub fn reopen_inside(config: &Config) {
    if config.process.chroot.is_some() {
        tracing::warn!(
            "inside chroot the log cannot be opened anew: this process writes to the old file until a reload"
        );
    } else {
        reopen(config);
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Writes one line as it is (the date aside). `text` comes without its newline.
pub fn line(text: &[u8]) {
    record(Weight::Info, text);
}

/// Writes what belongs together, a line or several, in one piece. `text` comes without its last newline.
pub fn record(weight: Weight, text: &[u8]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sink::write(&dressed(DRESS.get(), now, weight, text));
    memo::note(weight, text);
}

/// A member of a record's object under `log-json`.
#[derive(Debug, Clone, Copy)]
enum Member<'a> {
    /// Left out when it is empty.
    Text(&'a str),
    Number(u64),
}

/// Writes a fact that programs look for: under `log-json` an object with a type and members of its own, else `plain`.
fn fact(weight: Weight, kind: &str, message: &str, plain: &str, members: &[(&str, Member<'_>)]) {
    sink::write(&dressed_fact(DRESS.get(), weight, kind, message, plain, members));
    memo::note(weight, plain.as_bytes());
}

fn dressed_fact(
    dress: Option<&Dress>,
    weight: Weight,
    kind: &str,
    message: &str,
    plain: &str,
    members: &[(&str, Member<'_>)],
) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if !matches!(dress, Some(Dress::Json)) {
        return dressed(dress, now, weight, format!("{}{plain}", weight.prefix()).as_bytes());
    }
    let mut out = Vec::with_capacity(256);
    let mut object = begin(&mut out, now, weight);
    object.text("type", kind.as_bytes());
    object.text("message", message.as_bytes());
    for (name, member) in members {
        match member {
            Member::Text(text) => object.some_text(name, Some(text.as_bytes())),
            Member::Number(number) => object.number(name, *number),
        }
    }
    object.end();
    out
}

fn begin(out: &mut Vec<u8>, now: Duration, weight: Weight) -> Object<'_> {
    let mut object = Object::begin(out, u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    object.text("level", weight.name().as_bytes());
    object.number("pid", std::process::id().into());
    object
}

fn dressed(dress: Option<&Dress>, now: Duration, weight: Weight, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 128);
    match dress {
        Some(Dress::Json) => {
            let mut object = begin(&mut out, now, weight);
            object.text("message", text);
            object.end();
        }
        Some(Dress::Plain(Some(format))) => {
            let date = rsgi_sys::date::local(format, i64::try_from(now.as_secs()).unwrap_or_default());
            for line in text.split(|&byte| byte == b'\n') {
                out.extend_from_slice(date.as_bytes());
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        Some(Dress::Plain(None)) | None => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
    }
    out
}

/// The layer that turns events into lines.
#[derive(Debug)]
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("rsgi")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let weight = match *event.metadata().level() {
            Level::ERROR => Weight::Error,
            Level::WARN => Weight::Warning,
            _ => Weight::Info,
        };
        let is_json = matches!(DRESS.get(), Some(Dress::Json));
        let mut text = if is_json { String::new() } else { weight.prefix().to_owned() };
        event.record(&mut Text(&mut text));
        record(weight, text.as_bytes());
    }
}

/// Collects message and fields as `message name=value`.
struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text =
            if field.name() == "message" { format!("{value:?}") } else { format!(" {}={value:?}", field.name()) };
        self.0.push_str(&printable(&text));
    }
}

/// What a client or an application said must not look like a line of ours, nor steer a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: impl FnOnce()) -> String {
        struct Keep(std::sync::Arc<std::sync::Mutex<String>>);
        impl<S: Subscriber> Layer<S> for Keep {
            fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
                event.record(&mut Text(&mut self.0.lock().unwrap()));
            }
        }
        let kept = std::sync::Arc::default();
        let subscriber = tracing_subscriber::registry().with(Keep(std::sync::Arc::clone(&kept)));
        tracing::subscriber::with_default(subscriber, event);
        std::mem::take(&mut kept.lock().unwrap())
    }

    #[test]
    fn an_error_tells_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(chain(&Outer(std::io::Error::other("inner"))), "outer: inner");
    }

    #[test]
    fn what_belongs_together_stays_together() {
        let text = |dress: Option<&Dress>| {
            String::from_utf8(dressed(dress, Duration::from_secs(1), Weight::Error, b"a\n  b")).unwrap()
        };
        assert_eq!(text(None), "a\n  b\n");
        assert_eq!(text(Some(&Dress::Plain(Some("%s - ".into())))), "1 - a\n1 -   b\n");
        let value: serde_json::Value = serde_json::from_str(&text(Some(&Dress::Json))).unwrap();
        assert_eq!((&value["message"], &value["level"]), (&"a\n  b".into(), &"error".into()));
        assert_eq!(
            (&value["time"], &value["pid"]),
            (&"1970-01-01T00:00:01.000000Z".into(), &std::process::id().into())
        );
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(text(|| tracing::info!(pid = 7, "worker {} ready", 1)), "worker 1 ready pid=7");
        assert_eq!(text(|| tracing::info!("a\nforged \x1b[31mline é")), "a\\nforged \\u{1b}[31mline é");
    }
}
