//! `rsgi-load ADDRESS PATH --connections N --seconds S [--rate R] [--slow N --large PATH]`: loads a server with GET on kept connections and
//! prints as JSON what came of it. Without a rate each connection asks again once it was answered. With one, each request has a moment at
//! which it is due whatever became of those before, and its time counts from that moment ("coordinated omission").

mod answer;
mod connection;
mod engine;
mod plan;
mod slow;
mod tally;

use std::io::Write as _;
use std::process::ExitCode;

use crate::plan::Plan;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let ended = Plan::read(&words).and_then(|plan| {
        let slow = slow::Clients::start(&plan);
        // Who wants to do something in the middle of the load waits for this line.
        eprintln!("begun");
        let tally = engine::run(&plan).map_err(|error| error.to_string())?;
        slow.end();
        writeln!(std::io::stdout(), "{}", tally.json()).map_err(|error| error.to_string())
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
