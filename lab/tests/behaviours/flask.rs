//! What is asked of Flask alone: JSON, server-sent events.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Behaviour;
use crate::ask::Visit;

pub(crate) static BEHAVIOURS: &[Behaviour] =
    &[Behaviour { name: "JSON", ask: json }, Behaviour { name: "server-sent events", ask: events }];

fn json(visit: &Visit) -> Result<()> {
    let request = visit.request(Method::POST, "api/sum").json(&json!({"numbers": [1, 2, 39]}));
    let answer: Value = visit.send(request, 200)?.json()?;
    ensure!(answer == json!({"sum": 42}), "{answer}");
    Ok(())
}

/// Three come one after the other, not all at the end: between the first and the last lie 0.8 seconds.
fn events(visit: &Visit) -> Result<()> {
    let answer = visit.get("events", 200)?;
    let mut times = Vec::new();
    for line in BufReader::new(answer).lines() {
        if line?.starts_with("data: ") {
            times.push(Instant::now());
        }
    }
    ensure!(times.len() == 3, "{} events", times.len());
    let apart = times.last().context("an event")?.duration_since(times[0]);
    ensure!(
        apart > Duration::from_millis(500),
        "somebody has collected them: {apart:?} between the first and the last"
    );
    Ok(())
}
