//! Charts as plain SVG, readable on light and dark pages.

use std::fmt::Write as _;

use super::results::Results;
use super::servers::OURS;
use super::summary::{CPU, Measure, P99, RATE, SLOW, WHOLE, figure};

/// One chart: a panel for each group that has figures, each panel on a scale of its own.
pub(super) struct Chart {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    measure: &'static Measure,
}

pub(super) const CHARTS: [Chart; 5] = [
    Chart { file: "benchmarks-rate.svg", title: "Requests a second, closed loop (longer is better)", measure: &RATE },
    Chart {
        file: "benchmarks-cpu.svg",
        title: "CPU time of a request, closed loop (shorter is better)",
        measure: &CPU,
    },
    Chart { file: "benchmarks-latency.svg", title: "p99 at a fixed rate (shorter is better)", measure: &P99 },
    Chart { file: "benchmarks-memory.svg", title: "Memory of the whole server (shorter is better)", measure: &WHOLE },
    Chart { file: "benchmarks-slow.svg", title: "p99 beside slow clients (shorter is better)", measure: &SLOW },
];

const WIDTH: usize = 880;
const PANEL: usize = WIDTH / 2;
/// Height of a bar with the gap below it.
const BAR: usize = 22;
/// Where bars begin in a panel, and how long the longest is.
const LEFT: usize = 80;
const LONGEST: f64 = 240.0;
const HEAD: usize = 44;

const STYLE: &str = "\
<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.panel{font-weight:600}\
.other{fill:#8493a8}.ours{fill:#c2410c}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.other{fill:#7d8ea5}.ours{fill:#fb923c}}</style>";

pub(super) fn chart(results: &Results, chart: &Chart) -> String {
    let mut panels = Vec::new();
    for group in &results.groups {
        let figures = group.servers.iter().filter_map(|row| Some((row.server.as_str(), (chart.measure.of)(row)?)));
        let figures: Vec<(&str, f64)> = figures.collect();
        if !figures.is_empty() {
            panels.push((group.title(), figures));
        }
    }
    let tallest = panels.iter().map(|(_, figures)| figures.len()).max().unwrap_or_default();
    let panel_height = BAR * (tallest + 2);
    let height = HEAD + panels.len().div_ceil(2) * panel_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{0}</title>\n{STYLE}\n<text class=\"title\" x=\"8\" y=\"22\">{0}</text>\n",
        chart.title
    );
    for (number, (title, figures)) in panels.iter().enumerate() {
        let (x, y) = (8 + number % 2 * PANEL, HEAD + number / 2 * panel_height);
        let _ = writeln!(svg, "<text class=\"panel\" x=\"{x}\" y=\"{}\">{title}</text>", y + 12);
        let most = figures.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        for (row, (server, value)) in figures.iter().enumerate() {
            let (top, length) = (y + BAR * (row + 1), (value / most * LONGEST).max(1.0));
            let class = if *server == OURS { "ours" } else { "other" };
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{}\">{server}</text><rect class=\"{class}\" x=\"{}\" y=\"{top}\" width=\"{length:.1}\" height=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                top + 13,
                x + LEFT,
                BAR - 5,
                (x + LEFT + 6) as f64 + length,
                top + 13,
                figure(chart.measure, *value)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
