//! The log: one line a fact, written to standard error at once and in one piece.
//!
//! A logging thread would not survive `fork`, so every line is one `write` by whoever has something to say. Lines of our own
//! come through `tracing`; lines that are to stay byte for byte (tracebacks, request lines) through [`line`].

pub mod request;
pub mod sink;

use std::fmt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use rsgi_config::{Config, Logging};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// `strftime` format of the date in front of each line, when one is wanted.
static DATE: OnceLock<String> = OnceLock::new();

/// uWSGI's date in front of a line.
const STANDARD_DATE: &str = "%a %b %e %H:%M:%S %Y";

/// Opens the log. Call once per process, first thing; lines before that are lost.
pub fn open() {
    let subscriber = tracing_subscriber::registry().with(Lines);
    // A second call would be a defect of ours, and the first subscriber serves as well.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Puts the date in front of every line from now on (`log-date`); an empty format is uWSGI's.
pub fn date_lines(format: Option<&str>) {
    if let Some(format) = format {
        let format = if format.is_empty() { STANDARD_DATE } else { format };
        DATE.get_or_init(|| format!("{format} - "));
    }
}

/// Opens the log file anew, after it was moved away. Nothing happens when the log is no file.
pub fn reopen(config: &Config) {
    let log = &config.log;
    // In the order of the start, the last one wins there too.
    let paths = [&log.daemonize2, &log.daemonize, &log.to2, &log.to];
    let Some(path) = paths.into_iter().find_map(Option::as_ref) else { return };
    let kept = Logging { truncate: false, ..log.clone() };
    let opened = sink::open_file(&config.start_dir.join(path), &kept).and_then(sink::redirect);
    if let Err(error) = opened {
        tracing::warn!("the log cannot be opened anew: {error}");
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
    let mut line = date().into_bytes();
    line.extend_from_slice(text);
    line.push(b'\n');
    sink::write(&line);
}

fn date() -> String {
    let Some(format) = DATE.get() else { return String::new() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    rsgi_sys::date::local(format, i64::try_from(now).unwrap_or_default())
}

/// The layer that turns events into lines.
#[derive(Debug)]
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("rsgi")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = match *event.metadata().level() {
            Level::ERROR => "error: ".to_owned(),
            Level::WARN => "warning: ".to_owned(),
            _ => String::new(),
        };
        event.record(&mut Text(&mut text));
        line(text.as_bytes());
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
        for c in text.chars() {
            // What a client or an application said must not look like a line of ours, nor steer a terminal.
            if c.is_control() { self.0.extend(c.escape_default()) } else { self.0.push(c) }
        }
    }
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
    fn an_event_is_one_line() {
        assert_eq!(text(|| tracing::info!(pid = 7, "worker {} ready", 1)), "worker 1 ready pid=7");
        assert_eq!(text(|| tracing::info!("a\nforged \x1b[31mline é")), "a\\nforged \\u{1b}[31mline é");
    }
}
