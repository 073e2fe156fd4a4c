//! The short run of every target: its corpus, its regressions, and seeded changes of them. The same inputs each time.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::{TARGETS, Target};

/// No changed input grows beyond this, so that the time of a run is bounded.
const LONGEST: usize = 4096;

/// Runs a target over what is committed for it and over changes of that.
pub(crate) fn run(target: &Target) {
    let seeds: Vec<_> = ["corpus", "regressions"].into_iter().flat_map(|kind| inputs(kind, target.name)).collect();
    for (path, input) in &seeds {
        attempt(target, input, &path.display().to_string());
    }
    let words = words(target.name);
    let mut chance = Chance(crate::cut::hash(target.name.as_bytes()) | 1);
    for number in 0..target.changes {
        let (_, seed) = chance.of(&seeds).expect("a target has a corpus");
        let mut input = seed.clone();
        for _ in 0..=chance.below(4) {
            change(&mut input, &seeds, &words, &mut chance);
        }
        input.truncate(LONGEST);
        attempt(target, &input, &format!("change {number}"));
    }
}

/// One input; a panic leaves it where it can be found.
fn attempt(target: &Target, input: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let path = std::env::temp_dir().join(format!("rsgi-fuzz-{}-{:016x}", target.name, crate::cut::hash(input)));
        let kept = fs::write(&path, input);
        eprintln!("{what}: {:?}", String::from_utf8_lossy(input));
        eprintln!("kept in {} ({kept:?}); put it into tests/fuzz/regressions/{}", path.display(), target.name);
        std::panic::resume_unwind(panic);
    }
}

/// Xorshift: a failure comes again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}

/// Changes an input as libFuzzer would: a bit, a byte, a piece gone, doubled, or taken from elsewhere.
fn change(input: &mut Vec<u8>, seeds: &[(PathBuf, Vec<u8>)], words: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let end = (at + 1 + chance.below(16)).min(input.len());
    let at = at.min(end);
    match chance.below(8) {
        0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << chance.below(8)),
        1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = chance.next() as u8),
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        5 => {
            let (_, other) = chance.of(seeds).expect("a target has a corpus");
            let from = chance.below(other.len());
            let piece = other[from..(from + 1 + chance.below(64)).min(other.len())].to_vec();
            input.splice(at..end, piece);
        }
        6 => input.insert(at, [0, b'\r', b'\n', b' ', b'\t', b'%', 0x7f, 0xff][chance.below(8)]),
        _ => {
            let word = chance.of(words).cloned().unwrap_or_else(|| vec![0xff; 4]);
            let until = if chance.below(2) == 0 { at } else { end };
            input.splice(at..until, word);
        }
    }
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is committed for a target, by name.
fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(folder) = fs::read_dir(home().join(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<_> = folder.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a readable file"))).collect()
}

/// The words that mean something to a target, in the form of libFuzzer's dictionaries.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(home().join("words").join(target)).unwrap_or_default();
    let quoted = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'));
    quoted.map(unescape).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'\\' => match rest.next() {
                Some(b'x') => {
                    let digits: String = rest.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&digits, 16).expect("two hexadecimal digits")
                }
                other => other.expect("a character behind the backslash"),
            },
            byte => byte,
        };
        out.push(byte);
    }
    out
}

#[test]
fn every_module_is_listed_and_every_target_has_a_small_corpus() {
    let listed: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = fs::read_dir(home().join(folder)).expect("a folder");
        let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
        folder.map(|entry| name(entry.expect("readable").path())).collect()
    };
    let helpers = ["lib", "config", "cut", "short_run"].map(str::to_owned);
    let modules: BTreeSet<_> = names("src").into_iter().filter(|name| !helpers.contains(name)).collect();
    assert_eq!(modules, listed, "every file in src/ is in the list of targets");
    assert_eq!(names("corpus"), listed, "every target has a folder in corpus/, and nobody else");
    assert!(names("regressions").is_subset(&listed) && names("words").is_subset(&listed));
    for target in TARGETS {
        let inputs = inputs("corpus", target.name);
        let total: usize = inputs.iter().map(|(_, input)| input.len()).sum();
        assert!((1..=60).contains(&inputs.len()), "{}: {} inputs", target.name, inputs.len());
        assert!(total <= 64 << 10, "{}: {total} bytes; cargo dev fuzz --minimize makes it small", target.name);
    }
}
