//! The uwsgi packet: `modifier1 u8, size u16, modifier2 u8`, then `size` bytes of variables, each `key length u16, key,
//! value length u16, value`, little endian; the body follows. Source: uWSGI, "The uwsgi Protocol".

pub use crate::cgi::{CODE_LOADING, Limits};
use crate::cgi::{Facts, Fault, Intake};
use crate::http1::request::Method;
use crate::names::KnownId;
use crate::vars::{Piece, Var, Vars};
use crate::{Body, Progress, Version};

/// Size of a packet's header, bytes.
pub const PACKET_HEADER: usize = 4;

/// What a packet says beside its variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet {
    /// Which plugin is meant: 0 is an application, 100 a ping.
    pub modifier1: u8,
    /// More about it.
    pub modifier2: u8,
    /// Bytes of the input that the packet was. The body begins here.
    pub consumed: usize,
    /// CONTENT_LENGTH.
    pub body: Body,
    /// REQUEST_METHOD.
    pub method: Method,
    /// What to put before the status; see [`Facts::version`].
    pub version: Version,
    /// The first variable that was left out because it would load code.
    pub refused: Option<KnownId>,
}

/// A packet that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The block of variables is longer than allowed.
    #[error("invalid request block size: {size} (max {max}); raise buffer-size to take it")]
    TooLong {
        /// Its size, bytes.
        size: usize,
        /// The limit, bytes.
        max: usize,
    },
    /// A variable that is not taken.
    #[error("uwsgi packet has {0}")]
    Variable(#[from] Fault),
    /// Somebody speaks HTTP here.
    #[error("a client speaks HTTP to a uwsgi socket; use http-socket for that")]
    Http,
}

impl PacketError {
    /// Status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong { .. } => 431,
            Self::Variable(fault) => fault.status(),
            Self::Http => 400,
        }
    }
}

/// Decodes the packet at the start of `input` into `vars` (emptied first) and `packet`. Spans refer to this `input`; on
/// `NeedMore` and on errors the content of both means nothing.
///
/// Repeated keys are kept; the last one counts. A packet without variables is a proper one: what it means depends on its
/// modifier.
///
/// # Errors
/// A [`PacketError`]: close the connection, parse nothing more of it.
pub fn decode(input: &[u8], limits: &Limits, vars: &mut Vars, packet: &mut Packet) -> Result<Progress, PacketError> {
    let Some(&[modifier1, low, high, modifier2]) = input.first_chunk() else { return Ok(Progress::NeedMore) };
    if speaks_http(input) {
        return Err(PacketError::Http);
    }
    let size = usize::from(u16::from_le_bytes([low, high]));
    if size > limits.block {
        return Err(PacketError::TooLong { size, max: limits.block });
    }
    let consumed = PACKET_HEADER + size;
    let Some(block) = input.get(PACKET_HEADER..consumed) else { return Ok(Progress::NeedMore) };
    let mut intake = Intake::new(limits, input, Piece::Input, vars);
    let mut rest = block;
    while !rest.is_empty() {
        let key = take_text(&mut rest)?;
        let value = take_text(&mut rest)?;
        intake.take(key, value)?;
    }
    let Facts { body, method, version, refused } = intake.facts();
    *packet = Packet { modifier1, modifier2, consumed, body, method, version, refused };
    Ok(Progress::Done)
}

/// Appends a packet.
///
/// # Errors
/// When the variables do not fit into one (65,535 bytes); `out` is unchanged then.
pub fn encode<'a>(
    out: &mut Vec<u8>,
    modifier1: u8,
    modifier2: u8,
    vars: impl Iterator<Item = Var<'a>>,
) -> Result<(), PacketError> {
    let start = out.len();
    out.extend_from_slice(&[modifier1, 0, 0, modifier2]);
    let result = vars
        .into_iter()
        .try_for_each(|var| [var.key, var.value].into_iter().try_for_each(|text| put_text(out, text)))
        .and_then(|()| patch_size(out, start));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let (len, tail) = rest.split_first_chunk().ok_or(Fault::Overrun)?;
    let (text, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes(*len))).ok_or(Fault::Overrun)?;
    *rest = tail;
    Ok(text)
}

/// The start of a request line, which as a packet would have a modifier that nobody uses.
fn speaks_http(input: &[u8]) -> bool {
    [&b"GET /"[..], b"HEAD /", b"POST /", b"PUT /", b"DELETE /", b"PATCH /", b"OPTIONS "]
        .iter()
        .any(|line| input.starts_with(line))
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), PacketError> {
    let len = u16::try_from(text.len()).map_err(|_| PacketError::TooLong { size: text.len(), max: 65535 })?;
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text);
    Ok(())
}

fn patch_size(out: &mut [u8], start: usize) -> Result<(), PacketError> {
    let size = out.len() - start - PACKET_HEADER;
    let too_long = PacketError::TooLong { size, max: 65535 };
    let [low, high] = u16::try_from(size).map_err(|_| too_long)?.to_le_bytes();
    match out.get_mut(start + 1..start + 3) {
        Some(field) => field.copy_from_slice(&[low, high]),
        None => return Err(too_long),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    fn packet(vars: &[(&str, &str)]) -> Vec<u8> {
        let vars = vars.iter().map(|(key, value)| Var { known: None, key: key.as_bytes(), value: value.as_bytes() });
        let mut out = Vec::new();
        encode(&mut out, 0, 0, vars).expect("a packet that fits");
        out
    }

    type Outcome = Result<Option<(Packet, Vec<String>)>, PacketError>;

    fn run(input: &[u8], limits: &Limits) -> Outcome {
        let (mut vars, mut packet) = (Vars::new(), Packet::default());
        vars.push_text(names::PATH_INFO, b"of an earlier request");
        Ok(match decode(input, limits, &mut vars, &mut packet)? {
            Progress::NeedMore => None,
            Progress::Done => {
                let show = |var: Var<'_>| format!("{}={}", var.key.escape_ascii(), var.value.escape_ascii());
                let shown = vars.iter(input).map(show).collect();
                Some((packet, shown))
            }
        })
    }

    /// Whole, after every prefix, and with other bytes behind.
    fn run_every_way(input: &[u8], limits: &Limits) -> Outcome {
        let whole = run(input, limits);
        for split in 0..input.len() {
            match run(&input[..split], limits) {
                Ok(None) => {}
                early => assert_eq!(early, whole, "at {split}"),
            }
        }
        let mut more = input.to_vec();
        more.extend_from_slice(b"\x00\x05body");
        if let Ok(Some(_)) | Err(_) = whole {
            assert_eq!(run(&more, limits), whole);
        }
        whole
    }

    fn taken(vars: &[(&str, &str)]) -> (Packet, Vec<String>) {
        run_every_way(&packet(vars), &Limits::default()).expect("legal").expect("complete")
    }

    #[test]
    fn variables_come_as_sent() {
        let sent = [
            ("REQUEST_METHOD", "HEAD"),
            ("MY_OWN", "1"),
            ("EMPTY", ""),
            ("MY_OWN", "2"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
        ];
        let (facts, shown) = taken(&sent);
        assert_eq!(shown, sent.map(|(key, value)| format!("{key}={value}")));
        assert_eq!((facts.method, facts.version, facts.body), (Method::Head, Version::Http11, Body::None));
        assert_eq!(facts.consumed, packet(&sent).len());
        let input = packet(&sent);
        let (mut vars, mut facts) = (Vars::new(), Packet::default());
        assert_eq!(decode(&input, &Limits::default(), &mut vars, &mut facts), Ok(Progress::Done));
        assert_eq!(vars.get_key(&input, b"MY_OWN"), Some(&b"2"[..]), "the last one counts");
        assert_eq!(vars.bytes(), input.len() - PACKET_HEADER);
    }

    #[test]
    fn modifiers_and_empty_packets_are_handed_on() {
        let (facts, shown) = run_every_way(&[100, 0, 0, 7], &Limits::default()).expect("legal").expect("complete");
        assert_eq!((facts.modifier1, facts.modifier2, facts.consumed, shown.len()), (100, 7, 4, 0));
    }

    #[test]
    fn content_length_is_a_number_or_empty() {
        let length = |text: &str| run_every_way(&packet(&[("CONTENT_LENGTH", text)]), &Limits::default());
        let body = |text: &str| length(text).map(|done| done.expect("complete").0.body);
        assert_eq!(body(""), Ok(Body::None));
        assert_eq!(body("0"), Ok(Body::Length(0)));
        assert_eq!(body("17"), Ok(Body::Length(17)));
        for text in ["3abc", "-3", "+3", " 3", "3 ", "0x3", "3,3", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(body(text), Err(PacketError::Variable(Fault::ContentLength)), "{text}");
        }
        let twice =
            |a, b| run(&packet(&[("CONTENT_LENGTH", a), ("CONTENT_LENGTH", b)]), &Limits::default()).map(|_| ());
        assert_eq!(twice("3", "3"), Ok(()));
        assert_eq!(twice("3", "4"), Err(PacketError::Variable(Fault::ContentLength)));
        assert_eq!(twice("3", ""), Err(PacketError::Variable(Fault::ContentLength)));
    }

    #[test]
    fn unknown_protocols_are_never_echoed() {
        for (text, version) in [
            ("HTTP/1.0", Version::Http10),
            ("HTTP/1.1", Version::Http11),
            ("HTTP/2.0", Version::Http11),
            ("FOO/9", Version::Http10),
            ("", Version::Http10),
        ] {
            assert_eq!(taken(&[("SERVER_PROTOCOL", text)]).0.version, version, "{text}");
        }
        assert_eq!(taken(&[]).0.version, Version::Http10);
    }

    #[test]
    fn variables_that_load_code_are_left_out_and_reported() {
        for id in CODE_LOADING {
            let sent = [("A", "1"), (id.key(), "/tmp/evil.py"), ("B", "2")];
            let (facts, shown) = taken(&sent);
            assert_eq!(facts.refused, Some(id));
            assert_eq!(shown, ["A=1", "B=2"]);
            let wanted = Limits { code_loading: true, ..Limits::default() };
            let (facts, shown) = run(&packet(&sent), &wanted).expect("legal").expect("complete");
            assert_eq!((facts.refused, shown.len()), (None, 3));
        }
        let (facts, shown) = taken(&[("UWSGI_APPID", "x"), ("UWSGI_SCHEME", "https")]);
        assert_eq!((facts.refused, shown.len()), (None, 2));
    }

    #[test]
    fn broken_packets_are_refused() {
        let small = Limits { block: 32, vars: 2, code_loading: false };
        let error = |input: &[u8]| run_every_way(input, &small).map(|done| done.is_some());
        assert_eq!(error(b"\x00\x00\x00\x00"), Ok(true));
        assert_eq!(error(b"\x00\x21\x00\x00"), Err(PacketError::TooLong { size: 33, max: 32 }));
        assert_eq!(error(b"\x00\xff\xff\x00"), Err(PacketError::TooLong { size: 65535, max: 32 }));
        assert_eq!(error(b"\x00\x04\x00\x00\x00\x00\x00\x00"), Err(PacketError::Variable(Fault::EmptyKey)));
        assert_eq!(error(b"\x00\x05\x00\x00\x00\x00\x01\x00x"), Err(PacketError::Variable(Fault::EmptyKey)));
        assert_eq!(error(b"\x00\x01\x00\x00\x01"), Err(PacketError::Variable(Fault::Overrun)), "half a length");
        assert_eq!(error(b"\x00\x03\x00\x00\x01\x00A"), Err(PacketError::Variable(Fault::Overrun)), "no value");
        assert_eq!(
            error(b"\x00\x04\x00\x00\x01\x00A\x00"),
            Err(PacketError::Variable(Fault::Overrun)),
            "half a length of a value"
        );
        assert_eq!(
            error(b"\x00\x05\x00\x00\x02\x00A\x00\x00"),
            Err(PacketError::Variable(Fault::Overrun)),
            "key past the end"
        );
        assert_eq!(
            error(b"\x00\x05\x00\x00\x01\x00A\x01\x00"),
            Err(PacketError::Variable(Fault::Overrun)),
            "value past the end"
        );
        assert_eq!(
            error(b"\x00\x06\x00\x00\x01\x00A\xff\xffx"),
            Err(PacketError::Variable(Fault::Overrun)),
            "value far past the end"
        );
        assert_eq!(error(&packet(&[("A", ""), ("B", "")])), Ok(true));
        assert_eq!(error(&packet(&[("A", ""), ("B", ""), ("C", "")])), Err(PacketError::Variable(Fault::TooMany(2))));
        for line in ["GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "OPTIONS * HTTP/1.1\r\n"] {
            assert_eq!(run(line.as_bytes(), &Limits::default()).map(|_| ()), Err(PacketError::Http));
        }
    }

    #[test]
    fn packets_that_do_not_fit_are_not_made() {
        let mut out = b"kept".to_vec();
        let long = vec![b'x'; 40_000];
        let var = |len: usize| Var { known: None, key: b"K", value: &long[..len] };
        assert!(encode(&mut out, 0, 0, [var(40_000), var(40_000)].into_iter()).is_err());
        assert_eq!(out, b"kept");
        assert!(encode(&mut out, 9, 1, [var(40_000), var(65535 - 40_005 - 5)].into_iter()).is_ok());
        assert_eq!(out.len(), 4 + 4 + 65535);
        assert_eq!(out[4..8], [9, 0xff, 0xff, 1]);
        let huge = vec![b'x'; 65_536];
        assert!(encode(&mut out, 0, 0, [Var { known: None, key: b"K", value: &huge }].into_iter()).is_err());
        assert_eq!(out.len(), 4 + 4 + 65535);
    }

    #[test]
    fn random_bytes_never_panic() {
        let seed = packet(&[("REQUEST_METHOD", "GET"), ("CONTENT_LENGTH", "3"), ("X", "y"), ("UWSGI_FILE", "z")]);
        let mut random = crate::random::Random::new(3);
        for _ in 0..3000 {
            let mut input = seed.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(input.len());
                input[at] = u8::try_from(random.below(256)).expect("a byte");
            }
            let _ = run_every_way(&input, &Limits { block: 256, ..Limits::default() });
        }
    }
}
