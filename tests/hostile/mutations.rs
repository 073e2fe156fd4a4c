//! A good request cut at every byte, with every bit turned, and changed at random.

use super::doors::{Door, PACKETS, PROXIES, at_each};
use super::health::{Health, send_all};
use super::start;
use crate::http1::random::Random;

/// Bytes that mean something to somebody.
const SPICE: &[u8] = b"\r\n\0 \t:,\x01\x04\x05\x06\x7f\x80\xff09aAzPROXY";

at_each! { endured at
    cut_turned_and_changed_at_uwsgi: PACKETS[0],
    cut_turned_and_changed_at_puwsgi: PACKETS[1],
    cut_turned_and_changed_at_fastcgi: PACKETS[2],
    cut_turned_and_changed_at_scgi: PACKETS[3],
    cut_turned_and_changed_of_version_1_at_a_worker: PROXIES[0],
    cut_turned_and_changed_of_version_2_at_a_worker: PROXIES[1],
    cut_turned_and_changed_of_version_1_at_the_router: PROXIES[2],
    cut_turned_and_changed_of_version_2_at_the_router: PROXIES[3],
}

#[track_caller]
fn endured(door: &Door) {
    let server = start(door, "");
    let health = Health::of(&server, door);
    let sample = door.sample("/");
    let whole = door.ask(&server, &sample);
    assert!(whole.ends_with("WHOLE hello"), "{}: {whole}", door.name);

    let cut: Vec<_> = (0..sample.len()).map(|end| sample[..end].to_vec()).collect();
    for (end, answer) in send_all(&server, &cut).iter().enumerate() {
        let answer = answer.as_ref().unwrap_or_else(|| panic!("{}: cut at {end}, and no end", door.name));
        let text = door.text(answer);
        assert!(door.may_say(answer) && !text.contains("WHOLE"), "{}: cut at {end}: {text}", door.name);
    }
    health.unharmed(&server, door, "cut at every byte", cut.len());

    let turn = |bit: usize| {
        let mut bytes = sample.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let turned: Vec<_> = (0..sample.len() * 8).map(turn).collect();
    all_end(&server, door, &turned);
    health.unharmed(&server, door, "every bit turned", turned.len());

    let mut random = Random::new(19);
    let changed: Vec<_> = (0..1000).map(|_| changed(&mut random, &sample)).collect();
    all_end(&server, door, &changed);
    health.unharmed(&server, door, "changed at random", changed.len());
}

#[track_caller]
fn all_end(server: &crate::support::Running, door: &Door, inputs: &[Vec<u8>]) {
    for (input, answer) in inputs.iter().zip(send_all(server, inputs)) {
        let answer = answer.unwrap_or_else(|| panic!("{}: no end of {}", door.name, input.escape_ascii()));
        assert!(door.may_say(&answer), "{}: {}: {}", door.name, input.escape_ascii(), answer.escape_ascii());
    }
}

/// Up to four changes.
fn changed(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = SPICE[random.below(SPICE.len())],
            1 => bytes.insert(at, SPICE[random.below(SPICE.len())]),
            2 if bytes.len() > 1 => drop(bytes.remove(at)),
            3 => bytes.extend_from_within(at..),
            4 if at > 0 => bytes.truncate(at),
            _ => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
        }
    }
    bytes
}
