//! What a new generation runs: this program, or the one that lies on disk in its place and understands all that we say.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{info, warn};

use super::rehearsal::read_all;
use super::{News, Succession};
use crate::master::Master;
use crate::master::fleet::{Event, Generation, Mood};
use crate::program::{self, FINGERPRINT, FINGERPRINT_ARGUMENT, Identity, Program};

/// Time that a program has to tell its fingerprint.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer is short.
const LARGEST: u64 = 100;

/// Why the program on disk does not run a new generation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::master) enum Unfit {
    /// It does not understand all that we say, and never will.
    #[error("is of another version")]
    Version,
    /// It has said nothing, this time.
    #[error("{0}")]
    Silent(String),
}

impl Succession {
    /// What the program of that identity has answered, if it has.
    fn known(&self, identity: Identity) -> Option<Result<(), Unfit>> {
        self.known.clone().filter(|(known, _)| *known == identity).map(|(_, answer)| answer)
    }

    /// Remembers an answer. Silence is none: a machine without a free process today may have one at the next reload.
    fn learn(&mut self, identity: Identity, answer: &Result<(), Unfit>) {
        self.known = match answer {
            Err(Unfit::Silent(_)) => None,
            Ok(()) | Err(Unfit::Version) => Some((identity, answer.clone())),
        };
    }
}

impl Master {
    /// Prepares a generation, with the program on disk when that may be.
    pub(in crate::master) fn choose_program(&mut self, number: Generation) {
        match on_disk() {
            Ok(None) => self.prepare_own(number),
            Ok(Some(program)) => {
                if let Some(answer) = self.succession.known(program.identity()) {
                    return self.asked_program(number, program, answer);
                }
                if let Err(error) = self.ask_program(number, &program) {
                    self.asked_program(number, program, Err(Unfit::Silent(format!("cannot be run ({error})"))));
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
                Ok(Ok(text)) if text.is_empty() => Err(Unfit::Silent("does not answer".into())),
                Ok(Ok(_)) => Err(Unfit::Version),
                Ok(Err(error)) => Err(Unfit::Silent(format!("does not answer ({error})"))),
                Err(_) => Err(Unfit::Silent("does not answer in time".into())),
            };
            let _ = sender.send(News::Asked(number, program, pid, answer));
        });
        Ok(())
    }

    /// The program on disk has answered.
    pub(super) fn asked_program(&mut self, number: Generation, program: Program, answer: Result<(), Unfit>) {
        self.succession.learn(program.identity(), &answer);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_are_remembered() {
        let mut succession = Succession::new(tokio::sync::mpsc::unbounded_channel().0);
        let identity = Program::own().unwrap().identity();
        let silent = Err(Unfit::Silent("cannot be run (EAGAIN)".into()));
        for (answer, known) in [(Ok(()), true), (silent, false), (Err(Unfit::Version), true)] {
            succession.learn(identity, &answer);
            assert_eq!(succession.known(identity), known.then_some(answer));
        }
    }
}
