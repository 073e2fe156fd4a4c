//! A request's CGI variables: a list that is used again for every request and copies nothing it can point at.
//!
//! A key is a number of [`crate::names`] or text; text and values are spans into the *input* (the slice that a decoder was
//! given), spans into the list's own scratch bytes (decoded paths, converted names, values made by us), or constants.
//! Whoever reads must therefore pass the same input again. Nothing here assumes UTF-8.

use crate::names::KnownId;

/// A run of bytes, as offset and length in something that the context names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// `len` bytes from `start`. Heads are far smaller than 4 GiB; beyond, the span is empty.
    #[must_use]
    pub fn new(start: usize, len: usize) -> Self {
        match (u32::try_from(start), u32::try_from(len)) {
            (Ok(start), Ok(len)) => Self { start, len },
            _ => Self::default(),
        }
    }

    /// Where `part` lies in `whole`; it must be a slice of it.
    #[must_use]
    pub fn of(part: &[u8], whole: &[u8]) -> Self {
        Self::new((part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize), part.len())
    }

    /// The bytes; empty when `whole` is not what the span was made for.
    #[must_use]
    pub fn get(self, whole: &[u8]) -> &[u8] {
        let start = self.start as usize;
        whole.get(start..start + self.len as usize).unwrap_or_default()
    }

    /// Number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Where a key's text or a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// In the input.
    Input(Span),
    /// In the list's scratch bytes; made by [`Vars::scratch`] and [`Vars::since`].
    Scratch(Span),
    /// A constant.
    Static(&'static [u8]),
}

/// One variable, as [`Vars::iter`] shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Var<'a> {
    /// Number of the key, when it has one.
    pub known: Option<KnownId>,
    /// The key, always as text too.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

/// The list.
#[derive(Debug, Default, Clone)]
pub struct Vars {
    entries: Vec<Entry>,
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    value: Piece,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    Known(KnownId),
    Text(Piece),
}

/// Scratch capacity that is kept between requests; a rare large one gives its memory back.
const KEPT_SCRATCH: usize = 128 * 1024;
const KEPT_ENTRIES: usize = 1024;

impl Vars {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.scratch.clear();
        if self.scratch.capacity() > KEPT_SCRATCH {
            self.scratch.shrink_to(KEPT_SCRATCH);
        }
        if self.entries.capacity() > KEPT_ENTRIES {
            self.entries.shrink_to(KEPT_ENTRIES);
        }
    }

    /// Number of variables, repeats included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends a variable with a numbered key.
    #[inline]
    pub fn push_known(&mut self, id: KnownId, value: Piece) {
        self.entries.push(Entry { key: Key::Known(id), value });
    }

    /// Appends a variable with a numbered key and a copy of `value`.
    #[inline]
    pub fn push_text(&mut self, id: KnownId, value: &[u8]) {
        let value = self.copy(value);
        self.push_known(id, value);
    }

    /// Appends a variable whose key is text. Use [`crate::names::from_key`] first when the key may be a known one.
    #[inline]
    pub fn push_piece(&mut self, key: Piece, value: Piece) {
        self.entries.push(Entry { key: Key::Text(key), value });
    }

    /// Appends a variable with copies of `key` and `value`; a known key gets its number.
    pub fn push_key(&mut self, key: &[u8], value: &[u8]) {
        match crate::names::from_key(key) {
            Some(id) => self.push_text(id, value),
            None => {
                let key = self.copy(key);
                let value = self.copy(value);
                self.push_piece(key, value);
            }
        }
    }

    /// Appends the variable of a header: `X-Foo` becomes `HTTP_X_FOO`, `Content-Type` becomes `CONTENT_TYPE`. Both are
    /// copied. Says nothing about which headers are proper: [`crate::http1`] does.
    pub fn push_header(&mut self, name: &[u8], value: &[u8]) {
        let value = self.copy(value);
        match crate::names::from_header(name) {
            Some(id) => self.push_known(id, value),
            None => {
                let key = self.header_key(name);
                self.push_piece(key, value);
            }
        }
    }

    /// Replaces the value of every variable `id`, or appends it.
    pub fn set_text(&mut self, id: KnownId, value: &[u8]) {
        self.remove(id);
        self.push_text(id, value);
    }

    /// Removes every variable `id`; true when there was one.
    pub fn remove(&mut self, id: KnownId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| !matches!(entry.key, Key::Known(other) if other == id));
        before != self.entries.len()
    }

    /// Removes every variable that `unwanted` says yes to; returns how many went.
    pub fn remove_where(&mut self, input: &[u8], mut unwanted: impl FnMut(Var<'_>) -> bool) -> usize {
        let before = self.entries.len();
        let scratch = &self.scratch;
        self.entries.retain(|entry| !unwanted(entry.show(input, scratch)));
        before - self.entries.len()
    }

    /// The value of `id`; of several the last counts.
    #[must_use]
    pub fn get<'a>(&'a self, input: &'a [u8], id: KnownId) -> Option<&'a [u8]> {
        let entry = self.entries.iter().rev().find(|entry| matches!(entry.key, Key::Known(other) if other == id))?;
        Some(resolve(entry.value, input, &self.scratch))
    }

    /// The value of `key`, which may be any; of several the last counts.
    #[must_use]
    pub fn get_key<'a>(&'a self, input: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
        match crate::names::from_key(key) {
            Some(id) => self.get(input, id),
            None => self.iter(input).filter(|var| var.key == key).last().map(|var| var.value),
        }
    }

    /// All variables in order, repeats included.
    pub fn iter<'a>(&'a self, input: &'a [u8]) -> impl ExactSizeIterator<Item = Var<'a>> + Clone {
        self.entries.iter().map(move |entry| entry.show(input, &self.scratch))
    }

    /// Size of the variables as a uwsgi packet's block: two lengths of two bytes each, and the text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let key = |entry: &Entry| match entry.key {
            Key::Known(id) => id.key().len(),
            Key::Text(key) => key.len(),
        };
        self.entries.iter().map(|entry| 4 + key(entry) + entry.value.len()).sum()
    }

    /// The scratch bytes, to append a value to; [`Vars::since`] then makes a piece of it.
    pub fn scratch(&mut self) -> &mut Vec<u8> {
        &mut self.scratch
    }

    /// The scratch bytes from `start` (their length before appending) to their end.
    #[must_use]
    pub fn since(&self, start: usize) -> Piece {
        Piece::Scratch(Span::new(start, self.scratch.len().saturating_sub(start)))
    }

    /// Copies `bytes` into the scratch bytes.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) -> Piece {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(bytes);
        self.since(start)
    }

    /// Makes the key of a header: upper case, `_` for `-`, `HTTP_` in front.
    pub(crate) fn header_key(&mut self, name: &[u8]) -> Piece {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(b"HTTP_");
        self.scratch.extend(name.iter().map(|&byte| key_byte(byte)));
        self.since(start)
    }

    /// Copies the value of entry `index` to the end of the scratch bytes; returns where it starts.
    pub(crate) fn append_value(&mut self, index: usize, input: &[u8]) -> usize {
        let start = self.scratch.len();
        match self.entries.get(index).map(|entry| entry.value) {
            Some(Piece::Input(span)) => self.scratch.extend_from_slice(span.get(input)),
            Some(Piece::Scratch(span)) => {
                let from = span.start as usize;
                self.scratch.extend_from_within(from..from + span.len());
            }
            Some(Piece::Static(text)) => self.scratch.extend_from_slice(text),
            None => {}
        }
        start
    }

    /// The value of entry `index` becomes `value`.
    pub(crate) fn set_value(&mut self, index: usize, value: Piece) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.value = value;
        }
    }

    /// Where `id` was put first.
    pub(crate) fn position(&self, id: KnownId) -> Option<usize> {
        self.entries.iter().position(|entry| matches!(entry.key, Key::Known(other) if other == id))
    }

    /// Where the text key of header `name` was put first.
    pub(crate) fn position_of_header(&self, input: &[u8], name: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| match entry.key {
            Key::Known(_) => false,
            Key::Text(piece) => {
                piece.len() == name.len() + 5 && {
                    let key = resolve(piece, input, &self.scratch);
                    key.starts_with(b"HTTP_") && key.iter().skip(5).zip(name).all(|(&k, &n)| k == key_byte(n))
                }
            }
        })
    }
}

impl Piece {
    /// Number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Input(span) | Self::Scratch(span) => span.len(),
            Self::Static(text) => text.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Entry {
    #[inline]
    fn show<'a>(&self, input: &'a [u8], scratch: &'a [u8]) -> Var<'a> {
        let (known, key) = match self.key {
            Key::Known(id) => (Some(id), id.key().as_bytes()),
            Key::Text(piece) => (None, resolve(piece, input, scratch)),
        };
        Var { known, key, value: resolve(self.value, input, scratch) }
    }
}

#[inline]
fn resolve<'a>(piece: Piece, input: &'a [u8], scratch: &'a [u8]) -> &'a [u8] {
    match piece {
        Piece::Input(span) => span.get(input),
        Piece::Scratch(span) => span.get(scratch),
        Piece::Static(text) => text,
    }
}

/// The byte of a CGI key for a byte of a header's name.
const fn key_byte(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn values_come_from_where_they_are() {
        let input = b"..value..";
        let mut vars = Vars::new();
        vars.push_known(names::PATH_INFO, Piece::Input(Span::of(&input[2..7], input)));
        vars.push_known(names::SCRIPT_NAME, Piece::Static(b"const"));
        vars.push_text(names::SERVER_NAME, b"copied");
        vars.push_header(b"X-My-Own", b"1");
        vars.push_header(b"content-TYPE", b"text/plain");
        vars.push_key(b"HTTP_HOST", b"h");
        let shown: Vec<_> = vars
            .iter(input)
            .map(|var| format!("{:?} {}={}", var.known, var.key.escape_ascii(), var.value.escape_ascii()))
            .collect();
        assert_eq!(
            shown,
            [
                "Some(PATH_INFO) PATH_INFO=value",
                "Some(SCRIPT_NAME) SCRIPT_NAME=const",
                "Some(SERVER_NAME) SERVER_NAME=copied",
                "None HTTP_X_MY_OWN=1",
                "Some(CONTENT_TYPE) CONTENT_TYPE=text/plain",
                "Some(HTTP_HOST) HTTP_HOST=h",
            ]
        );
        let bytes: usize = vars.iter(input).map(|var| 4 + var.key.len() + var.value.len()).sum();
        assert_eq!(vars.bytes(), bytes);
        assert_eq!(vars.iter(input).len(), vars.len());
    }

    #[test]
    fn the_last_of_several_counts() {
        let mut vars = Vars::new();
        vars.push_text(names::PATH_INFO, b"1");
        vars.push_key(b"MINE", b"1");
        vars.push_text(names::PATH_INFO, b"2");
        vars.push_key(b"MINE", b"2");
        assert_eq!(vars.get(b"", names::PATH_INFO), Some(&b"2"[..]));
        assert_eq!(vars.get_key(b"", b"PATH_INFO"), Some(&b"2"[..]));
        assert_eq!(vars.get_key(b"", b"MINE"), Some(&b"2"[..]));
        assert_eq!(vars.get_key(b"", b"OTHER"), None);
        vars.set_text(names::PATH_INFO, b"3");
        assert_eq!(vars.len(), 3);
        assert_eq!(vars.get(b"", names::PATH_INFO), Some(&b"3"[..]));
        assert!(vars.remove(names::PATH_INFO) && !vars.remove(names::PATH_INFO));
        assert_eq!(vars.remove_where(b"", |var| var.key == b"MINE"), 2);
        assert!(vars.is_empty());
    }

    #[test]
    fn a_list_used_again_allocates_nothing() {
        let mut vars = Vars::new();
        let fill = |vars: &mut Vars| {
            vars.clear();
            for _ in 0..30 {
                vars.push_header(b"X-My-Own", b"some value");
            }
        };
        fill(&mut vars);
        let before = (vars.entries.capacity(), vars.scratch.capacity());
        for _ in 0..100 {
            fill(&mut vars);
        }
        assert_eq!((vars.entries.capacity(), vars.scratch.capacity()), before);
    }

    #[test]
    fn one_huge_request_does_not_hold_its_memory() {
        let mut vars = Vars::new();
        vars.push_text(names::PATH_INFO, &vec![b'x'; 4 * KEPT_SCRATCH]);
        (0..4 * KEPT_ENTRIES).for_each(|_| vars.push_known(names::PATH_INFO, Piece::Static(b"")));
        vars.clear();
        assert!(vars.scratch.capacity() <= 2 * KEPT_SCRATCH && vars.entries.capacity() <= 2 * KEPT_ENTRIES);
    }

    #[test]
    fn a_wrong_input_gives_empty_values() {
        let input = b"value";
        let mut vars = Vars::new();
        vars.push_known(names::PATH_INFO, Piece::Input(Span::of(input, input)));
        assert_eq!(vars.get(b"val", names::PATH_INFO), Some(&b""[..]));
        assert_eq!(Span::new(usize::MAX, 1).get(input), b"");
        assert_eq!(Span::new(u32::MAX as usize, u32::MAX as usize).get(input), b"");
    }
}
