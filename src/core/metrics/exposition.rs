//! The two text formats: Prometheus' own and OpenMetrics.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4, and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>, version 1.0.0. They differ in the names of counters, in units, and in
//! the end.

use std::fmt::Write;

use crate::memory::histogram::Histogram;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`, which everybody reads.
    Text,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

/// What a family of samples is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by bounds.
    Histogram,
    /// Facts in labels.
    Info,
}

/// A document in the making.
#[derive(Debug)]
pub struct Exposition {
    format: Format,
    text: String,
    name: &'static str,
    kind: Kind,
}

impl Format {
    /// The format that an Accept field prefers (RFC 9110 §12.5.1); text for whoever does not care.
    #[must_use]
    pub fn accepted(field: &str) -> Self {
        let (mut text, mut open) = (0, 0);
        for range in field.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let (mut quality, mut version) = (1000, None);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => quality = thousandths(value.trim()),
                    "version" => version = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            if kind.eq_ignore_ascii_case("application/openmetrics-text")
                && version.is_none_or(|version| version == "1.0.0")
            {
                open = open.max(quality);
            } else if kind.eq_ignore_ascii_case("text/plain") && version.is_none_or(|version| version == "0.0.4") {
                text = text.max(quality);
            }
        }
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// Its name in a Content-Type field.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A quality value in thousandths; what is none counts as 0.
fn thousandths(value: &str) -> u32 {
    match value.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => (value * 1000.0) as u32,
        _ => 0,
    }
}

impl Exposition {
    /// An empty document.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(16 * 1024), name: "", kind: Kind::Gauge }
    }

    /// Begins a family; samples follow. `name` is without `_total` and `_info`, which counters and infos get.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        (self.name, self.kind) = (name, kind);
        let (suffix, word) = match (self.format, kind) {
            (Format::Text, Kind::Counter) => ("_total", "counter"),
            (Format::Text, Kind::Info) => ("_info", "gauge"),
            (_, Kind::Counter) => ("", "counter"),
            (_, Kind::Gauge) => ("", "gauge"),
            (_, Kind::Histogram) => ("", "histogram"),
            (Format::OpenMetrics, Kind::Info) => ("", "info"),
        };
        self.put(format_args!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {word}\n"));
        let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let Some(unit) = unit.filter(|_| self.format == Format::OpenMetrics) {
            self.put(format_args!("# UNIT {name} {unit}\n"));
        }
    }

    /// A sample of the family: a number with its labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.line(suffix, labels, None, value);
    }

    /// A sample that was counted in microseconds, told in seconds.
    pub fn seconds(&mut self, labels: &[(&str, &str)], micros: u64) {
        self.sample(labels, in_seconds(micros));
    }

    /// A whole histogram of the family.
    pub fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut seen = 0;
        let bounds = histogram.bounds.iter().map(|&bound| canonical(in_seconds(bound)));
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&histogram.counts) {
            seen += count;
            self.line("_bucket", labels, Some(&bound), seen);
        }
        self.line("_sum", labels, None, in_seconds(histogram.sum));
        self.line("_count", labels, None, seen);
    }

    /// The document.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl std::fmt::Display) {
        let name = self.name;
        self.put(format_args!("{name}{suffix}"));
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut mark = '{';
        for (name, value) in labels {
            self.put(format_args!("{mark}{name}=\""));
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
            mark = ',';
        }
        if mark == ',' {
            self.text.push('}');
        }
        self.put(format_args!(" {value}\n"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.text.write_fmt(text);
    }
}

fn in_seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

/// A bound as OpenMetrics wants it, so that the same bound has the same text everywhere.
fn canonical(seconds: f64) -> String {
    if seconds.fract() == 0.0 { format!("{seconds:.1}") } else { seconds.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::histogram::LOCK;

    #[test]
    fn the_reader_chooses() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (field, wanted) in [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"", Format::OpenMetrics),
            ("APPLICATION/OpenMetrics-Text; VERSION=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=2", Format::Text),
            ("text/html,*/*;q=0.8", Format::Text),
            ("", Format::Text),
        ] {
            assert_eq!(Format::accepted(field), wanted, "{field}");
        }
    }

    fn document(format: Format) -> String {
        let mut histogram = Histogram::new(&LOCK);
        (histogram.counts, histogram.sum) = (vec![1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1], 3_000_500);
        let mut exposition = Exposition::new(format);
        exposition.family("rsgi_build", Kind::Info, "What is running.");
        exposition.sample(&[("version", "1.2.3")], 1);
        exposition.family("rsgi_requests", Kind::Counter, "Requests.");
        exposition.sample(&[("door", "a\"b\\c\nd"), ("code", "200")], 7);
        exposition.family("rsgi_busy_seconds", Kind::Counter, "Time.");
        exposition.seconds(&[], 1_500_000);
        exposition.family("rsgi_wait_seconds", Kind::Histogram, "Waits.");
        exposition.histogram(&[("status", "2xx")], &histogram);
        exposition.finish()
    }

    #[test]
    fn both_formats() {
        insta::assert_snapshot!("text", document(Format::Text));
        insta::assert_snapshot!("openmetrics", document(Format::OpenMetrics));
    }
}
