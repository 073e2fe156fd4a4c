//! Fifty requests behind each other, of which some are bad.

use super::corpus::{self, Answer, Case};
use super::doors;
use super::exchange::Way;
use super::random::Random;
use super::witness;

/// Requests in a pipeline.
const DEPTH: usize = 50;

/// Short cases that both doors answer in the same way and that leave the connection open.
fn kept() -> Vec<Case> {
    corpus::all().into_iter().filter(|case| case.is_kept() && case.bytes.len() < 500).collect()
}

/// One case of many; the last answer says whether the connection stays.
fn pipeline<'a>(name: String, cases: impl IntoIterator<Item = &'a Case>) -> Case {
    let (mut bytes, mut answers) = (Vec::new(), Vec::<Answer>::new());
    for case in cases {
        bytes.extend_from_slice(&case.bytes);
        answers.extend_from_slice(&case.answers);
    }
    Case { name, bytes, answers }
}

#[test]
fn fifty_deep() {
    let (kept, mut random) = (kept(), Random::new(50));
    let mut draw = |round: usize| {
        let drawn: Vec<_> = (0..DEPTH).map(|_| &kept[random.below(kept.len())]).collect();
        let names: Vec<_> = drawn.iter().map(|case| case.name.as_str()).collect();
        pipeline(format!("pipeline {round} of {names:?}"), drawn)
    };
    let cases: Vec<_> = (0..10).map(&mut draw).collect();
    doors::check(&witness::start(""), &cases);
}

#[test]
fn nothing_behind_a_bad_request_is_parsed_wherever_it_stands() {
    let refused: Vec<_> =
        corpus::all().into_iter().filter(|case| case.is_refused() && case.bytes.len() < 500).collect();
    let (kept, mut random) = (kept(), Random::new(51));
    // Each bad case stands once between good ones.
    let cases: Vec<_> = refused
        .iter()
        .map(|bad| {
            let before = random.below(10);
            let good = |_| &kept[random.below(kept.len())];
            let mut drawn: Vec<_> = (0..DEPTH - 1).map(good).collect();
            let mut case = pipeline(String::new(), drawn.drain(..before).chain([bad]));
            case.bytes.extend(drawn.iter().flat_map(|case| &case.bytes));
            case.name = format!("{} behind {before} others", bad.name);
            case
        })
        .collect();
    assert!(cases.len() > 150, "{} bad cases", cases.len());
    // Byte by byte each of them has been sent alone.
    doors::check_in(&witness::start(""), &cases, &[Way::Whole, Way::Split(1)]);
}
