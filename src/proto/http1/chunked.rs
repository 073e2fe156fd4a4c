//! Chunked bodies, decoded as they come: the decoder owns no bytes and stops exactly after the body's last line end.
//!
//! Sizes are plain hexadecimal digits; extensions are checked, bounded and ignored; trailer fields are checked, bounded and
//! dropped, and those that could change the request's meaning are refused. Source: RFC 9112 §7.1, RFC 9110 §6.5.

use super::Reject;

/// Decoder of one body. Make a new one for each request.
#[derive(Debug, Clone)]
pub struct Chunked {
    state: State,
    /// Bytes left of the chunk, or its size while that is read.
    left: u64,
    /// Digits of the size so far.
    digits: u8,
    /// Body bytes announced so far.
    total: u64,
    /// Bytes that extensions and trailers may still use.
    extra: u32,
    /// Start of the trailer name being read, in lower case.
    name: [u8; NAME],
    name_len: usize,
}

/// What [`Chunked::step`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Some of the body; there may be more in the same input.
    Data(&'a [u8]),
    /// All the input was used, and the body goes on.
    NeedMore,
    /// The body is complete.
    Done,
}

/// Bytes that all extensions and trailers of a body may have together.
const EXTRA: u32 = 16 * 1024;
/// Longest name among [`FORBIDDEN`], and one more.
const NAME: usize = 20;

/// Trailers that would say something about framing, routing, authentication or content (RFC 9110 §6.5.1).
const FORBIDDEN: &[&[u8]] = &[
    b"authorization",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"keep-alive",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the size's digits.
    Size,
    /// After `;`.
    Extension,
    ExtensionName,
    /// After `=`.
    ExtensionEqual,
    ExtensionValue,
    Quoted,
    QuotedPair,
    /// After a quoted value.
    Unquoted,
    /// After the CR of a size line.
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the last, empty one.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// After the CR of the last line.
    LastLf,
    Done,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunked {
    /// A decoder that stands before the first chunk.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Size, left: 0, digits: 0, total: 0, extra: EXTRA, name: [0; NAME], name_len: 0 }
    }

    /// Whether the body is complete.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Body bytes that the chunks so far announce, those still to come of the last one included. A caller with a limit
    /// looks at it and need not wait for the bytes.
    #[must_use]
    pub const fn announced(&self) -> u64 {
        self.total
    }

    /// Decodes all of `input`, or up to the body's end, giving the pieces to `sink`; returns how many bytes it used.
    ///
    /// # Errors
    /// The framing is broken: nothing that follows on this connection can be trusted.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, Reject> {
        let mut used = 0;
        loop {
            let (more, step) = self.step(input.get(used..).unwrap_or_default(), usize::MAX)?;
            used += more;
            match step {
                Step::Data(data) => sink(data),
                Step::NeedMore | Step::Done => return Ok(used),
            }
        }
    }

    /// Decodes up to the next piece of body, which has at most `most` bytes; returns how many bytes of `input` that used.
    ///
    /// # Errors
    /// As for [`Self::decode`].
    pub fn step<'a>(&mut self, input: &'a [u8], most: usize) -> Result<(usize, Step<'a>), Reject> {
        let mut used = 0;
        loop {
            match self.state {
                State::Done => return Ok((used, Step::Done)),
                State::Data => {
                    let rest = input.get(used..).unwrap_or_default();
                    let take = rest.len().min(most).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    let data = rest.get(..take).unwrap_or_default();
                    if data.is_empty() {
                        return Ok((used, Step::NeedMore));
                    }
                    self.left -= data.len() as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok((used + take, Step::Data(data)));
                }
                _ => {
                    let Some(&byte) = input.get(used) else { return Ok((used, Step::NeedMore)) };
                    used += 1;
                    self.state = self.next(byte)?;
                }
            }
        }
    }

    fn next(&mut self, byte: u8) -> Result<State, Reject> {
        Ok(match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';') if self.digits > 0 => self.extension()?,
            (State::Size, digit) => self.size(digit)?,

            (State::Extension, b' ' | b'\t') => self.spend(State::Extension)?,
            (State::Extension | State::ExtensionName, byte) if is_token(byte) => self.spend(State::ExtensionName)?,
            (State::ExtensionName, b'=') => self.spend(State::ExtensionEqual)?,
            (State::ExtensionEqual, b'"') => self.spend(State::Quoted)?,
            (State::ExtensionEqual | State::ExtensionValue, byte) if is_token(byte) => {
                self.spend(State::ExtensionValue)?
            }
            (State::Quoted, b'"') => self.spend(State::Unquoted)?,
            (State::Quoted, b'\\') => self.spend(State::QuotedPair)?,
            (State::Quoted | State::QuotedPair, byte) if is_value(byte) => self.spend(State::Quoted)?,
            (State::ExtensionName | State::ExtensionValue | State::Unquoted, b';') => self.extension()?,
            (State::ExtensionName | State::ExtensionValue | State::Unquoted, b'\r') => State::SizeLf,

            (State::SizeLf, b'\n') => self.begin_chunk()?,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.digits = 0;
                State::Size
            }

            (State::Trailer, b'\r') => State::LastLf,
            (State::Trailer, byte) if is_token(byte) => {
                self.name_len = 0;
                self.trailer_name(byte)?
            }
            (State::TrailerName, b':') => self.trailer_value()?,
            (State::TrailerName, byte) if is_token(byte) => self.trailer_name(byte)?,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, byte) if is_value(byte) => self.spend(State::TrailerValue)?,
            (State::TrailerLf, b'\n') => self.spend(State::Trailer)?,
            (State::LastLf, b'\n') => State::Done,
            (state, _) => return Err(Reject::bad(state.complaint())),
        })
    }

    fn size(&mut self, digit: u8) -> Result<State, Reject> {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return Err(Reject::bad("malformed chunk size")),
        };
        if self.digits == 0 {
            self.left = 0;
        }
        if self.digits == 16 {
            return Err(TOO_LARGE);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(value);
        Ok(State::Size)
    }

    fn extension(&mut self) -> Result<State, Reject> {
        self.spend(State::Extension)
    }

    fn begin_chunk(&mut self) -> Result<State, Reject> {
        let total = self.total.checked_add(self.left).filter(|&total| i64::try_from(total).is_ok());
        self.total = total.ok_or(TOO_LARGE)?;
        Ok(if self.left == 0 { State::Trailer } else { State::Data })
    }

    fn trailer_name(&mut self, byte: u8) -> Result<State, Reject> {
        // Of a longer name only the start is kept: its length then says that it is none of the forbidden ones.
        if let Some(slot) = self.name.get_mut(self.name_len) {
            *slot = byte.to_ascii_lowercase();
            self.name_len += 1;
        }
        self.spend(State::TrailerName)
    }

    fn trailer_value(&mut self) -> Result<State, Reject> {
        let name = self.name.get(..self.name_len).unwrap_or_default();
        if FORBIDDEN.contains(&name) {
            return Err(Reject::bad("forbidden trailer field"));
        }
        self.spend(State::TrailerValue)
    }

    /// Counts one byte of an extension or a trailer.
    fn spend(&mut self, state: State) -> Result<State, Reject> {
        self.extra = self.extra.checked_sub(1).ok_or(Reject::new(431, "chunk extensions or trailers too long"))?;
        Ok(state)
    }
}

const TOO_LARGE: Reject = Reject::new(413, "chunk size too large");

impl State {
    const fn complaint(self) -> &'static str {
        match self {
            Self::Size | Self::SizeLf => "malformed chunk size",
            Self::Data | Self::DataCr | Self::DataLf => "chunk longer than its size",
            Self::Trailer | Self::TrailerName | Self::TrailerValue | Self::TrailerLf | Self::LastLf | Self::Done => {
                "malformed trailer"
            }
            _ => "malformed chunk extension",
        }
    }
}

/// A byte of a token (RFC 9110 §5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// A byte of a field's value or of a quoted string: no control but HTAB.
const fn is_value(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}
