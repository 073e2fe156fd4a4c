//! Prints what was measured, and how it stands to the goals.

use super::measure::Sample;
use super::servers::{DIRECT, Page, ROUTED};

/// One server's line.
pub(crate) struct Row {
    name: &'static str,
    median: f64,
    best: f64,
    rate: f64,
}

impl Row {
    /// Sums up the samples of one server, at least one.
    pub(crate) fn new(name: &'static str, samples: &[Sample]) -> Self {
        let mut micros: Vec<f64> = samples.iter().map(|sample| sample.micros).collect();
        micros.sort_by(f64::total_cmp);
        let middle = micros.len() / 2;
        let median =
            if micros.len() % 2 == 1 { micros[middle] } else { f64::midpoint(micros[middle - 1], micros[middle]) };
        let rate = samples.iter().map(|sample| sample.rate).fold(0.0, f64::max);
        Self { name, median, best: micros[0], rate }
    }
}

/// Prints the table of one page, with the ratio of both ways of rsgi to each server (by median), then the goals.
#[expect(clippy::print_stdout, reason = "the table is the command's result")]
pub(crate) fn print(page: &Page, rows: &[Row], markdown: bool) {
    let median = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.median);
    let ratio =
        |ours: &str, peer: f64| median(ours).map_or_else(|| "-".to_owned(), |ours| format!("{:.2}", ours / peer));
    let heads = ["server", "CPU \u{b5}s median", "best", "requests/s", "http-socket :", "http :"];
    let line = |cells: [String; 6]| {
        if markdown {
            println!("| {} |", cells.join(" | "));
        } else {
            let [name, numbers @ ..] = cells;
            println!("{name:<20} {}", numbers.map(|cell| format!("{cell:>14}")).join(" "));
        }
    };
    println!("\n{}{}\n", if markdown { "### " } else { "" }, page.name);
    line(heads.map(str::to_owned));
    if markdown {
        println!("|---|---:|---:|---:|---:|---:|");
    }
    for row in rows {
        line([
            row.name.to_owned(),
            format!("{:.1}", row.median),
            format!("{:.1}", row.best),
            format!("{:.0}", row.rate),
            ratio(DIRECT, row.median),
            ratio(ROUTED, row.median),
        ]);
    }
    println!();
    for (ours, peer, most) in page.goals {
        if let (Some(own), Some(other)) = (median(ours), median(peer)) {
            let found = own / other;
            let verdict = if found <= *most { "reached" } else { "missed" };
            println!("{}{ours} : {peer} = {found:.2}, goal {most:.2}, {verdict}", if markdown { "* " } else { "" });
        }
    }
}
