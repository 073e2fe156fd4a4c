//! docs/benchmarks.md, from what the last whole run has found.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::chart;
use super::results::{Group, Results};
use super::servers::{OURS, SERVERS};
use super::summary::{
    CPU, FAILED, FIXED_CPU, Measure, NGINX, P50, P99, P999, PRIVATE, RATE, RELOAD, RELOAD_FAILED, RSS, SLOW,
    SLOW_FAILED, WHOLE, better, figure,
};
use crate::generate::Document;
use crate::setup;

/// Files that are made from the data of the last whole run, and what makes each.
pub(crate) const DOCUMENTS: &[Document] = &[
    ("docs/benchmarks.md", || Ok(page(&read()?))),
    ("docs/generated/benchmarks-rate.svg", || Ok(chart::chart(&read()?, &chart::CHARTS[0]))),
    ("docs/generated/benchmarks-cpu.svg", || Ok(chart::chart(&read()?, &chart::CHARTS[1]))),
    ("docs/generated/benchmarks-latency.svg", || Ok(chart::chart(&read()?, &chart::CHARTS[2]))),
    ("docs/generated/benchmarks-memory.svg", || Ok(chart::chart(&read()?, &chart::CHARTS[3]))),
    ("docs/generated/benchmarks-slow.svg", || Ok(chart::chart(&read()?, &chart::CHARTS[4]))),
];

fn read() -> Result<Results> {
    let file = setup::root().join(super::DATA);
    let text = fs::read_to_string(&file).with_context(|| format!("{}: run `cargo dev lab load`", file.display()))?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// A column: its heading, and what stands in it.
type Column<'a> = (String, &'a Measure);

pub(super) fn page(results: &Results) -> String {
    let machine = &results.machine;
    let versions: Vec<String> = results.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let mut page = format!(
        "# Benchmarks\n\n\
         Written by `cargo dev lab load` on {}, from [generated/benchmarks.json](generated/benchmarks.json); nothing here is typed by hand.\n\n\
         {} processors ({}), {} GB, Linux {}, Docker {}. {}. Load average {:.1} before and {:.1} after, the run itself included; it took \
         {} minutes.\n\n\
         {METHOD}\n\n## Where {OURS} is not first\n\n{}",
        results.date,
        machine.processors,
        machine.processor,
        machine.gigabytes,
        machine.kernel,
        machine.docker,
        versions.join(", "),
        machine.load[0],
        machine.load[1],
        machine.minutes,
        losses(results),
    );
    for made in &chart::CHARTS {
        let _ = write!(page, "\n![{}](generated/{})\n", made.title, made.file);
    }
    page.push_str(&tables(results));
    page.push_str(&configurations(results));
    page
}

const METHOD: &str = "\
Each server runs two processes of four threads in a container on one processor; nginx and what loads them have another, so behind nginx a \
small page measures nginx rather than the server, and CPU time tells more than requests a second. The servers take turns in each round, and \
the middle of the rounds is shown, in brackets as a multiple of rsgi's.\n\n\
* **Closed loop**: 32 kept connections, each asks again once it was answered.\n\
* **Fixed rate**: half of what the slowest of the group has answered, the same for all, on 32 kept connections. A request's time counts from the \
moment at which it was due, so one that had to wait for others is not spared.\n\
* **Slow clients**: the same rate on 190 connections, and ten clients more that send a head at ten bytes a second or read 8 MB at 20 KB a second. \
What is shown is the time of the 190.\n\
* **Reload**: the same rate for twelve seconds, and SIGHUP after a tenth of them.\n\
* **CPU**: of the container, for an answered request. **Memory**: after the closed loop; pages that processes share count once in the whole.\n\
* **Failed**: refused, cut off, another status than 2xx, or no answer ten seconds after the end. A kept connection that a server closes before the \
first byte of an answer is no failure: the request is sent again, once, as browsers and proxies do.\n\n\
Applications are in [lab/load](../lab/load): `hello` answers eleven bytes, Flask renders a template of thirty rows, Django reads twenty rows from \
SQLite by its ORM and renders them with sessions, languages and CSRF protection.";

/// Where another was better by more than noise.
fn losses(results: &Results) -> String {
    let mut lines = String::new();
    for group in &results.groups {
        let rate = format!("at {:.0}/s", group.rate);
        let measures: [(&str, &Measure); 14] = [
            ("closed loop", &RATE),
            ("closed loop", &CPU),
            ("closed loop", &NGINX),
            (&rate, &FIXED_CPU),
            (&rate, &P50),
            (&rate, &P99),
            (&rate, &P999),
            ("memory", &RSS),
            ("memory", &PRIVATE),
            ("memory", &WHOLE),
            ("slow clients", &SLOW),
            ("slow clients", &SLOW_FAILED),
            ("reload", &RELOAD),
            ("reload", &RELOAD_FAILED),
        ];
        for (when, measure) in measures {
            let found = better(group, measure);
            let Some(ours) = group.row(OURS).and_then(|row| (measure.of)(row)).filter(|_| !found.is_empty()) else {
                continue;
            };
            let found: Vec<String> =
                found.iter().map(|(name, value)| format!("{name} {}", figure(measure, *value))).collect();
            let _ = writeln!(
                lines,
                "* {}, {when}, {}: {}; {OURS} {}",
                group.title(),
                measure.name,
                found.join(", "),
                figure(measure, ours)
            );
        }
    }
    if lines.is_empty() {
        return format!("In this run {OURS} was first everywhere, or within five in a hundred of the first.\n");
    }
    format!(
        "Everything in which another was better by more than five in a hundred, which a second run may decide otherwise:\n\n{lines}"
    )
}

/// Every group's tables.
pub(super) fn tables(results: &Results) -> String {
    let mut text = String::new();
    for group in &results.groups {
        let rate = format!("at {:.0}/s: ", group.rate);
        let head = |prefix: &str, measure: &Measure| match measure.unit {
            "" => format!("{prefix}{}", measure.name),
            unit => format!("{prefix}{}, {unit}", measure.name),
        };
        let _ = write!(text, "\n## {}\n\n", group.title());
        let mut columns: Vec<Column<'_>> = vec![(head("", &RATE), &RATE), (head("", &CPU), &CPU)];
        if group.door == "nginx" {
            columns.push((head("", &NGINX), &NGINX));
        }
        columns.push((head(&rate, &FIXED_CPU), &FIXED_CPU));
        columns.extend([&P50, &P99, &P999, &FAILED].map(|measure| (head("", measure), measure)));
        table(&mut text, group, &columns);
        text.push('\n');
        let mut columns: Vec<Column<'_>> = [&RSS, &PRIVATE, &WHOLE].map(|measure| (head("", measure), measure)).into();
        if group.servers.iter().any(|row| !row.slow.is_empty()) {
            columns.extend([&SLOW, &SLOW_FAILED].map(|measure| (head("slow clients: ", measure), measure)));
        }
        if group.servers.iter().any(|row| !row.reload.is_empty()) {
            columns.extend([&RELOAD, &RELOAD_FAILED].map(|measure| (head("reload: ", measure), measure)));
        }
        table(&mut text, group, &columns);
    }
    text
}

fn table(text: &mut String, group: &Group, columns: &[Column<'_>]) {
    let heads: Vec<&str> = columns.iter().map(|(head, _)| head.as_str()).collect();
    let _ = writeln!(text, "| | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(columns.len()));
    for row in &group.servers {
        let cells = columns.iter().map(|(_, measure)| {
            let Some(value) = (measure.of)(row) else { return "-".to_owned() };
            let text = figure(&Measure { unit: "", ..**measure }, value);
            let ours =
                group.row(OURS).and_then(|row| (measure.of)(row)).filter(|ours| *ours > 0.0 && row.server != OURS);
            ours.filter(|_| measure.name != "failed")
                .map_or(text.clone(), |ours| format!("{text} ({:.2})", value / ours))
        });
        let _ = writeln!(text, "| {} | {} |", row.server, cells.collect::<Vec<_>>().join(" | "));
    }
}

/// What was typed, and who says that it should be.
fn configurations(results: &Results) -> String {
    let mut text = "\n## Configurations\n\n".to_owned();
    for server in &SERVERS {
        let _ = writeln!(text, "* {}: {}", server.name, server.source);
    }
    text.push_str("\nThe whole is measured by `cargo dev lab load`, a part of it by a part of its name, as `cargo dev lab load flask/nginx`. With Flask:\n\n```sh\n");
    for group in results.groups.iter().filter(|group| group.app == "flask") {
        let _ = writeln!(text, "# {}", group.title());
        for row in &group.servers {
            let options = SERVERS.iter().find(|server| server.name == row.server).map(|server| server.container);
            for option in options.unwrap_or_default() {
                let _ = writeln!(text, "# docker run {option}");
            }
            let _ = writeln!(text, "{}", row.command);
        }
    }
    text.push_str("```\n");
    for (who, of) in [("rsgi and uWSGI", OURS), ("gunicorn and Granian", "gunicorn")] {
        let conf =
            SERVERS.iter().find(|server| server.name == of).map(super::servers::Server::nginx).unwrap_or_default();
        let _ = write!(text, "\nnginx before {who}:\n\n```nginx load\n{conf}```\n");
    }
    text
}
