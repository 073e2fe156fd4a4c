//! Runs cases against both doors, in every way of sending them, and compares with what is expected.

use std::collections::HashSet;

use super::corpus::{Answer, Case};
use super::exchange::{Reply, Way, exchange, replies};
use super::witness::{self, DOORS, Record, value};
use crate::support::Running;

/// The path of the request that is sent right behind every case.
const BEHIND: &str = "/behind";

/// Longer cases are not sent byte by byte: of tens of thousands of single bytes there is nothing more to learn.
const LONG: usize = 8000;

/// The case's bytes and, behind them, a request that is the connection's last.
pub(super) fn followed(bytes: &[u8]) -> Vec<u8> {
    [bytes, b"GET /behind HTTP/1.1\r\nHost: behind\r\nConnection: close\r\n\r\n"].concat()
}

/// Sends every case to both doors: whole, byte by byte, and split at random.
#[track_caller]
pub(super) fn check(server: &Running, cases: &[Case]) {
    check_in(server, cases, &[Way::Whole, Way::ByteByByte, Way::Split(1), Way::Split(2), Way::Split(3)]);
}

/// Sends every case in these ways to both doors; each case is split in its own places.
#[track_caller]
pub(super) fn check_in(server: &Running, cases: &[Case], ways: &[Way]) {
    let mut results = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        for (door, port) in DOORS {
            for way in ways.iter().map(|way| way.of(index)) {
                if matches!(way, Way::ByteByByte) && case.bytes.len() > LONG {
                    continue;
                }
                let bytes = exchange(server.address(port), &followed(&case.bytes), way);
                results.push((case, door, way, bytes));
            }
        }
    }
    let records = witness::records(server);
    let (mut wrong, mut answered) = (Vec::new(), HashSet::new());
    for (case, door, way, bytes) in results {
        let told = bytes.clone().and_then(|bytes| {
            let replies = replies(&bytes)?;
            let seen: Vec<_> = replies.iter().map(|reply| records.get(&reply.number)).collect();
            answered.extend(replies.iter().map(|reply| reply.number));
            let got = replies.iter().zip(&seen).map(|(reply, seen)| (reply, *seen));
            compare(&case.answers, &got.collect::<Vec<_>>())
        });
        if let Err(told) = told {
            let told =
                format!("{} ({door}, {way:?}): {told}\n    {}", case.name, bytes.unwrap_or_default().escape_ascii());
            // The first way tells enough.
            if wrong.last().is_none_or(|(last, _)| *last != (&case.name, door)) {
                wrong.push(((&case.name, door), told));
            }
        }
    }
    let wrong: Vec<_> = wrong.into_iter().map(|(_, told)| told).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Nothing reached the application but what was answered, or broke off in its body.
    for (number, record) in &records {
        // An answer that is refused has no number.
        let known = answered.contains(number)
            || value(record, "body") == Some("(broken)")
            || matches!(value(record, "PATH_INFO"), Some("/header" | "/answer/100" | "/answer/101" | "/answer/103"));
        assert!(known, "a request that nobody sent: {record:?}");
    }
}

/// Compares answers with those expected, and that to the request behind them.
fn compare(expected: &[Answer], got: &[(&Reply, Option<&Record>)]) -> Result<(), String> {
    let closes = expected.iter().any(|answer| answer.closes);
    let count = expected.len() + usize::from(!closes);
    if got.len() != count {
        let statuses: Vec<_> = got.iter().map(|(reply, _)| reply.status).collect();
        return Err(format!("{} answers of {count}: {statuses:?}", got.len()));
    }
    for (answer, &(reply, seen)) in expected.iter().zip(got) {
        if (answer.status, answer.told_to_go_on, answer.bare) != (reply.status, reply.told_to_go_on, reply.bare) {
            return Err(format!("{reply:?}, not {answer:?}"));
        }
        if seen.is_some() == answer.seen.is_empty() {
            return Err(format!("the application saw {seen:?}, not {:?}", answer.seen));
        }
        for (name, expected) in &answer.seen {
            let found = seen.and_then(|record| value(record, name));
            if found != Some(expected) {
                return Err(format!("{name} is {found:?}, not {expected:?}"));
            }
        }
        if let Some(name) = answer.unseen.iter().find(|name| seen.is_some_and(|record| record.contains_key(*name))) {
            return Err(format!("{name} is there"));
        }
    }
    match got.get(expected.len()) {
        Some(&(Reply { status: 200, .. }, Some(record))) if value(record, "PATH_INFO") == Some(BEHIND) => Ok(()),
        None => Ok(()),
        Some(other) => Err(format!("the request behind: {other:?}")),
    }
}
