//! `rsgi stats`: what an instance does, once, as a table or as JSON.

use std::fmt::Write;

use serde_json::Value;

use super::instance::{Instance, InstanceError, Look};
use super::text::{age, printable, size, span};
use super::view::{View, request_line, seconds};
use super::words::Words;
use crate::control_socket::view::Phase;
use crate::startup::Sources;

/// Asks the instance that is meant; returns the text to print.
///
/// # Errors
/// When there is none.
pub fn run(words: &Words, sources: &Sources) -> Result<String, InstanceError> {
    let mut instance = Instance::find(&words.target, sources)?;
    let look = Look { lines: true, watch: 0 };
    if words.json {
        return Ok(format!("{:#}\n", document(instance.look_raw(look)?)));
    }
    let view = instance.look(look)?;
    Ok(table(&instance.name, &view, seconds()))
}

/// The stats document; what only the control socket knows is added to it.
fn document(mut answer: Value) -> Value {
    let Some(Value::Object(mut stats)) = answer.get_mut("stats").map(Value::take) else { return answer };
    for key in ["mood", "status", "generation", "running"] {
        if let Some(value) = answer.get_mut(key) {
            stats.insert(key.into(), value.take());
        }
    }
    Value::Object(stats)
}

/// What the phase of a request is called.
#[must_use]
pub const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Application => "app",
        Phase::Reading => "reading",
        Phase::Sending => "sending",
    }
}

/// The first lines about an instance: who it is, and its sums.
#[must_use]
pub fn headline(name: &str, view: &View, now: u64) -> String {
    let status = if view.status.is_empty() { String::new() } else { format!(", {}", view.status) };
    let up = if view.since == 0 { String::new() } else { format!(", up {}", age(now.saturating_sub(view.since))) };
    let version = if view.mood.is_empty() { "stats of version" } else { "rsgi" };
    format!("{} (pid {}, {version} {}){status}{up}", printable(name), view.stats.pid, printable(&view.stats.version))
}

fn table(name: &str, view: &View, now: u64) -> String {
    let mut text = format!("{}\n\n", headline(name, view, now));
    let stats = &view.stats;
    let sockets = stats.sockets.iter().map(|socket| {
        vec![printable(&socket.name), printable(&socket.proto), format!("{}/{}", socket.queue, socket.max_queue)]
    });
    columns(&mut text, &["SOCKET", "PROTOCOL", "QUEUE"], 2, sockets.collect());
    let workers = stats.workers.iter().map(|worker| {
        let busy = view.running_in(worker).count();
        vec![
            worker.id.to_string(),
            worker.pid.to_string(),
            state(&worker.status, worker.accepting, worker.pid),
            format!("{busy}/{}", worker.cores.len()),
            worker.requests.to_string(),
            span(worker.avg_rt),
            worker.exceptions.to_string(),
            worker.harakiri_count.to_string(),
            worker.respawn_count.to_string(),
            size(worker.rss),
            size(worker.tx),
            if worker.pid == 0 { "-".into() } else { age(now.saturating_sub(worker.last_spawn)) },
        ]
    });
    let titles = [
        "WORKER",
        "PID",
        "STATE",
        "BUSY",
        "REQUESTS",
        "AVERAGE",
        "EXCEPTIONS",
        "HARAKIRI",
        "BIRTHS",
        "MEMORY",
        "SENT",
        "AGE",
    ];
    columns(&mut text, &titles, 0, workers.collect());
    let mules = stats.mules.iter().map(|mule| {
        vec![
            mule.id.to_string(),
            mule.pid.to_string(),
            printable(&mule.status),
            mule.messages.to_string(),
            size(mule.rss),
        ]
    });
    columns(&mut text, &["MULE", "PID", "STATE", "MESSAGES", "MEMORY"], 0, mules.collect());
    let spoolers = stats.spoolers.iter().map(|spooler| {
        let state = if spooler.running == 0 { "idle" } else { "busy" };
        vec![spooler.pid.to_string(), state.into(), spooler.tasks.to_string(), printable(&spooler.dir)]
    });
    columns(&mut text, &["SPOOLER", "STATE", "TASKS", "DIRECTORY"], 0, spoolers.collect());
    let running = view.running.iter().map(|one| {
        vec![
            format!("{}.{}", one.worker, one.core),
            span(one.age),
            phase(one.phase).into(),
            printable(&request_line(one)),
            printable(one.place.as_deref().unwrap_or("-")),
        ]
    });
    columns(&mut text, &["RUNNING", "FOR", "PHASE", "REQUEST", "PYTHON"], 2, running.collect());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What a worker is doing, in a word.
#[must_use]
pub fn state(status: &str, accepting: u8, pid: u64) -> String {
    match (pid, accepting) {
        (0, _) => "none".into(),
        (_, 0) => "leaving".into(),
        _ => printable(status),
    }
}

/// A table with titles; nothing without rows. Numbers are to the right, but for the first `left` columns and the last one
/// of a table with words.
fn columns(text: &mut String, titles: &[&str], left: usize, rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.chain(titles.get(index).map(|title| title.len())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let is_number = |index: usize| {
        let digits = |row: &Vec<String>| {
            row.get(index).is_none_or(|cell| cell.starts_with(|c: char| c.is_ascii_digit()) || cell == "-")
        };
        index >= left && rows.iter().all(digits)
    };
    let numbers: Vec<_> = (0..titles.len()).map(is_number).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut whole = String::new();
        for (index, cell) in cells.enumerate() {
            let width = widths.get(index).copied().unwrap_or(0);
            let _ = match numbers.get(index) {
                Some(true) => write!(whole, "{cell:>width$}  "),
                _ => write!(whole, "{cell:<width$}  "),
            };
        }
        let _ = writeln!(text, "{}", whole.trim_end());
    };
    line(&mut titles.iter().copied());
    rows.iter().for_each(|row| line(&mut row.iter().map(String::as_str)));
    text.push('\n');
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tools::view::Stats;

    /// An instance with two workers, one request that runs, a mule and a spooler.
    pub(crate) fn sample() -> View {
        let text = r#"{"mood":"serving","status":"serving generation 0: 2 of 2 workers ready, 0 routers, 1 zygotes","since":1000,
            "stats":{"version":"0.1.0","pid":4711,
              "sockets":[{"name":"127.0.0.1:3031","proto":"http","queue":3,"max_queue":100}],
              "workers":[
                {"id":1,"pid":4712,"accepting":1,"status":"busy","requests":120345,"exceptions":2,"rss":123456789,"avg_rt":2345,
                 "running_time":9000000,"last_spawn":1000,"respawn_count":1,"tx":99999999,"cores":[{"id":0},{"id":1}]},
                {"id":2,"pid":4713,"accepting":0,"status":"idle","requests":7,"rss":23456789,"avg_rt":85,"last_spawn":4000,
                 "respawn_count":3,"cores":[{"id":0},{"id":1}]}],
              "mules":[{"id":1,"pid":4714,"status":"idle","messages":4,"rss":5000000}],
              "spoolers":[{"dir":"/srv/tasks","pid":4715,"tasks":8,"running":1}]},
            "running":[
              {"worker":1,"pid":4712,"generation":0,"core":0,"age":12300000,"phase":"application",
               "place":"/srv/shop/views.py:12 index","vars":["REQUEST_METHOD=GET","REQUEST_URI=/report?year=2026"]},
              {"worker":1,"pid":4712,"generation":0,"core":1,"age":1500,"phase":"sending","vars":[]}]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_person_reads_a_table() {
        insta::assert_snapshot!(table("/srv/shop.ini", &sample(), 4600));
    }

    #[test]
    fn uwsgi_is_shown_as_well() {
        let stats = Stats { version: "2.0.31".into(), pid: 9, workers: sample().stats.workers, ..Stats::default() };
        insta::assert_snapshot!(table("127.0.0.1:9191", &View::of_stats(stats), 4600));
    }

    #[test]
    fn programs_read_the_stats_document_and_more() {
        let answer = serde_json::json!({ "ok": true, "mood": "serving", "stats": { "pid": 7 }, "running": [] });
        assert_eq!(document(answer).to_string(), r#"{"mood":"serving","pid":7,"running":[]}"#);
        assert_eq!(document(serde_json::json!({ "pid": 7 })).to_string(), r#"{"pid":7}"#);
    }
}
