//! What a new generation runs: this program, or the one that lies on disk in its place and understands all that we say.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{info, warn};

use super::News;
use super::rehearsal::read_all;
use crate::master::Master;
use crate::master::fleet::{Event, Generation, Mood};
use crate::program::{self, FINGERPRINT, FINGERPRINT_ARGUMENT, Program};

/// Time that a program has to tell its fingerprint.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer is short.
const LARGEST: u64 = 100;

impl Master {
    /// Prepares a generation, with the program on disk when that may be.
    pub(in crate::master) fn choose_program(&mut self, number: Generation) {
        match on_disk() {
            Ok(None) => self.prepare_own(number),
            Ok(Some(program)) => {
                let known = self.succession.known.clone().filter(|(identity, _)| *identity == program.identity());
                if let Some((_, answer)) = known {
                    return self.asked_program(number, program, answer);
                }
                if let Err(error) = self.ask_program(number, &program) {
                    self.asked_program(number, program, Err(format!("cannot be run ({error})")));
                }
            }
            Err(error) => {
                let path = program::path().unwrap_or(Path::new("")).display();
                warn!("{path}: {error}: generation {number} runs the program of the master");
                self.prepare_own(number);
            }
        }
    }

    fn prepare_own(&mut self, number: Generation) {
        match Program::own() {
            Ok(program) => self.prepare(number, program),
            Err(error) => {
                self.refusal = format!("error: the program cannot be found: {error}");
                self.queue.push_back(Event::Prepared(None));
            }
        }
    }

    fn ask_program(&mut self, number: Generation, program: &Program) -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        let (mut command, _file) = program.command(3)?;
        command.arg(FINGERPRINT_ARGUMENT).stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).process_group(0);
        let pid = command.spawn()?.id();
        self.succession.children.insert(pid);
        let (sender, program) = (self.succession.sender.clone(), program.clone());
        spawn_local(async move {
            let answer = match timeout(PATIENCE, read_all(reader, LARGEST)).await {
                Ok(Ok(text)) if text.trim_ascii() == FINGERPRINT.as_bytes() => Ok(()),
                Ok(Ok(_)) => Err("is of another version".into()),
                Ok(Err(error)) => Err(format!("does not answer ({error})")),
                Err(_) => Err("does not answer".into()),
            };
            let _ = sender.send(News::Asked(number, program, pid, answer));
        });
        Ok(())
    }

    /// The program on disk has answered.
    pub(super) fn asked_program(&mut self, number: Generation, program: Program, answer: Result<(), String>) {
        self.succession.known = Some((program.identity(), answer.clone()));
        if self.fleet.mood() != Mood::Reloading {
            return;
        }
        let path = program::path().unwrap_or(Path::new("")).display();
        match answer {
            Ok(()) => {
                info!("{path} has changed: generation {number} runs the new program");
                self.prepare(number, program);
            }
            Err(why) => {
                warn!(
                    "{path} has changed and {why}: generation {number} runs the program of the master; to change that, run rsgi upgrade"
                );
                self.prepare_own(number);
            }
        }
    }
}

/// The program that lies where this one was started from, when it is another.
fn on_disk() -> io::Result<Option<Program>> {
    let Some(path) = program::path() else { return Ok(None) };
    let found = Program::at(path)?;
    Ok((found.identity() != Program::own()?.identity()).then_some(found))
}
