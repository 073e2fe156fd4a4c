//! What an operator runs beside an instance: `rsgi top`, `rsgi stats`, `rsgi healthcheck`, `rsgi reload`, `rsgi upgrade`.
//!
//! [`words`] reads the command line, [`instance`] finds the instance and asks it, [`view`] is what it answers; [`stats`] prints
//! that once, [`top`] again and again; [`healthcheck`] says in its exit code whether requests are served; [`reload`] and [`upgrade`]
//! ask for one and wait for its end. All of it runs in a process of its own that is no part of any instance.

pub mod healthcheck;
pub mod instance;
pub mod reload;
pub mod stats;
pub mod text;
pub mod top;
pub mod upgrade;
pub mod view;
pub mod words;

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;

use rsgi_config::Tool;

use crate::exit::Exit;
use crate::logging::{self, sink};
use crate::startup::Sources;
use words::Words;

/// Runs a tool with the words behind its name; what is wrong is printed. `sources` reads configuration files.
#[must_use]
pub fn run(tool: Tool, words: &[OsString], sources: &Sources) -> Exit {
    match try_run(tool, words, sources) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            sink::write(format!("error: {}\n", logging::chain(&*error)).as_bytes());
            Exit::Config
        }
    }
}

fn try_run(tool: Tool, words: &[OsString], sources: &Sources) -> Result<(), Box<dyn Error>> {
    let words = Words::read(tool, words)?;
    let text = match tool {
        Tool::Top => return Ok(top::run(&words, sources)?),
        Tool::Stats => stats::run(&words, sources)?,
        Tool::Healthcheck => healthcheck::run(&words, sources)?,
        Tool::Reload => reload::run(&words, sources)?,
        Tool::Upgrade => upgrade::run(&words, sources)?,
    };
    let mut output = std::io::stdout().lock();
    // A reader that went away is no failure.
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    Ok(())
}
