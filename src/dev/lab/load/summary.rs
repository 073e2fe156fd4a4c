//! What the rounds of a server sum up to, measure by measure.

use super::results::{Group, Row, Sample, median};

/// A figure of a server in a group.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) more_is_better: bool,
    pub(super) of: fn(&Row) -> Option<f64>,
}

pub(super) const RATE: Measure =
    Measure { name: "requests/s", unit: "", more_is_better: true, of: |row| median(&row.closed, Sample::rate) };
pub(super) const CPU: Measure =
    Measure { name: "CPU", unit: "\u{b5}s", more_is_better: false, of: |row| median(&row.closed, |sample| sample.cpu) };
pub(super) const NGINX: Measure = Measure {
    name: "CPU of nginx",
    unit: "\u{b5}s",
    more_is_better: false,
    of: |row| median(&row.closed, |sample| sample.nginx_cpu.unwrap_or_default()).filter(|micros| *micros > 0.0),
};
pub(super) const FIXED_CPU: Measure =
    Measure { name: "CPU", unit: "\u{b5}s", more_is_better: false, of: |row| median(&row.fixed, |sample| sample.cpu) };
pub(super) const P50: Measure = millis("p50", |row| median(&row.fixed, |sample| sample.p50 as f64 / 1e3));
pub(super) const P99: Measure = millis("p99", |row| median(&row.fixed, |sample| sample.p99 as f64 / 1e3));
pub(super) const P999: Measure = millis("p99.9", |row| median(&row.fixed, |sample| sample.p999 as f64 / 1e3));
pub(super) const RSS: Measure = megabytes("RSS of a worker", |row| size(row.memory.rss));
pub(super) const PRIVATE: Measure = megabytes("its own of that", |row| size(row.memory.private));
pub(super) const WHOLE: Measure = megabytes("the whole server", |row| size(row.memory.whole));
pub(super) const SLOW: Measure = millis("p99", |row| median(&row.slow, |sample| sample.p99 as f64 / 1e3));
pub(super) const RELOAD: Measure = millis("p99", |row| median(&row.reload, |sample| sample.p99 as f64 / 1e3));
pub(super) const SLOW_FAILED: Measure = failed(|row| lost(&row.slow));
pub(super) const RELOAD_FAILED: Measure = failed(|row| lost(&row.reload));
pub(super) const FAILED: Measure =
    failed(|row| Some(lost(&row.closed).unwrap_or_default() + lost(&row.fixed).unwrap_or_default()));

const fn millis(name: &'static str, of: fn(&Row) -> Option<f64>) -> Measure {
    Measure { name, unit: "ms", more_is_better: false, of }
}

const fn megabytes(name: &'static str, of: fn(&Row) -> Option<f64>) -> Measure {
    Measure { name, unit: "MB", more_is_better: false, of }
}

const fn failed(of: fn(&Row) -> Option<f64>) -> Measure {
    Measure { name: "failed", unit: "", more_is_better: false, of }
}

fn size(kilobytes: u64) -> Option<f64> {
    Some(kilobytes as f64 / 1024.0)
}

/// Requests that failed, in all rounds.
fn lost(samples: &[Sample]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().map(Sample::failures).sum::<u64>() as f64)
}

/// Closer than this, two servers are called equal.
const NOISE: f64 = 0.05;

/// Who is better than rsgi in a measure, best first, each with its figure.
pub(super) fn better<'a>(group: &'a Group, measure: &Measure) -> Vec<(&'a str, f64)> {
    let Some(ours) = group.row(super::servers::OURS).and_then(|row| (measure.of)(row)) else { return Vec::new() };
    let wins = |value: f64| {
        if measure.more_is_better { value > ours * (1.0 + NOISE) } else { value < ours * (1.0 - NOISE) }
    };
    let figures = group.servers.iter().filter_map(|row| Some((row.server.as_str(), (measure.of)(row)?)));
    let mut found: Vec<_> = figures.filter(|(_, value)| wins(*value)).collect();
    found.sort_by(|(_, left), (_, right)| left.total_cmp(right));
    if measure.more_is_better {
        found.reverse();
    }
    found
}

/// As many digits as say something.
pub(super) fn number(value: f64) -> String {
    match value {
        _ if value == 0.0 => "0".to_owned(),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A figure with its unit.
pub(super) fn figure(measure: &Measure, value: f64) -> String {
    let text = if measure.name == "failed" { format!("{value:.0}") } else { number(value) };
    if measure.unit.is_empty() { text } else { format!("{text} {}", measure.unit) }
}

impl Group {
    pub(super) fn row(&self, server: &str) -> Option<&Row> {
        self.servers.iter().find(|row| row.server == server)
    }

    /// As it is called where people read it.
    pub(super) fn title(&self) -> String {
        let app = match self.app.as_str() {
            "hello" => "hello",
            "flask" => "Flask",
            "django" => "Django",
            other => other,
        };
        format!("{app}, {}", if self.door == "nginx" { "behind nginx" } else { "direct" })
    }
}
