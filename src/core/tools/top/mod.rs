//! `rsgi top`: a live view. [`state`] is what is shown, [`draw`] shows it; here is the loop between terminal and instance.

pub mod draw;
pub mod rates;
pub mod state;

use std::io;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event};

use super::instance::{Instance, InstanceError, Look};
use super::view::seconds;
use super::words::Words;
use crate::control_socket::client::AskError;
use crate::control_socket::protocol::Request;
use crate::startup::Sources;
use state::{State, Wish};

/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Seconds for which workers write down requests for us: some looks may come late.
const WATCH: u32 = 10;

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// The instance.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The output is no terminal.
    #[error("rsgi top wants a terminal; rsgi stats prints once")]
    NoTerminal,
    /// The terminal.
    #[error("the terminal cannot be used")]
    Terminal(#[from] io::Error),
}

/// Shows the instance that is meant until `q` is pressed.
///
/// # Errors
/// No such instance, no terminal.
pub fn run(words: &Words, sources: &Sources) -> Result<(), TopError> {
    if !io::IsTerminal::is_terminal(&io::stdout()) || !io::IsTerminal::is_terminal(&io::stdin()) {
        return Err(TopError::NoTerminal);
    }
    let mut instance = Instance::find(&words.target, sources)?;
    let mut state = State::new(instance.name.clone(), instance.is_controlled());
    look(&mut instance, &mut state)?;
    // It gives the terminal back on a panic too.
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, &mut instance, &mut state);
    ratatui::restore();
    shown
}

fn show(terminal: &mut ratatui::DefaultTerminal, instance: &mut Instance, state: &mut State) -> Result<(), TopError> {
    let mut next = Instant::now() + PERIOD;
    loop {
        terminal.draw(|frame| draw::draw(frame, state, seconds()))?;
        let left = next.saturating_duration_since(Instant::now());
        let wish = match event::poll(left)? {
            true => match event::read()? {
                Event::Key(key) => state.press(key),
                _ => None,
            },
            false if state.is_paused => None,
            false => Some(Wish::Look),
        };
        match wish {
            Some(Wish::Quit) => return Ok(()),
            Some(Wish::Look) => try_look(instance, state)?,
            Some(Wish::Tell(request)) => state.message = tell(instance, &request),
            None => {}
        }
        if Instant::now() >= next {
            next = Instant::now() + PERIOD;
        }
    }
}

fn look(instance: &mut Instance, state: &mut State) -> Result<(), InstanceError> {
    let view = instance.look(Look { lines: state.has_lines, watch: WATCH })?;
    state.see(view, Instant::now());
    Ok(())
}

/// Looks; an instance that has ended ends us too, any other failure is shown and tried again.
fn try_look(instance: &mut Instance, state: &mut State) -> Result<(), InstanceError> {
    match look(instance, state) {
        Err(error @ InstanceError::Ask(AskError::Ended | AskError::Nobody(_))) => Err(error),
        Err(error) => {
            state.message = crate::logging::chain(&error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Gives a command; returns what to say about it.
fn tell(instance: &mut Instance, request: &Request) -> String {
    match (instance.tell(request), request) {
        (Err(error), _) => crate::logging::chain(&error),
        (Ok(_), Request::Traceback { worker }) => format!("the stacks of worker {worker} are in the log"),
        (Ok(_), Request::Drain { worker }) => {
            format!("worker {worker} finishes what it holds, then a new one takes its place")
        }
        (Ok(_), _) => String::new(),
    }
}
