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
    /// Trailers so far.
    trailers: u8,
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

/// Bytes that all extensions and trailers of a body may have together. Less than hyper allows, which reads behind this decoder.
const EXTRA: u32 = 15 * 1024;
/// Trailers that a body may have; less than hyper allows.
const TRAILERS: u8 = 64;
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
        Self {
            state: State::Size,
            left: 0,
            digits: 0,
            total: 0,
            extra: EXTRA,
            trailers: 0,
            name: [0; NAME],
            name_len: 0,
        }
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
                self.trailers = self.trailers.saturating_add(1);
                if self.trailers > TRAILERS {
                    return Err(Reject::new(431, "more trailers than the limit"));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `input` in pieces of `size` bytes: the body and how many bytes were used, or the refusal.
    fn run(input: &[u8], size: usize) -> Result<(Vec<u8>, usize, bool), u16> {
        let mut decoder = Chunked::new();
        let mut body = Vec::new();
        let mut used = 0;
        for piece in input.chunks(size) {
            let more = decoder.decode(piece, |data| body.extend_from_slice(data)).map_err(|reject| reject.status)?;
            used += more;
            if decoder.is_done() {
                break;
            }
            assert_eq!(more, piece.len(), "a body that goes on uses everything");
        }
        Ok((body, used, decoder.is_done()))
    }

    /// Whole, byte by byte, in every size of pieces, and cut in two at each place.
    fn run_every_way(name: &str, input: &[u8]) -> Result<(Vec<u8>, usize, bool), u16> {
        let whole = run(input, input.len().max(1));
        for size in 1..=input.len() {
            assert_eq!(run(input, size), whole, "{name}: in pieces of {size}");
        }
        for split in 0..=input.len() {
            let mut decoder = Chunked::new();
            let mut body = Vec::new();
            let (front, back) = input.split_at(split);
            let result = decoder
                .decode(front, |data| body.extend_from_slice(data))
                .and_then(|used| Ok(used + decoder.decode(back, |data| body.extend_from_slice(data))?))
                .map_err(|reject| reject.status);
            assert_eq!(result.map(|used| (body, used, decoder.is_done())), whole, "{name}: cut at {split}");
        }
        whole
    }

    #[test]
    fn legal_bodies_end_exactly_after_their_last_line() {
        let cases: &[(&str, &str, &str)] = &[
            ("empty", "0\r\n\r\n", ""),
            ("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("two chunks", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
            ("sizes in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
            ("leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello"),
            ("line ends within", "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
            ("looks like an end", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
            ("extension", "1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
            ("extensions, quoted", "1; a=\"b;\\\"\t\";c\r\nx\r\n0\r\n\r\n", "x"),
            ("extension list", "1;a=b;c=\"d e\";f\r\nx\r\n0\r\n\r\n", "x"),
            ("trailers", "1\r\nx\r\n0\r\nDigest: abc\r\nX-Sum:\r\n\r\n", "x"),
            (
                "trailer that only begins like a forbidden one",
                "0\r\nHosts: a\r\nContent-Length-Was: 1\r\nproxy-authorization2: x\r\n\r\n",
                "",
            ),
        ];
        for &(name, input, body) in cases {
            let mut pipelined = input.as_bytes().to_vec();
            pipelined.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let expected = Ok((body.as_bytes().to_vec(), input.len(), true));
            assert_eq!(run_every_way(name, input.as_bytes()), expected, "{name}");
            assert_eq!(run_every_way(name, &pipelined), expected, "{name}: with a request behind it");
        }
    }

    #[test]
    fn illegal_bodies_are_refused() {
        let long_extension = format!("1;{}\r\nx\r\n", "e".repeat(20_000));
        let many_trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(65));
        let long_trailer = format!("0\r\nA: {}\r\n", "e".repeat(20_000));
        let cases: &[(&str, &str, u16)] = &[
            ("no size", "\r\n", 400),
            ("sign +", "+1\r\nx\r\n", 400),
            ("sign -", "-1\r\nx\r\n", 400),
            ("prefix", "0x1\r\nx\r\n", 400),
            ("underscore", "1_0\r\n", 400),
            ("blank before", " 1\r\nx\r\n", 400),
            ("blank behind", "1 \r\nx\r\n", 400),
            ("blank before an extension", "1 ;a\r\nx\r\n", 400),
            ("tab behind", "1\t\r\nx\r\n", 400),
            ("no hexadecimal", "g\r\n", 400),
            ("full width digits", "\u{ff11}\r\nx", 400),
            ("LF ends the size", "1\nx\r\n", 400),
            ("CR alone ends the size", "1\rx", 400),
            ("too many digits", "00000000000000001\r\n", 413),
            ("beyond 63 bits", "8000000000000000\r\n", 413),
            ("sum beyond 63 bits", "1\r\nx\r\n7fffffffffffffff\r\n", 413),
            ("data too long", "1\r\nxy\r\n", 400),
            ("data too short", "3\r\nx\r\n0\r\n\r\n", 400),
            ("LF ends the data", "1\r\nx\n0\r\n\r\n", 400),
            ("CR alone ends the data", "1\r\nx\r0\r\n\r\n", 400),
            ("extension without a name", "1;\r\nx\r\n", 400),
            ("extension without a value", "1;a=\r\nx\r\n", 400),
            ("extension, LF", "1;a\nx\r\n", 400),
            ("extension, blank behind it", "1;a \r\nx\r\n", 400),
            ("extension, CR in a quote", "1;a=\"\r\"\r\nx\r\n", 400),
            ("extension, NUL", "1;a\0\r\nx\r\n", 400),
            ("extension, quote left open", "1;a=\"b\r\nx\r\n", 400),
            ("extension, text behind a quote", "1;a=\"b\"c\r\nx\r\n", 400),
            ("extension, LF in a quote", "1;a=\"\n\"\r\nx\r\n", 400),
            ("extension too long", &long_extension, 431),
            ("trailer without a colon", "0\r\nABC\r\n\r\n", 400),
            ("trailer without a name", "0\r\n: x\r\n\r\n", 400),
            ("trailer, blank before the colon", "0\r\nA : x\r\n\r\n", 400),
            ("trailer, folded", "0\r\nA: x\r\n y\r\n\r\n", 400),
            ("trailer, LF", "0\r\nA: x\n\r\n", 400),
            ("trailer, CR", "0\r\nA: x\ry\r\n\r\n", 400),
            ("trailer, NUL", "0\r\nA: \0\r\n\r\n", 400),
            ("trailer: Content-Length", "0\r\nContent-Length: 5\r\n\r\n", 400),
            ("trailer: Transfer-Encoding", "0\r\nTRANSFER-ENCODING: chunked\r\n\r\n", 400),
            ("trailer: Host", "0\r\nhost: x\r\n\r\n", 400),
            ("trailer: Proxy-Authorization", "0\r\nProxy-Authorization: x\r\n\r\n", 400),
            ("trailer too long", &long_trailer, 431),
            ("too many trailers", &many_trailers, 431),
            ("LF ends the body", "0\r\n\n", 400),
            ("CR CR at the end", "0\r\n\r\r\n", 400),
            ("data after the last chunk", "0\r\nx\r\n", 400),
        ];
        for &(name, input, status) in cases {
            let result = if input.len() < 100 {
                run_every_way(name, input.as_bytes())
            } else {
                assert_eq!(run(input.as_bytes(), 1), run(input.as_bytes(), usize::MAX), "{name}");
                run(input.as_bytes(), 999)
            };
            assert_eq!(result, Err(status), "{name}");
        }
    }

    #[test]
    fn unfinished_bodies_are_not_done() {
        let body = b"5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n";
        for end in 0..body.len() {
            let (_, used, done) = run(&body[..end], usize::MAX).expect("a proper beginning");
            assert!(!done && used == end, "at {end}");
        }
    }

    #[test]
    fn many_small_extensions_are_bounded_together() {
        let body = b"1;abcdefghij\r\nx\r\n".repeat(2000);
        assert_eq!(run(&body, usize::MAX), Err(431));
        let body = b"1\r\nx\r\n".repeat(20_000);
        assert!(run(&body, usize::MAX).is_ok(), "small chunks alone are legal");
    }

    #[test]
    fn steps_give_no_more_than_asked_and_announce_what_comes() {
        let mut decoder = Chunked::new();
        let (used, step) = decoder.step(b"a\r\n0123456789\r\n0\r\n\r\n", 4).expect("legal");
        assert_eq!((used, step), (7, Step::Data(b"0123")));
        assert_eq!(decoder.announced(), 10);
        let (used, step) = decoder.step(b"456789\r\n0\r\n\r\nnext", 100).expect("legal");
        assert_eq!((used, step), (6, Step::Data(b"456789")));
        assert_eq!(decoder.step(b"\r\n0\r\n\r\nnext", 100), Ok((7, Step::Done)));
        assert_eq!(decoder.step(b"next", 100), Ok((0, Step::Done)));
    }

    #[test]
    fn random_changes_never_panic() {
        let seed = b"5;a=\"b\"\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n";
        let spice = b"\r\n\0 ;=\"\\:0123456789abcdefg\xff";
        let mut random = crate::random::Random::new(11);
        for _ in 0..2000 {
            let mut input = seed.to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(input.len());
                match random.below(2) {
                    0 => input[at] = spice[random.below(spice.len())],
                    _ => input.insert(at, spice[random.below(spice.len())]),
                }
            }
            let _ = run_every_way(&input.escape_ascii().to_string(), &input);
        }
    }
}
