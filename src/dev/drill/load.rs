//! A constant load. Each request has a moment at which it is to be sent, whatever became of the one before; its time counts
//! from that moment, so that a server that stands still pays for all who wait ("coordinated omission").

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::client::{Client, Habit, Outcome, Target};

/// Clients of each habit.
const CLIENTS: u32 = 4;

/// Every habit.
const HABITS: [Habit; 4] = [
    Habit { keeps: true, posts: false },
    Habit { keeps: true, posts: true },
    Habit { keeps: false, posts: false },
    Habit { keeps: false, posts: true },
];

/// What came of a load.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// How often each thing happened: to POST, and what.
    pub(super) outcomes: BTreeMap<(bool, Outcome), u64>,
    /// Sent again on a new connection.
    pub(super) retried: u64,
    /// Microseconds from the intended moment to the end of the answer.
    times: Vec<u64>,
}

impl Tally {
    /// Requests sent.
    pub(super) fn sent(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Requests answered with 2xx.
    pub(super) fn answered(&self) -> u64 {
        self.outcomes.iter().filter(|((_, outcome), _)| *outcome == Outcome::Answered).map(|(_, count)| count).sum()
    }

    /// Milliseconds that this part of all requests took at most.
    pub(super) fn percentile(&self, part: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let index = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(index).map_or(0.0, |micros| *micros as f64 / 1000.0)
    }

    fn add(&mut self, other: Self) {
        for (key, count) in other.outcomes {
            *self.outcomes.entry(key).or_default() += count;
        }
        self.retried += other.retried;
        self.times.extend(other.times);
    }
}

/// Sends `rate` requests a second for so long, or until `total` were sent.
pub(super) fn run(target: &Target, rate: u32, time: Duration) -> Tally {
    let clients = CLIENTS * HABITS.len() as u32;
    let pause = Duration::from_secs(1) * clients / rate.max(1);
    let begin = Instant::now() + Duration::from_millis(20);
    let (sender, tallies) = mpsc::channel();
    std::thread::scope(|scope| {
        for number in 0..clients {
            let habit = HABITS[number as usize % HABITS.len()];
            let sender = sender.clone();
            // Evenly spread over the first pause.
            let first = begin + pause * number / clients;
            scope
                .spawn(move || sender.send(one(Client::new(target.clone(), habit), habit, first, pause, begin + time)));
        }
    });
    drop(sender);
    tallies.into_iter().fold(Tally::default(), |mut all, tally| {
        all.add(tally);
        all
    })
}

fn one(mut client: Client, habit: Habit, first: Instant, pause: Duration, end: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut due = first;
    while due < end {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let (outcome, retried) = client.ask();
        tally.times.push(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
        *tally.outcomes.entry((habit.posts, outcome)).or_default() += 1;
        tally.retried += u64::from(retried);
        due += pause;
    }
    tally
}
