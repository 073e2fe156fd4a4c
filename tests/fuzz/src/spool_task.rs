//! Files of the spooler: what is read can be written again to the same bytes, and a cut one is none, or has a shorter body.

use rsgi::aside::task::{decode, encode};

use crate::cut;

pub(crate) fn run(input: &[u8]) {
    let Some(task) = decode(input) else { return };
    let mut written = encode(task.vars.iter().copied(), task.body).expect("it came out of a file");
    // The second modifier means nothing.
    written[3] = input[3];
    assert_eq!(written, input);
    let cut = cut::place(input, input.len());
    match decode(&input[..cut]) {
        None => assert!(cut < input.len() - task.body.len()),
        Some(shorter) => {
            assert_eq!(shorter.vars, task.vars);
            assert!(task.body.starts_with(shorter.body));
        }
    }
}
