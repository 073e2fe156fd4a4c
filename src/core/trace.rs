//! W3C Trace Context: which trace a request belongs to.
//!
//! Source: <https://www.w3.org/TR/trace-context-2/>; level 1 differs in what the flags may mean only.

use ring::rand::{SecureRandom, SystemRandom};
use rsgi_proto::names::{HTTP_TRACEPARENT, HTTP_TRACESTATE};
use rsgi_proto::vars::Vars;

/// Length of a `traceparent` of version 00.
const LENGTH: usize = 55;
/// Flags of a trace that begins here: it is to be recorded, for that is for the application to decide, whose tracer would
/// drop it otherwise; and its id is random.
const FLAGS: &[u8] = b"03";
/// Random bytes that are fetched at a time: enough for some 170 traces.
const POOL: usize = 4096;
const TRACE: usize = 16;
const SPAN: usize = 8;

/// A valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent<'a> {
    /// 32 hexadecimal digits.
    pub trace_id: &'a [u8],
    /// 16 hexadecimal digits: whoever has sent the request.
    pub span_id: &'a [u8],
}

impl<'a> Parent<'a> {
    /// Reads a header (section 3.2).
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let [version @ .., b'-', _, _] = text.get(..LENGTH)? else { return None };
        let fields: Vec<_> = version.split(|&byte| byte == b'-').collect();
        let [version, trace_id, span_id] = *fields.as_slice() else { return None };
        let flags = text.get(LENGTH - 2..LENGTH)?;
        let is_hex = |field: &[u8], length| {
            field.len() == length && field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_formed =
            is_hex(version, 2) && is_hex(trace_id, 2 * TRACE) && is_hex(span_id, 2 * SPAN) && is_hex(flags, 2);
        // A later version may have more fields behind these.
        let ends = match version {
            b"ff" => false,
            b"00" => text.len() == LENGTH,
            _ => text.get(LENGTH).is_none_or(|&byte| byte == b'-'),
        };
        let is_none = |id: &[u8]| id.iter().all(|&byte| byte == b'0');
        (is_formed && ends && !is_none(trace_id) && !is_none(span_id)).then_some(Self { trace_id, span_id })
    }
}

/// Ids for traces that begin here. To be made in the process that uses them: a fork would share what is left of the pool.
#[derive(Debug, Default)]
pub struct Ids {
    /// Random bytes that are not used yet.
    pool: Vec<u8>,
}

impl Ids {
    /// Sees to it that the request belongs to a trace: a valid one of its own, or one that begins here. `input` is what the
    /// variables point into.
    pub fn ensure(&mut self, vars: &mut Vars, input: &[u8]) {
        if vars.get(input, HTTP_TRACEPARENT).and_then(Parent::read).is_some() {
            return;
        }
        // What belonged to another trace, or to none (section 3.3).
        vars.remove(HTTP_TRACESTATE);
        vars.remove(HTTP_TRACEPARENT);
        if let Some(parent) = self.begin() {
            vars.push_text(HTTP_TRACEPARENT, &parent);
        }
    }

    /// A new `traceparent`; `None` when the system has no random bytes.
    fn begin(&mut self) -> Option<[u8; LENGTH]> {
        let mut text = [b'-'; LENGTH];
        let (version, rest) = text.split_at_mut_checked(3)?;
        let (trace, rest) = rest.split_at_mut_checked(2 * TRACE + 1)?;
        let (span, flags) = rest.split_at_mut_checked(2 * SPAN + 1)?;
        version.get_mut(..2)?.copy_from_slice(b"00");
        self.id(trace.get_mut(..2 * TRACE)?)?;
        self.id(span.get_mut(..2 * SPAN)?)?;
        flags.copy_from_slice(FLAGS);
        Some(text)
    }

    /// Fills `text` with the digits of a random number that is not 0.
    fn id(&mut self, text: &mut [u8]) -> Option<()> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        loop {
            let length = text.len() / 2;
            if self.pool.len() < length {
                self.pool.resize(POOL, 0);
                SystemRandom::new().fill(&mut self.pool).inspect_err(|_| self.pool.clear()).ok()?;
            }
            let bytes = self.pool.split_off(self.pool.len() - length);
            for (pair, byte) in text.chunks_exact_mut(2).zip(&bytes) {
                let digits =
                    [byte >> 4, byte & 15].map(|digit| DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0'));
                pair.copy_from_slice(&digits);
            }
            if bytes.iter().any(|&byte| byte != 0) {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_parent_is_read() {
        let parent = Parent::read(VALID.as_bytes()).unwrap();
        assert_eq!(parent.trace_id, b"0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.span_id, b"b7ad6b7169203331");
        // Later versions, with more fields and with none.
        for text in [
            VALID.replace("00-", "cc-"),
            VALID.replace("00-", "cc-") + "-what-the-future-brings",
            VALID.replace("-01", "-ff"),
        ] {
            assert!(Parent::read(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_parent_is_refused() {
        let wrong = [
            String::new(),
            VALID.to_uppercase(),
            VALID.replace("00-", "ff-"),
            VALID.replace("00-", "0-"),
            VALID.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            VALID.replace("b7ad6b7169203331", "0000000000000000"),
            VALID.replace("0af7", "0ag7"),
            VALID.replace('-', "_"),
            VALID.replace("-01", "-0"),
            VALID.replace("-01", "-0x"),
            format!("{VALID}-extra"),
            format!("{VALID}, {VALID}"),
            format!("{VALID}."),
            VALID.replace("00-", "cc-") + ".extra",
            format!(" {VALID}"),
        ];
        for text in wrong {
            assert_eq!(Parent::read(text.as_bytes()), None, "{text}");
        }
        for length in 0..LENGTH {
            assert_eq!(Parent::read(&VALID.as_bytes()[..length]), None);
        }
        assert_eq!(Parent::read(&[0xff; 60]), None);
    }

    fn ensured(headers: &[(&[u8], &[u8])]) -> (Option<String>, Option<String>) {
        let mut vars = Vars::new();
        headers.iter().for_each(|(name, value)| vars.push_header(name, value));
        Ids::default().ensure(&mut vars, b"");
        let text = |id| vars.get(b"", id).map(|value| String::from_utf8(value.to_vec()).unwrap());
        (text(HTTP_TRACEPARENT), text(HTTP_TRACESTATE))
    }

    #[test]
    fn a_trace_goes_on_or_begins() {
        let valid = [(&b"traceparent"[..], VALID.as_bytes()), (b"tracestate", b"rojo=00f067aa0ba902b7")];
        assert_eq!(ensured(&valid), (Some(VALID.into()), Some("rojo=00f067aa0ba902b7".into())));
        for headers in [&[][..], &[(&b"traceparent"[..], &b"nonsense"[..]), (b"tracestate", b"a=b")], &valid[1..]] {
            let (parent, state) = ensured(headers);
            let parent = parent.unwrap();
            assert!(Parent::read(parent.as_bytes()).is_some() && parent.ends_with("-03"), "{parent}");
            assert_eq!(state, None, "the state of another trace is of no use");
        }
    }

    #[test]
    fn ids_differ() {
        let mut ids = Ids::default();
        let all: std::collections::HashSet<_> = (0..1000).map(|_| ids.begin().unwrap()).collect();
        assert_eq!(all.len(), 1000);
    }
}
