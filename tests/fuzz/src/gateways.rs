//! What a web server sends over uwsgi, SCGI and FastCGI: written by a plain encoder, the same variables come out of all three, as they
//! went in.
//!
//! The input is a list of variables: the length of a key, the length of its value, key, value.

use rsgi_proto::Progress;
use rsgi_proto::cgi::Limits;
use rsgi_proto::vars::Vars;
use rsgi_proto::{fastcgi, scgi, uwsgi};

use crate::cut;

type Pairs<'a> = Vec<(&'a [u8], &'a [u8])>;

const LIMITS: Limits = Limits { block: 65535, vars: 256, code_loading: true };

pub(crate) fn run(input: &[u8]) {
    let pairs = pairs(input);
    let (mut vars, mut packet) = (Vars::new(), uwsgi::Packet::default());
    let text = to_uwsgi(&pairs);
    let limits = uwsgi::Limits { block: 65535, vars: 256, code_loading: true };
    let done = uwsgi::decode(&text, &limits, &mut vars, &mut packet);
    let is_taken = done.is_ok();
    if is_taken {
        assert_eq!(done, Ok(Progress::Done));
        assert_eq!((packet.consumed, there(&vars, &text)), (text.len(), pairs.clone()));
    }

    let (mut vars, mut packet) = (Vars::new(), fastcgi::Packet::default());
    let text = to_fastcgi(&pairs, input);
    let done = fastcgi::decode(&text, &LIMITS, &mut vars, &mut packet);
    assert_eq!(done.is_ok(), is_taken, "FastCGI: {done:?}");
    if is_taken {
        assert_eq!(done, Ok(Progress::Done));
        assert_eq!((packet.consumed, there(&vars, b"")), (text.len(), pairs.clone()));
    }

    // A NUL ends a text there.
    if pairs.iter().any(|(key, value)| key.contains(&0) || value.contains(&0)) {
        return;
    }
    let (mut vars, mut packet) = (Vars::new(), scgi::Packet::default());
    let text = to_scgi(&pairs);
    let done = scgi::decode(&text, &LIMITS, &mut vars, &mut packet);
    assert_eq!(done.is_ok(), is_taken, "SCGI: {done:?}");
    if is_taken {
        assert_eq!(done, Ok(Progress::Done));
        assert_eq!((packet.consumed, there(&vars, &text)), (text.len(), pairs));
    }
}

fn pairs(mut input: &[u8]) -> Pairs<'_> {
    let mut pairs = Vec::new();
    while let [key, value, rest @ ..] = input {
        let (key, rest) = rest.split_at(usize::from(*key).min(rest.len()));
        let (value, rest) = rest.split_at(usize::from(*value).min(rest.len()));
        pairs.push((key, value));
        input = rest;
    }
    pairs
}

fn there<'a>(vars: &'a Vars, input: &'a [u8]) -> Pairs<'a> {
    vars.iter(input).map(|var| (var.key, var.value)).collect()
}

fn to_uwsgi(pairs: &Pairs<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        block.extend(u16::try_from(text.len()).expect("at most 255").to_le_bytes());
        block.extend_from_slice(text);
    }
    // Longer than any packet, the block is cut, and refused.
    let size = u16::try_from(block.len()).unwrap_or(u16::MAX).to_le_bytes();
    [&[0, size[0], size[1], 0], block.as_slice()].concat()
}

fn to_scgi(pairs: &Pairs<'_>) -> Vec<u8> {
    let block: Vec<u8> = pairs.iter().flat_map(|(key, value)| [key, &b"\0"[..], value, b"\0"].concat()).collect();
    [block.len().to_string().as_bytes(), b":", &block, b","].concat()
}

/// BEGIN_REQUEST, PARAMS cut and padded by chance, and the empty PARAMS that ends them.
fn to_fastcgi(pairs: &Pairs<'_>, chance: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in pairs {
        for text in [key, value] {
            match u8::try_from(text.len()).ok().filter(|&length| length < 128 && length % 2 == 0) {
                Some(length) => block.push(length),
                // A short length may be written in four bytes as well.
                None => block.extend((0x8000_0000 | text.len() as u32).to_be_bytes()),
            }
        }
        block.extend_from_slice(key);
        block.extend_from_slice(value);
    }
    let mut out = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut rest = block.as_slice();
    while !rest.is_empty() {
        let take = 1 + cut::place(&chance[..chance.len().min(rest.len())], rest.len().min(40_000));
        let padding = (take % 9) as u8;
        let size = u16::try_from(take).expect("less than 40,000").to_be_bytes();
        out.extend([1, 4, 0, 1, size[0], size[1], padding, 0]);
        out.extend_from_slice(&rest[..take]);
        out.extend(std::iter::repeat_n(0, padding.into()));
        rest = &rest[take..];
    }
    out.extend([1, 4, 0, 1, 0, 0, 0, 0]);
    out
}
