//! The load itself: one thread, one epoll set.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::connection::{Connection, Ending, Progress, Way};
use crate::plan::Plan;
use crate::tally::Tally;

/// Time that requests have after the last was sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// The timer's number beside those of connections.
const TIMER: u64 = u64::MAX;

/// Loads as planned.
pub(crate) fn run(plan: &Plan) -> nix::Result<Tally> {
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    // To the microsecond, where the timeout of epoll counts in milliseconds.
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
    epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, TIMER))?;
    let request = plan.request(&plan.path);
    let way = Way { address: plan.address, request: request.as_bytes(), epoll: &epoll };
    let begin = Instant::now();
    let mut load = Load {
        way,
        connections: (0..plan.connections).map(|_| Connection::new()).collect(),
        idle: (0..plan.connections).collect(),
        waiting: VecDeque::new(),
        tally: Tally::default(),
    };
    let (end, pause) = (begin + plan.time, plan.rate.map(|rate| Duration::from_secs_f64(1.0 / rate)));
    let mut due = begin;
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let now = Instant::now();
        match pause {
            Some(pause) => {
                while due <= now && due < end {
                    load.waiting.push_back(due);
                    due += pause;
                }
                load.send();
                timer.set(
                    Expiration::OneShot(TimeSpec::from(
                        due.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1)),
                    )),
                    TimerSetTimeFlags::empty(),
                )?;
            }
            // No more than are idle now: a connection that is refused at once must not spin here.
            None if now < end => {
                load.waiting.extend(std::iter::repeat_n(now, load.idle.len()));
                load.send();
            }
            None => {}
        }
        let is_done = load.waiting.is_empty() && load.idle.len() == plan.connections;
        if now >= end && (is_done || now > end + PATIENCE || pause.is_none()) {
            break;
        }
        let timeout = if pause.is_none() && is_done { EpollTimeout::from(1_u8) } else { EpollTimeout::from(50_u8) };
        let count = epoll.wait(&mut events, timeout)?;
        for event in events.iter().take(count).filter(|event| event.data() != TIMER) {
            load.go_on(event.data());
        }
    }
    // In the closed loop, requests that the end has met are neither answered nor lost.
    if pause.is_some() {
        load.give_up();
    }
    load.tally.time = plan.time;
    Ok(load.tally)
}

struct Load<'a> {
    way: Way<'a>,
    connections: Vec<Connection>,
    /// Numbers of connections without a request, those first that have been so for longest.
    idle: VecDeque<usize>,
    /// When requests were due that have found no connection yet.
    waiting: VecDeque<Instant>,
    tally: Tally,
}

impl Load<'_> {
    /// Gives what is due to idle connections.
    fn send(&mut self) {
        for _ in 0..self.idle.len() {
            let Some(due) = self.waiting.pop_front() else { return };
            let Some(number) = self.idle.pop_front() else { return };
            let Some(connection) = self.connections.get_mut(number) else { return };
            let progress = connection.begin(&self.way, number as u64, due);
            self.note(number, progress);
        }
    }

    fn go_on(&mut self, number: u64) {
        let Ok(number) = usize::try_from(number) else { return };
        let Some(connection) = self.connections.get_mut(number) else { return };
        let progress = connection.go_on(&self.way, number as u64);
        self.note(number, progress);
    }

    fn note(&mut self, number: usize, progress: Progress) {
        let (Progress::Ended(ending, is_retried), Some(connection)) = (progress, self.connections.get(number)) else {
            return;
        };
        self.tally.add(ending, is_retried, connection.due.elapsed());
        self.idle.push_back(number);
    }

    /// What nobody has answered.
    fn give_up(&mut self) {
        let in_hand =
            self.connections.iter().filter(|connection| !connection.is_idle()).map(|connection| connection.due);
        for due in in_hand.chain(self.waiting.drain(..)).collect::<Vec<_>>() {
            self.tally.add(Ending::Late, false, due.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that answers so many requests on a connection, and closes it; after so many answers it stands still for so long, once.
    fn server(kept: usize, stall: Option<(usize, Duration)>) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        std::thread::spawn(move || {
            let mut answered = 0;
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                for _ in 0..kept {
                    let mut bytes = [0; 4096];
                    if !stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                        break;
                    }
                    if let Some((_, time)) = stall.filter(|(after, _)| *after == answered) {
                        std::thread::sleep(time);
                    }
                    answered += 1;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            }
        });
        address
    }

    fn plan(address: std::net::SocketAddr, rate: Option<f64>) -> Plan {
        let words = [&address.to_string(), "/"].map(str::to_owned);
        Plan { rate, time: Duration::from_millis(500), ..Plan::read(&words).expect("right") }
    }

    #[test]
    fn a_fixed_rate_is_kept_and_nothing_is_lost_when_connections_close() {
        let tally = run(&plan(server(7, None), Some(200.0))).expect("it runs");
        assert_eq!(tally.answered(), 100);
        assert_eq!(tally.failed(), 0, "{}", tally.json());
    }

    /// All who were due while the server stood still have waited for it.
    #[test]
    fn a_stall_is_paid_for_by_all_that_were_due() {
        let tally = run(&plan(server(1000, Some((20, Duration::from_millis(200)))), Some(200.0))).expect("it runs");
        assert_eq!(tally.answered(), 100);
        // Forty were due in these 200 ms, half of which waited longer than 90.
        assert!(tally.percentile(0.85) > 90_000, "{}", tally.json());
    }

    #[test]
    fn who_is_not_there_is_counted() {
        let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it has one");
        let tally = run(&plan(gone, Some(100.0))).expect("it runs");
        assert_eq!((tally.answered(), tally.failed()), (0, 50), "{}", tally.json());
        assert!(tally.json().contains("\"refused\":50"), "{}", tally.json());
        assert!(run(&plan(gone, None)).expect("it ends").failed() > 0);
    }

    #[test]
    fn the_closed_loop_asks_again_and_again() {
        let tally = run(&plan(server(usize::MAX, None), None)).expect("it runs");
        assert!(tally.answered() > 10 && tally.failed() == 0, "{}", tally.json());
    }
}
