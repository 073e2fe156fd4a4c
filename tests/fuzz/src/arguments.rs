//! The command line and the environment. The input is a list of words, each ended by NUL; those up to an empty one are variables of the
//! environment.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::config;

pub(crate) fn run(input: &[u8]) {
    let words: Vec<&[u8]> = input.split(|&byte| byte == 0).collect();
    let empty = words.iter().position(|word| word.is_empty());
    let (variables, words) = words.split_at(empty.unwrap_or(0));
    let text = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_owned();
    let variables: Vec<(OsString, OsString)> = variables
        .iter()
        .filter_map(|variable| {
            let equal = variable.iter().position(|&byte| byte == b'=')?;
            Some((text(&variable[..equal]), text(&variable[equal + 1..])))
        })
        .collect();
    let words = words.iter().skip(usize::from(empty.is_some())).map(|word| text(word)).collect();
    config::words(words, &variables);
}
