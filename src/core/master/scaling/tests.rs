//! Tables: what is seen look by look, and what is decided.

use super::*;

/// `#` a busy worker, `.` an idle one, `~` one on its way; then how many requests wait, and `@` for how many seconds.
fn facts(text: &str) -> Facts {
    let (workers, queue) = text.split_once(' ').unwrap_or((text, "0"));
    let (waiting, age) = queue.split_once('@').unwrap_or((queue, "0"));
    let worker =
        |(number, letter)| Worker { number, serves: letter != '~', busy: u32::from(letter == '#'), busy_time: 0 };
    Facts {
        workers: (1..).zip(workers.chars()).map(worker).collect(),
        cores: 1,
        waiting: waiting.parse().unwrap(),
        age: Duration::from_secs(age.parse().unwrap()),
        rss: 0,
    }
}

/// A decision in short: `+2`, `-3` (the number of the worker that leaves), nothing.
fn shown(decision: &Decision) -> String {
    match decision.scale {
        None => String::new(),
        Some(Scale::Grow(count)) => format!("+{count}"),
        Some(Scale::Shrink(number)) => format!("-{number}"),
        Some(Scale::Rest) => "rest".into(),
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn cheaper(algo: Algo) -> Cheaper {
    Cheaper { min: Some(1), algo, ..Cheaper::default() }
}

/// A look a second; each row is what is seen and what is decided.
fn table(cheaper: &Cheaper, processes: u32, rows: &[(&str, &str)]) {
    let mut scaler = Scaler::new(cheaper, processes, SECOND);
    let mut now = Instant::now();
    for (number, (seen, expected)) in rows.iter().enumerate() {
        let decision = scaler.look(&facts(seen), now);
        assert_eq!(shown(&decision), *expected, "row {number}: {seen}");
        now += SECOND;
    }
}

#[test]
fn spare_adds_when_all_are_busy_for_a_while_and_stops_when_more_than_one_is_idle_for_as_long() {
    let cheaper = Cheaper { overload: 2, step: 2, ..cheaper(Algo::Spare) };
    table(
        &cheaper,
        6,
        &[
            ("#", ""),
            ("#", "+2"),
            ("#~~", ""),
            ("##.", ""),
            ("###", ""),
            ("##.", ""),
            ("###", ""),
            ("###", "+2"),
            ("#####", ""),
            ("#####", "+1"),
            ("######", ""),
            ("######", ""),
            // One idle worker is what is wanted.
            ("#####.", ""),
            ("#####.", ""),
            ("#...", ""),
            ("#...", "-4"),
            ("#..", ""),
            (".#.", "-3"),
            (".#", ""),
            ("..", ""),
            ("..", "-2"),
            (".", ""),
            (".", ""),
            (".", ""),
        ],
    );
}

#[test]
fn spare_believes_those_who_wait_more_than_a_core_between_two_requests() {
    let cheaper = Cheaper { overload: 3, ..cheaper(Algo::Spare) };
    table(&cheaper, 4, &[("#. 3", ""), (".. 2", ""), (".# 2", "+1"), ("##~ 2", ""), ("##~ 2", ""), ("##~ 2", "")]);
    // Who has been waiting in a router for three seconds has seen no idle core for as long.
    table(&cheaper, 4, &[("## 1@1", ""), ("## 1@3", "+1"), ("### 1@1", "")]);
}

#[test]
fn spare_counts_cores() {
    let mut scaler = Scaler::new(&Cheaper { overload: 1, ..cheaper(Algo::Spare) }, 4, SECOND);
    let mut look = |busy: &[u32]| {
        let worker = |(number, &busy)| Worker { number, serves: true, busy, busy_time: 0 };
        let facts = Facts { workers: (1..).zip(busy).map(worker).collect(), cores: 4, ..Facts::default() };
        shown(&scaler.look(&facts, Instant::now()))
    };
    assert_eq!(look(&[4, 3]), "");
    assert_eq!(look(&[4, 4]), "+1");
    assert_eq!(look(&[4, 2, 2]), "");
    assert_eq!(look(&[3, 1, 2]), "-2", "the least busy one, though others have idle cores");
    assert_eq!(look(&[0, 0]), "-2");
}

#[test]
fn spare2_keeps_so_many_idle() {
    let cheaper = Cheaper { min: Some(2), step: 2, spare_idle: 3, ..cheaper(Algo::Spare2) };
    table(
        &cheaper,
        9,
        &[
            ("..", ""),
            ("#.", "+1"),
            ("##.~", ""),
            ("####", "+2"),
            ("####..", ""),
            ("###...", ""),
            ("##....", ""),
            ("####..", ""),
            ("##....", ""),
            ("##....", ""),
            ("##....", "-6"),
            ("##...", ""),
            ("#########", ""),
        ],
    );
}

#[test]
fn backlog_goes_by_those_who_wait() {
    let cheaper = Cheaper { overload: 3, step: 2, ..cheaper(Algo::Backlog) };
    table(
        &cheaper,
        4,
        &[
            ("# 3", ""),
            ("# 4", "+2"),
            ("### 9", "+1"),
            ("#### 9", ""),
            ("#### 0", ""),
            ("###. 1", ""),
            ("#.#.", "-4"),
            ("..#", "-2"),
            ("#.", "-2"),
            (".", ""),
        ],
    );
}

#[test]
fn manual_does_nothing_by_itself() {
    table(&cheaper(Algo::Manual), 4, &[("# 99@99", ""), ("....", ""), ("....", ""), ("....", "")]);
    let scaler = Scaler::new(&cheaper(Algo::Manual), 2, SECOND);
    assert_eq!((scaler.one_more(1), scaler.one_more(2)), (Some(Scale::Grow(1)), None));
    assert_eq!((scaler.one_less(&facts("#.")), scaler.one_less(&facts("."))), (Some(Scale::Shrink(2)), None));
}

#[test]
fn memory_limits() {
    let cheaper = Cheaper { overload: 1, rss_limit_soft: Some(100), rss_limit_hard: Some(200), ..cheaper(Algo::Spare) };
    let mut scaler = Scaler::new(&cheaper, 9, SECOND);
    let mut look = |seen: &str, rss| {
        let decision = scaler.look(&Facts { rss, ..facts(seen) }, Instant::now());
        (shown(&decision), decision.lines)
    };
    assert_eq!(look("##", 99), ("+1".into(), vec![]));
    let line = "all workers together use 100 bytes: none is added (cheaper-rss-limit-soft)";
    assert_eq!(look("###", 100), (String::new(), vec![line.into()]));
    assert_eq!(look("###", 110), (String::new(), vec![]));
    assert_eq!(look("###", 99), ("+1".into(), vec![]));
    let line = "all workers together use 200 bytes: one is stopped (cheaper-rss-limit-hard)";
    assert_eq!(look("###", 200), ("-3".into(), vec![line.into()]));
    assert_eq!(look("#", 200).0, "");
}

/// Workers whose share of busy time in the next seconds is known.
struct Busy {
    scaler: Scaler,
    now: Instant,
    times: Vec<u64>,
    lines: Vec<String>,
}

impl Busy {
    fn new(cheaper: Cheaper, processes: u32) -> Self {
        let scaler = Scaler::new(&cheaper, processes, SECOND);
        let mut busy = Self { scaler, now: Instant::now(), times: vec![0], lines: Vec::new() };
        busy.look(0);
        busy
    }

    fn look(&mut self, waiting: u32) -> String {
        let worker = |(number, &busy_time)| Worker { number, serves: true, busy: 0, busy_time };
        let workers = (1..).zip(&self.times).map(worker).collect();
        let facts = Facts { workers, cores: 1, waiting, ..Facts::default() };
        let decision = self.scaler.look(&facts, self.now);
        self.lines.extend(decision.lines.iter().cloned());
        match decision.scale {
            Some(Scale::Grow(count)) => self.times.extend(std::iter::repeat_n(0, count as usize)),
            Some(Scale::Shrink(_)) => drop(self.times.pop()),
            _ => {}
        }
        shown(&decision)
    }

    /// A second in which all workers are busy for so many percent of the time.
    fn second(&mut self, percent: u64, waiting: u32) -> String {
        self.now += SECOND;
        self.times.iter_mut().for_each(|time| *time += percent * 10_000);
        self.look(waiting)
    }

    /// So many seconds of that; the decisions.
    fn seconds(&mut self, count: u32, percent: u64) -> Vec<String> {
        (0..count).map(|_| self.second(percent, 0)).filter(|decision| !decision.is_empty()).collect()
    }
}

fn busyness() -> Cheaper {
    Cheaper { overload: 2, busyness_multiplier: 3, busyness_verbose: true, ..cheaper(Algo::Busyness) }
}

#[test]
fn busyness_adds_after_a_busy_window_and_stops_after_many_calm_ones() {
    let mut busy = Busy::new(busyness(), 4);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    assert_eq!(busy.seconds(2, 50), [""; 0], "50 is not more than 50");
    assert_eq!(busy.seconds(4, 10), [""; 0]);
    assert_eq!(busy.seconds(2, 30), [""; 0], "one calm window less");
    assert_eq!(busy.seconds(3, 10), [""; 0]);
    assert_eq!(busy.second(10, 0), "-2");
    assert_eq!(busy.seconds(40, 10), [""; 0], "the last one stays");
    insta::assert_snapshot!(busy.lines.join("\n"));
}

#[test]
fn busyness_is_slower_to_stop_who_was_missed() {
    let mut busy = Busy::new(busyness(), 4);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    assert_eq!(busy.seconds(6, 10), ["-2"]);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    let line = "[busyness] worker(s) respawned too fast, increasing cheaper multiplier to 5 (+2)";
    assert_eq!(busy.lines.last().unwrap(), line);
    assert_eq!(busy.seconds(8, 10), [""; 0]);
    assert_eq!(busy.seconds(2, 10), ["-2"]);
    // In time, trust comes back: one less with each that was not missed.
    assert_eq!(busy.seconds(10, 30), [""; 0]);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    assert_eq!(busy.seconds(10, 10), ["-3"]);
    assert_eq!(busy.seconds(10, 10), ["-2"]);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
}

#[test]
fn three_restless_windows_begin_the_count_anew() {
    let mut busy = Busy::new(Cheaper { busyness_multiplier: 5, ..busyness() }, 4);
    assert_eq!(busy.seconds(2, 80), ["+1"]);
    assert_eq!(busy.seconds(8, 10), [""; 0]);
    assert_eq!(busy.seconds(6, 30), [""; 0]);
    assert_eq!(busy.seconds(8, 10), [""; 0]);
    assert_eq!(busy.seconds(2, 10), ["-2"]);
}

#[test]
fn busyness_does_not_wait_for_its_window_when_the_queue_is_long() {
    let cheaper = Cheaper {
        overload: 100,
        busyness_backlog_alert: 5,
        busyness_backlog_step: 2,
        busyness_backlog_nonzero: rsgi_config::Seconds(3),
        ..busyness()
    };
    let mut busy = Busy::new(cheaper, 6);
    assert_eq!(busy.second(100, 5), "");
    assert_eq!(busy.second(100, 6), "+2");
    // Few, but for long.
    assert_eq!([1, 1, 1, 1].map(|waiting| busy.second(100, waiting)), ["", "", "+1", ""]);
    assert_eq!([0, 1, 1, 1, 1].map(|waiting| busy.second(100, waiting)), ["", "", "", "", "+1"]);
    assert_eq!(busy.second(100, 9), "+1");
    assert_eq!(busy.second(100, 9), "");
    insta::assert_snapshot!(busy.lines.join("\n"));
}

#[test]
fn emergency_workers_are_stopped_sooner() {
    let cheaper =
        Cheaper { busyness_multiplier: 10, busyness_backlog_multiplier: 2, busyness_backlog_alert: 0, ..busyness() };
    let mut busy = Busy::new(cheaper, 6);
    assert_eq!(busy.second(40, 1), "+1");
    assert_eq!(busy.seconds(1, 40), [""; 0]);
    assert_eq!(busy.seconds(2, 0), [""; 0]);
    assert_eq!(busy.seconds(2, 0), ["-2"]);
}

#[test]
fn who_waits_in_a_router_is_known_to_have_waited_before_it_was_looked_at() {
    let cheaper = Cheaper { overload: 100, busyness_backlog_nonzero: rsgi_config::Seconds(3), ..busyness() };
    table(&cheaper, 4, &[("# 1@2", ""), ("# 1@3", "+1"), ("## 1@0", "")]);
}

#[test]
fn the_fewest_are_always_there() {
    for algo in [Algo::Spare, Algo::Backlog, Algo::Manual] {
        table(&Cheaper { min: Some(3), ..cheaper(algo) }, 4, &[(".", "+2"), ("...", "")]);
    }
}

#[test]
fn an_instance_at_rest_is_left_alone() {
    for algo in [Algo::Spare, Algo::Spare2, Algo::Backlog, Algo::Busyness, Algo::Manual] {
        table(&Cheaper { overload: 1, ..cheaper(algo) }, 4, &[(" 9@9", ""), (" 9@9", "")]);
    }
}
