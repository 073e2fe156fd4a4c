//! The cases, as `cases/*.txt` have them. `cases/README.md` says how they are written.

use std::path::Path;

/// One case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub name: String,
    pub bytes: Vec<u8>,
    /// What both doors answer.
    pub answers: Vec<Answer>,
}

/// An answer that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    /// `100 Continue` comes first.
    pub told_to_go_on: bool,
    /// The connection ends behind it.
    pub closes: bool,
    /// It is the server's own and has no body.
    pub bare: bool,
    /// What the application saw: variables and their values. Empty: it saw nothing.
    pub seen: Vec<(String, String)>,
    /// Variables that must not be there.
    pub unseen: Vec<String>,
}

impl Case {
    /// Whether both doors serve all of it and keep the connection.
    pub(super) fn is_kept(&self) -> bool {
        self.answers.iter().all(|answer| !answer.closes)
    }

    /// Whether both doors refuse its first request.
    pub(super) fn is_refused(&self) -> bool {
        matches!(&self.answers[..], [answer] if answer.closes && answer.seen.is_empty())
    }
}

/// The cases of one theme.
#[track_caller]
pub(super) fn theme(name: &str) -> Vec<Case> {
    let path = folder().join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}.txt:{}", number + 1);
        let last = || format!("{place}: no case yet");
        match line.split_once(' ') {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some((">", bytes)) => {
                let piece = raw(bytes, &place);
                cases.last_mut().unwrap_or_else(|| panic!("{}", last())).bytes.extend(piece);
            }
            Some(("<", expected)) => {
                let answer = answer(expected, &place);
                cases.last_mut().unwrap_or_else(|| panic!("{}", last())).answers.push(answer);
            }
            _ => {
                let name = format!("{place} {line}");
                cases.push(Case { name, bytes: Vec::new(), answers: Vec::new() });
            }
        }
    }
    for case in &cases {
        assert!(!case.bytes.is_empty() && !case.answers.is_empty(), "half: {}", case.name);
    }
    cases
}

/// The names of all themes.
pub(super) fn themes() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the folder of the cases").map(|file| file.expect("a file").path());
    let texts = files.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut names: Vec<_> =
        texts.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every case there is.
pub(super) fn all() -> Vec<Case> {
    themes().iter().flat_map(|name| theme(name)).collect()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http1/cases"))
}

fn answer(text: &str, place: &str) -> Answer {
    let mut words = text.split(' ').peekable();
    let told_to_go_on = words.next_if_eq(&"100").is_some();
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{place}: no status"));
    let mut answer = Answer { status, told_to_go_on, closes: false, bare: false, seen: Vec::new(), unseen: Vec::new() };
    let mut keeps = false;
    let mut plain = ["REQUEST_METHOD", "PATH_INFO"].into_iter();
    for word in words {
        if word == "close" {
            answer.closes = true;
        } else if word == "bare" {
            answer.bare = true;
        } else if word == "keep" {
            keeps = true;
        } else if let Some(name) = word.strip_prefix('!').filter(|_| answer.seen.len() > 1) {
            answer.unseen.push(name.to_owned());
        } else {
            let (name, value) = match plain.next() {
                Some(name) => (name, word),
                None => word.split_once('=').unwrap_or_else(|| panic!("{place}: what is {word:?}?")),
            };
            answer.seen.push((name.to_owned(), latin(&raw(value, place))));
        }
    }
    // What no application saw was refused.
    answer.closes |= answer.seen.is_empty() && !keeps;
    answer
}

/// Bytes as the variables of WSGI have them.
pub(super) fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Takes escapes and repetitions (`{text*count}`) out of the text.
fn raw(text: &str, place: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((inner, tail)) = rest.strip_prefix('{').and_then(to_its_end) {
            let (inner, count) = inner.rsplit_once('*').unwrap_or_else(|| panic!("{place}: {{text*count}}"));
            let count = count.parse().unwrap_or_else(|_| panic!("{place}: the count of {inner:?}"));
            bytes.extend(raw(inner, place).repeat(count));
            rest = tail;
        } else if let Some(escape) = rest.strip_prefix('\\') {
            let (byte, length) = match escape.as_bytes() {
                [b'r', ..] => (b'\r', 1),
                [b'n', ..] => (b'\n', 1),
                [b't', ..] => (b'\t', 1),
                [b's', ..] => (b' ', 1),
                [b'0', ..] => (0, 1),
                [b'\\', ..] => (b'\\', 1),
                [b'x', ..] => {
                    let digits = escape.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    (digits.unwrap_or_else(|| panic!("{place}: \\x and two digits")), 3)
                }
                _ => panic!("{place}: unknown escape \\{escape}"),
            };
            bytes.push(byte);
            rest = escape.get(length..).expect("a whole escape");
        } else {
            bytes.extend_from_slice(first.to_string().as_bytes());
            rest = rest.get(first.len_utf8()..).expect("a whole letter");
        }
    }
    bytes
}

/// Splits at the `}` that belongs to a `{` just before `text`.
fn to_its_end(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    let end = text.find(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        depth == 0
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}
