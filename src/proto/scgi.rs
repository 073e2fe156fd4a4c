//! The SCGI request: a netstring of variables (`length ":" (key NUL value NUL)* ","`), then the body.
//! Source: "SCGI: A Simple Common Gateway Interface alternative", 2008.

use crate::Progress;
use crate::cgi::{Facts, Fault, Intake, Limits};
use crate::vars::{Piece, Vars};

/// What a request says beside its variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet {
    /// Bytes of the input that the variables were. The body begins here.
    pub consumed: usize,
    /// What the variables say.
    pub facts: Facts,
}

/// A request that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The block of variables is longer than allowed.
    #[error("SCGI header block of {size} bytes (max {max}); raise buffer-size to take it")]
    TooLong {
        /// Its size, bytes.
        size: usize,
        /// The limit, bytes.
        max: usize,
    },
    /// No netstring.
    #[error("SCGI request is no netstring")]
    Netstring,
    /// A variable that is not taken.
    #[error("SCGI request has {0}")]
    Variable(#[from] Fault),
}

impl PacketError {
    /// Status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong { .. } => 431,
            Self::Netstring => 400,
            Self::Variable(fault) => fault.status(),
        }
    }
}

/// Decodes the variables at the start of `input` into `vars` (emptied first) and `packet`. Spans refer to this `input`; on
/// `NeedMore` and on errors the content of both means nothing.
///
/// # Errors
/// A [`PacketError`]: close the connection, parse nothing more of it.
pub fn decode(input: &[u8], limits: &Limits, vars: &mut Vars, packet: &mut Packet) -> Result<Progress, PacketError> {
    let Some((prefix, size)) = length(input)? else { return Ok(Progress::NeedMore) };
    if size > limits.block {
        return Err(PacketError::TooLong { size, max: limits.block });
    }
    let Some(&end) = input.get(prefix + size) else { return Ok(Progress::NeedMore) };
    if end != b',' {
        return Err(PacketError::Netstring);
    }
    let mut rest = input.get(prefix..prefix + size).unwrap_or_default();
    let mut intake = Intake::new(limits, input, Piece::Input, vars);
    while !rest.is_empty() {
        let key = take_text(&mut rest)?;
        let value = take_text(&mut rest)?;
        intake.take(key, value)?;
    }
    *packet = Packet { consumed: prefix + size + 1, facts: intake.facts() };
    Ok(Progress::Done)
}

/// Reads `length ":"`: how many bytes that were, and the length. Digits only, no leading zero.
fn length(input: &[u8]) -> Result<Option<(usize, usize)>, PacketError> {
    let mut size = 0_usize;
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            b'0'..=b'9' if at < 8 && (at == 0 || size > 0) => size = size * 10 + usize::from(byte - b'0'),
            b':' if at > 0 => return Ok(Some((at + 1, size))),
            _ => return Err(PacketError::Netstring),
        }
    }
    Ok(None)
}

/// Takes the bytes before the next NUL.
fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let end = memchr::memchr(0, rest).ok_or(Fault::Overrun)?;
    let (text, tail) = rest.split_at(end);
    *rest = tail.get(1..).unwrap_or_default();
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, names};

    fn run(input: &[u8]) -> Result<Option<(Packet, Vec<String>)>, PacketError> {
        let (mut vars, mut packet) = (Vars::new(), Packet::default());
        let limits = Limits { block: 100, vars: 4, code_loading: false };
        Ok(match decode(input, &limits, &mut vars, &mut packet)? {
            Progress::NeedMore => None,
            Progress::Done => {
                let show =
                    |var: crate::vars::Var<'_>| format!("{}={}", var.key.escape_ascii(), var.value.escape_ascii());
                Some((packet, vars.iter(input).map(show).collect()))
            }
        })
    }

    fn run_every_way(input: &[u8]) -> Result<Option<(Packet, Vec<String>)>, PacketError> {
        let whole = run(input);
        for split in 0..input.len() {
            match run(&input[..split]) {
                Ok(None) => {}
                early => assert_eq!(early, whole, "at {split}"),
            }
        }
        let more = [input, b"4:body,"].concat();
        if !matches!(whole, Ok(None)) {
            assert_eq!(run(&more), whole);
        }
        whole
    }

    #[test]
    fn the_example_of_the_specification() {
        let input = b"70:CONTENT_LENGTH\x0027\0SCGI\x001\0REQUEST_METHOD\0POST\0REQUEST_URI\0/deepthought\0,";
        let (packet, shown) = run_every_way(input).expect("legal").expect("complete");
        assert_eq!(packet.consumed, input.len());
        assert_eq!(packet.facts.body, Body::Length(27));
        assert_eq!(shown, ["CONTENT_LENGTH=27", "SCGI=1", "REQUEST_METHOD=POST", "REQUEST_URI=/deepthought"]);
    }

    #[test]
    fn code_loading_is_left_out() {
        let (packet, shown) = run_every_way(b"17:UWSGI_FILE\0x\0A\0b\0,").expect("legal").expect("complete");
        assert_eq!(packet.facts.refused, Some(names::UWSGI_FILE));
        assert_eq!(shown, ["A=b"]);
    }

    #[test]
    fn broken_requests_are_refused() {
        let error = |input: &[u8]| run_every_way(input).map(|done| done.is_some());
        assert_eq!(error(b"0:,"), Ok(true));
        for input in [&b":,"[..], b"x", b"+1:", b" 1:", b"01:", b"00:", b"123456789:", b"4:A\0b\0;", b"GET / HTTP/1.1"]
        {
            assert_eq!(error(input), Err(PacketError::Netstring), "{}", input.escape_ascii());
        }
        assert_eq!(error(b"101:"), Err(PacketError::TooLong { size: 101, max: 100 }));
        assert_eq!(error(b"3:A\0b,"), Err(Fault::Overrun.into()));
        assert_eq!(error(b"2:A\0,"), Err(Fault::Overrun.into()));
        assert_eq!(error(b"3:\0b\0,"), Err(Fault::EmptyKey.into()));
        assert_eq!(error(b"20:A\0\0A\0\0A\0\0A\0\0A\0\0ABC\0\0,"), Err(Fault::TooMany(4).into()));
        assert_eq!(error(b"18:CONTENT_LENGTH\x003x\0,"), Err(Fault::ContentLength.into()));
    }
}
