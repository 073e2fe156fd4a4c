//! The outcome of a drill, as a table.

use super::client::Outcome;
use super::load::Tally;

const HEAD: [&str; 9] = ["scene", "door", "sent", "answered", "failed", "retried", "p50 ms", "p99 ms", "p99.9 ms"];

/// In a few words.
pub(super) fn summary(tally: &Tally) -> String {
    let bad = failures(tally, |_, outcome| outcome == Outcome::Answered);
    let bad = if bad.is_empty() { String::new() } else { format!(", {bad}") };
    format!("{} sent, {} answered{bad}", tally.sent(), tally.answered())
}

/// What is not allowed, counted; empty when all is well.
pub(super) fn failures(tally: &Tally, is_allowed: impl Fn(bool, Outcome) -> bool) -> String {
    let bad = tally.outcomes.iter().filter(|((is_post, outcome), _)| !is_allowed(*is_post, *outcome));
    let words = bad.map(|((is_post, outcome), count)| {
        let method = if *is_post { "POST" } else { "GET" };
        match outcome {
            Outcome::Status(status) => format!("{count} {method} got {status}"),
            outcome => {
                format!("{count} {method} {outcome:?}").to_lowercase().replace("post", "POST").replace("get", "GET")
            }
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Prints all rows.
pub(super) fn print(rows: &[(&str, &str, Tally)], markdown: bool) {
    let mut table: Vec<Vec<String>> = vec![HEAD.map(String::from).into()];
    for (scene, door, tally) in rows {
        let mut row = vec![(*scene).to_owned(), (*door).to_owned()];
        row.extend(
            [tally.sent(), tally.answered(), tally.sent() - tally.answered(), tally.retried].map(|n| n.to_string()),
        );
        row.extend([0.5, 0.99, 0.999].map(|part| format!("{:.1}", tally.percentile(part))));
        table.push(row);
    }
    let width = |column: usize| table.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
        let line = cells.collect::<Vec<_>>().join(if markdown { " | " } else { "  " });
        text += &if markdown { format!("| {line} |\n") } else { format!("{}\n", line.trim_end()) };
        if markdown && number == 0 {
            text += &format!("|{}\n", "---|".repeat(HEAD.len()));
        }
    }
    eprint!("{text}");
}
