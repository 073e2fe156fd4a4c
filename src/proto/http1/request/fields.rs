//! Header fields: those of one name become one variable, and what concerns the server is noted.

use httparse::Header;

use super::MAX_FIELDS;
use super::value::{self, Connection};
use crate::Version;
use crate::http1::{Reject, Underscores, target};
use crate::names::{self, KnownId};
use crate::vars::{Piece, Span, Vars};

/// What the fields said that concerns the server.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) version: Version,
    pub(super) connection: Connection,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) expect: bool,
    pub(super) upgrade: bool,
    host: bool,
}

impl Facts {
    pub(super) fn new(version: Version) -> Self {
        Self { version, ..Self::default() }
    }

    /// Looks at one field. False: it must not become a variable.
    fn note(&mut self, id: KnownId, value: &[u8]) -> Result<bool, Reject> {
        match id {
            names::HTTP_HOST => {
                self.host = true;
                if !target::is_authority(value) {
                    return Err(Reject::bad("invalid Host"));
                }
            }
            names::CONTENT_LENGTH => {
                let length = value::content_length(value).ok_or(Reject::bad("invalid Content-Length"))?;
                self.length = Some(length);
            }
            names::HTTP_TRANSFER_ENCODING => {
                value::transfer_encoding(value, self.version)?;
                self.chunked = true;
            }
            names::HTTP_CONNECTION => self.connection.add(value),
            names::HTTP_EXPECT => {
                value::expect(value)?;
                self.expect = true;
            }
            names::HTTP_UPGRADE => self.upgrade = true,
            // As a CGI variable it would be HTTP_PROXY, which many programs take as their own proxy setting.
            names::HTTP_PROXY => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    /// Checks what only shows at the end.
    pub(super) fn finish(&self, vars: &mut Vars, input: &[u8], authority: Option<&[u8]>) -> Result<(), Reject> {
        if self.chunked && self.length.is_some() {
            return Err(Reject::bad("both Content-Length and Transfer-Encoding"));
        }
        if !self.host {
            if self.version == Version::Http11 {
                return Err(Reject::bad("no Host in an HTTP/1.1 request"));
            }
            if let Some(authority) = authority {
                vars.push_known(names::HTTP_HOST, Piece::Input(Span::of(authority, input)));
            }
        }
        Ok(())
    }
}

/// Turns the fields into variables. Fields of one name become one, in the place of the first (RFC 9110 §5.3).
///
/// `authority`: what counts instead of the value of Host.
pub(super) fn push_fields(
    fields: &[Header<'_>],
    authority: Option<&[u8]>,
    input: &[u8],
    underscores: Underscores,
    vars: &mut Vars,
    facts: &mut Facts,
) -> Result<(), Reject> {
    let mut pass = Pass { fields, input, vars, facts, seen: Seen::default(), joined: Seen::default() };
    for (at, field) in fields.iter().enumerate() {
        if pass.joined.has(at) {
            continue;
        }
        match names::from_header(field.name.as_bytes()) {
            Some(names::HTTP_HOST) => pass.take_host(field, authority)?,
            Some(id) => pass.take_known(id, at, field)?,
            None => pass.take_other(at, field, underscores)?,
        }
    }
    Ok(())
}

/// One pass over the fields.
struct Pass<'a, 'h> {
    fields: &'a [Header<'h>],
    input: &'a [u8],
    vars: &'a mut Vars,
    facts: &'a mut Facts,
    /// Numbers of the names that came already.
    seen: Seen,
    /// Places of the fields whose values have been joined to an earlier one.
    joined: Seen,
}

impl Pass<'_, '_> {
    fn take_host(&mut self, field: &Header<'_>, authority: Option<&[u8]>) -> Result<(), Reject> {
        self.facts.note(names::HTTP_HOST, field.value)?;
        if !self.seen.insert(names::HTTP_HOST.index()) {
            return Err(Reject::bad("more than one Host"));
        }
        self.push_known(names::HTTP_HOST, authority.unwrap_or(field.value));
        Ok(())
    }

    fn take_known(&mut self, id: KnownId, at: usize, field: &Header<'_>) -> Result<(), Reject> {
        if !self.facts.note(id, field.value)? {
            return Ok(());
        }
        if self.seen.insert(id.index()) {
            self.push_known(id, field.value);
            return Ok(());
        }
        let separator: &[u8] = match id {
            names::CONTENT_LENGTH => return Err(Reject::bad("more than one Content-Length")),
            names::CONTENT_TYPE => return Err(Reject::bad("more than one Content-Type")),
            names::HTTP_TRANSFER_ENCODING => return Err(Reject::bad("more than one Transfer-Encoding")),
            names::HTTP_COOKIE => b"; ",
            _ => b", ",
        };
        // The later ones of this name are joined now, but each must still be looked at.
        for later in self.fields.iter().skip(at + 1).filter(|later| is_same_name(later, field)) {
            self.facts.note(id, later.value)?;
        }
        if let Some(index) = self.vars.position(id) {
            self.join(index, at, field, separator);
        }
        Ok(())
    }

    fn take_other(&mut self, at: usize, field: &Header<'_>, underscores: Underscores) -> Result<(), Reject> {
        let name = field.name.as_bytes();
        if memchr::memchr(b'_', name).is_some() {
            match underscores {
                Underscores::Drop => return Ok(()),
                Underscores::Refuse => return Err(Reject::bad("header name with an underscore")),
                Underscores::Keep if passes_for_known(name) => return Ok(()),
                Underscores::Keep => {}
            }
        }
        match self.vars.position_of_header(self.input, name) {
            Some(index) => self.join(index, at, field, b", "),
            None => {
                let key = self.vars.header_key(name);
                self.vars.push_piece(key, Piece::Input(Span::of(field.value, self.input)));
            }
        }
        Ok(())
    }

    #[inline]
    fn push_known(&mut self, id: KnownId, value: &[u8]) {
        self.vars.push_known(id, Piece::Input(Span::of(value, self.input)));
    }

    /// Appends the values of field `at` and of all later ones of its name to the value of variable `index`. All at once,
    /// so that a value is copied once however often its name is repeated.
    fn join(&mut self, index: usize, at: usize, field: &Header<'_>, separator: &[u8]) {
        let start = self.vars.append_value(index, self.input);
        for (place, later) in self.fields.iter().enumerate().skip(at).filter(|(_, later)| is_same_name(later, field)) {
            self.joined.insert(place);
            self.vars.scratch().extend_from_slice(separator);
            self.vars.scratch().extend_from_slice(later.value);
        }
        let value = self.vars.since(start);
        self.vars.set_value(index, value);
    }
}

fn is_same_name(one: &Header<'_>, other: &Header<'_>) -> bool {
    one.name.eq_ignore_ascii_case(other.name)
}

/// Whether the variable of `name` would be that of a header the server knows.
fn passes_for_known(name: &[u8]) -> bool {
    let mut dashed = [0; 64];
    let Some(dashed) = dashed.get_mut(..name.len()) else { return false };
    for (slot, &byte) in dashed.iter_mut().zip(name) {
        *slot = if byte == b'_' { b'-' } else { byte };
    }
    names::from_header(dashed).is_some()
}

/// A set of numbers below [`MAX_FIELDS`].
#[derive(Default)]
struct Seen([u64; MAX_FIELDS / 64]);

const _: () = assert!(names::COUNT <= MAX_FIELDS, "a set must hold the number of any name");

impl Seen {
    /// Adds `number`; false when it was there.
    #[inline]
    fn insert(&mut self, number: usize) -> bool {
        let Some(word) = self.0.get_mut(number / 64) else { return false };
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    #[inline]
    fn has(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & 1 << (number % 64) != 0)
    }
}
