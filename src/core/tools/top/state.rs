//! What is on the screen, and what keys do to it. Pure: no terminal, no clock, no instance.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::rates::Rates;
use crate::control_socket::protocol::Request;
use crate::tools::view::{View, Worker};

/// By what workers are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Their number.
    Number,
    /// Requests a second.
    Rate,
    /// Busy share.
    Busy,
    /// Memory.
    Memory,
}

/// What a key asks for that the state cannot do itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Leave.
    Quit,
    /// Look again now.
    Look,
    /// Give the instance a command.
    Tell(Request),
}

/// The state.
#[derive(Debug)]
pub struct State {
    /// What the instance is called.
    pub name: String,
    /// Whether it takes commands and knows lines of Python.
    pub is_controlled: bool,
    /// The latest look.
    pub view: View,
    /// What changed since the one before.
    pub rates: Rates,
    /// The order of workers.
    pub order: Order,
    /// The worker that commands mean, by number.
    pub selected: u32,
    /// No new looks.
    pub is_paused: bool,
    /// Lines of Python are asked for.
    pub has_lines: bool,
    /// The first row of the requests that is shown.
    pub scroll: usize,
    /// A worker about to be drained: asks first.
    pub draining: Option<u32>,
    /// What was done last, or went wrong.
    pub message: String,
    looked: Option<Instant>,
}

impl State {
    /// The state before the first look.
    #[must_use]
    pub fn new(name: String, is_controlled: bool) -> Self {
        Self {
            name,
            is_controlled,
            view: View::default(),
            rates: Rates::default(),
            order: Order::Number,
            selected: 1,
            is_paused: false,
            has_lines: is_controlled,
            scroll: 0,
            draining: None,
            message: String::new(),
            looked: None,
        }
    }

    /// Takes over a new look. Requests are shown oldest first.
    pub fn see(&mut self, mut view: View, now: Instant) {
        let passed = self.looked.map(|before| now.saturating_duration_since(before));
        if let Some(passed) = passed.filter(|passed| *passed > Duration::ZERO) {
            self.rates = Rates::between(&self.view, &view, passed);
        }
        view.running.sort_by_key(|one| std::cmp::Reverse(one.age));
        self.view = view;
        self.looked = Some(now);
        if !self.view.stats.workers.iter().any(|worker| worker.id == self.selected) {
            self.selected = self.view.stats.workers.first().map_or(1, |worker| worker.id);
        }
    }

    /// The workers in order.
    #[must_use]
    pub fn workers(&self) -> Vec<&Worker> {
        let mut workers: Vec<_> = self.view.stats.workers.iter().collect();
        let of = |worker: &Worker| self.rates.of(worker.id);
        workers.sort_by(|one, two| {
            let order = match self.order {
                Order::Number => Ordering::Equal,
                Order::Rate => of(two).requests.total_cmp(&of(one).requests),
                Order::Busy => of(two).busy.total_cmp(&of(one).busy),
                Order::Memory => two.rss.cmp(&one.rss),
            };
            order.then(one.id.cmp(&two.id))
        });
        workers
    }

    /// Does what a key says.
    pub fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Wish::Quit);
        }
        if let Some(worker) = self.draining.take() {
            let is_sure = matches!(key.code, KeyCode::Char('y' | 'Y'));
            self.message = if is_sure { String::new() } else { "nothing was drained".into() };
            return is_sure.then_some(Wish::Tell(Request::Drain { worker }));
        }
        self.message.clear();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
            KeyCode::Char('s') => {
                self.order = match self.order {
                    Order::Number => Order::Rate,
                    Order::Rate => Order::Busy,
                    Order::Busy => Order::Memory,
                    Order::Memory => Order::Number,
                }
            }
            KeyCode::Char(' ' | 'p') => {
                self.is_paused = !self.is_paused;
                return (!self.is_paused).then_some(Wish::Look);
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(-1),
            KeyCode::Down | KeyCode::Char('j') => self.select(1),
            KeyCode::PageDown => self.scroll = (self.scroll + 10).min(self.view.running.len().saturating_sub(1)),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(10),
            KeyCode::Char('l' | 't' | 'd') if !self.is_controlled => {
                self.message = "this takes the control socket: name the instance by its file or --pid".into();
            }
            KeyCode::Char('l') => {
                self.has_lines = !self.has_lines;
                return Some(Wish::Look);
            }
            KeyCode::Char('t') => return Some(Wish::Tell(Request::Traceback { worker: self.selected })),
            KeyCode::Char('d') => self.draining = Some(self.selected),
            _ => {}
        }
        None
    }

    fn select(&mut self, step: isize) {
        let numbers: Vec<_> = self.workers().iter().map(|worker| worker.id).collect();
        let at = numbers.iter().position(|&number| number == self.selected).unwrap_or(0);
        let at = at.saturating_add_signed(step).min(numbers.len().saturating_sub(1));
        self.selected = numbers.get(at).copied().unwrap_or(self.selected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::stats::tests::sample;

    fn state(is_controlled: bool) -> State {
        let mut state = State::new("shop.ini".into(), is_controlled);
        let now = Instant::now();
        state.see(sample(), now);
        let mut later = sample();
        later.stats.workers[1].requests += 100;
        later.running[0].age += 1_000_000;
        state.see(later, now + Duration::from_secs(1));
        state
    }

    fn press(state: &mut State, letter: char) -> Option<Wish> {
        state.press(KeyEvent::from(KeyCode::Char(letter)))
    }

    #[test]
    fn workers_are_sorted_as_asked() {
        let mut state = state(true);
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push((state.order, state.workers().iter().map(|worker| worker.id).collect::<Vec<_>>()));
            assert_eq!(press(&mut state, 's'), None);
        }
        let expected = [(Order::Number, [1, 2]), (Order::Rate, [2, 1]), (Order::Busy, [1, 2]), (Order::Memory, [1, 2])];
        assert!(
            orders.iter().zip(expected).all(|(one, (order, numbers))| one.0 == order && one.1 == numbers),
            "{orders:?}"
        );
        assert_eq!(orders[4].0, Order::Number);
    }

    #[test]
    fn draining_asks_first() {
        let mut state = state(true);
        assert_eq!(state.press(KeyEvent::from(KeyCode::Down)), None);
        assert_eq!((press(&mut state, 'd'), state.draining), (None, Some(2)));
        assert_eq!(
            (press(&mut state, 'n'), state.draining, state.message.as_str()),
            (None, None, "nothing was drained")
        );
        assert_eq!(press(&mut state, 'd'), None);
        assert_eq!(press(&mut state, 'y'), Some(Wish::Tell(Request::Drain { worker: 2 })));
        assert_eq!(state.press(KeyEvent::from(KeyCode::Up)), None);
        assert_eq!(press(&mut state, 't'), Some(Wish::Tell(Request::Traceback { worker: 1 })));
        assert_eq!(state.press(KeyEvent::from(KeyCode::Up)), None);
        assert_eq!(state.selected, 1);
    }

    #[test]
    fn a_stats_server_takes_no_commands() {
        let mut state = state(false);
        assert!(!state.has_lines);
        assert_eq!(press(&mut state, 't'), None);
        assert!(state.message.starts_with("this takes the control socket"));
        assert_eq!((press(&mut state, 'd'), state.draining), (None, None));
    }

    #[test]
    fn a_pause_ends_with_a_look() {
        let mut state = state(true);
        assert_eq!((press(&mut state, ' '), state.is_paused), (None, true));
        assert_eq!((press(&mut state, 'p'), state.is_paused), (Some(Wish::Look), false));
        assert_eq!((press(&mut state, 'l'), state.has_lines), (Some(Wish::Look), false));
        assert_eq!(press(&mut state, 'q'), Some(Wish::Quit));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.press(control_c), Some(Wish::Quit));
    }

    #[test]
    fn a_worker_that_went_away_is_not_selected_any_more() {
        let mut state = state(true);
        state.selected = 2;
        let mut fewer = sample();
        fewer.stats.workers.pop();
        state.see(fewer, Instant::now());
        assert_eq!(state.selected, 1);
    }
}
