//! Both doors on inputs that nobody has thought of: the cases with random changes. Whatever it is, the doors agree about it.

use std::collections::HashMap;
use std::time::Duration;

use super::corpus;
use super::doors::followed;
use super::exchange::{Way, exchange_within, replies};
use super::random::Random;
use super::witness::{self, DOORS, Record};
use crate::support::{Running, results};

const INPUTS: usize = 3000;
/// Connections at a time.
const SENDERS: usize = 24;

/// Bytes that mean something to somebody.
const SPICE: &[u8] = b"\r\n\0 \t:;,/%?#*_-+\"\\\x0b\x7f\x80\xa0\xff0159afAFxZ";

/// A case with up to three changes.
fn changed(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let (at, byte) = (random.below(bytes.len()), SPICE[random.below(SPICE.len())]);
        match random.below(5) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            3 => bytes.swap(at, at / 2),
            _ => {
                // A piece of it once more.
                let piece = bytes[at..(at + 1 + random.below(40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// What came of an input: the answers, and whether the connection ended.
type Outcome = (Vec<u8>, bool);

/// What is comparable of one door's answers: the statuses, and what the application saw of each request.
fn shown(outcome: &Outcome, records: &HashMap<u64, Record>) -> Result<(Vec<String>, bool), String> {
    let show = |record: &Record| {
        let mut record = record.clone();
        for name in ["number", "SERVER_PORT", "REMOTE_PORT", "UWSGI_ROUTER"] {
            record.remove(name);
        }
        serde_json::Value::Object(record).to_string()
    };
    let replies = replies(&outcome.0)?;
    let answers = replies
        .iter()
        .map(|reply| {
            let seen = records.get(&reply.number).map(show).unwrap_or_default();
            format!("{} {} {} {seen}", reply.status, reply.told_to_go_on, reply.bare)
        })
        .collect();
    Ok((answers, outcome.1))
}

#[test]
fn both_doors_agree_on_inputs_that_nobody_wrote() {
    let server = witness::start("");
    let cases: Vec<_> = corpus::all().into_iter().filter(|case| case.bytes.len() < 500).collect();
    let mut random = Random::new(9112);
    let mut inputs: Vec<_> = (0..INPUTS)
        .map(|_| {
            let case = &cases[random.below(cases.len())];
            followed(&changed(&mut random, &case.bytes))
        })
        .collect();
    let mut differing = Vec::new();
    // An input whose end is missing is waited for. On a busy machine a short wait may be too short for one of the doors.
    for patience in [300, 3000] {
        let results = outcomes(&server, &inputs, Duration::from_millis(patience));
        let records = witness::records(&server);
        differing.clear();
        inputs = results
            .into_iter()
            .filter_map(|(input, [direct, router])| {
                let [direct, router] = [direct, router].map(|outcome| shown(&outcome, &records));
                let told = || format!("{}\n  direct {direct:?}\n  router {router:?}", input.escape_ascii());
                (direct != router).then(|| differing.push(told())).map(|()| input)
            })
            .collect();
    }
    results::record("HTTP/1.1", "changed at random", INPUTS, differing.len());
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Sends every input to both doors, many at a time: most of the time is waiting.
fn outcomes(server: &Running, inputs: &[Vec<u8>], patience: Duration) -> Vec<(Vec<u8>, [Outcome; 2])> {
    let ask = |input: &Vec<u8>| {
        (input.clone(), DOORS.map(|(_, port)| exchange_within(server.address(port), input, Way::Whole, patience)))
    };
    std::thread::scope(|scope| {
        let share = inputs.len().div_ceil(SENDERS).max(1);
        let senders: Vec<_> =
            inputs.chunks(share).map(|share| scope.spawn(move || share.iter().map(ask).collect::<Vec<_>>())).collect();
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender")).collect()
    })
}
