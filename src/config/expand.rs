//! `$(VARIABLE)`, `@(file)` and `%(name)`: replaces what stands in brackets, as often as something is found. Bounded: text
//! that refers to itself ends in an error.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::arithmetic;
use crate::embed::content;
use crate::machine::Machine;
use crate::value::Fault;

/// Longest text that expansion may make.
pub(crate) const LONGEST: usize = 1 << 20;
/// Most replacements in one value.
const MOST: usize = 1_000;
/// Deepest nesting of brackets and of text that came out of replaced text.
const DEEPEST: usize = 100;

/// Expands the values of one configuration.
pub(crate) struct Expander<'a> {
    machine: &'a Machine,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    used: RefCell<HashSet<String>>,
    /// What was read already: a command runs once, the standard input has one end.
    contents: RefCell<HashMap<String, String>>,
}

impl<'a> Expander<'a> {
    /// Expands with the values that `lookup` gives for option and placeholder names.
    pub(crate) fn new(machine: &'a Machine, lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { machine, lookup, used: RefCell::default(), contents: RefCell::default() }
    }

    /// The names that were asked for, found or not.
    pub(crate) fn into_used(self) -> HashSet<String> {
        self.used.into_inner()
    }

    /// Replaces everything in `text`. What is not known stays as it is.
    ///
    /// # Errors
    /// A file that cannot be read, text that refers to itself, or a result beyond all bounds.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Fault> {
        if !["$(", "@(", "%("].iter().any(|open| text.contains(open)) {
            return Ok(text.into());
        }
        let mut run = Run { expander: self, chain: Vec::new(), replaced: 0, depth: 0 };
        run.text(text)
    }
}

/// The expansion of one value.
struct Run<'e, 'a> {
    expander: &'e Expander<'a>,
    /// What led to the text at hand, outermost first.
    chain: Vec<String>,
    replaced: usize,
    depth: usize,
}

impl Run<'_, '_> {
    fn text(&mut self, text: &str) -> Result<String, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::bare(format!("placeholders are nested more than {DEEPEST} deep")));
        }
        let (closing, mut out) = (closing(text), String::with_capacity(text.len()));
        let mut done = 0;
        for (start, _) in text.match_indices(['$', '@', '%']) {
            let Some(end) = closing.get(&(start + 1)).filter(|_| start >= done) else { continue };
            let (kind, inside) = (&text[start..=start], &text[start + 2..*end]);
            out.push_str(&text[done..start]);
            done = end + 1;
            // What is inside may itself be made of others: `@($(DIR)/secret)`.
            let name = self.text(inside)?;
            match self.one(kind, &name)? {
                Some(value) => out.push_str(&self.nested(format!("{kind}({name})"), &value)?),
                None => out.push_str(&format!("{kind}({name})")),
            }
            if out.len() > LONGEST {
                return Err(Fault::bare(format!("the expanded value is longer than {LONGEST} bytes")));
            }
        }
        out.push_str(&text[done..]);
        self.depth -= 1;
        Ok(out)
    }

    /// Expands what came out of a replacement.
    fn nested(&mut self, what: String, value: &str) -> Result<String, Fault> {
        self.replaced += 1;
        if let Some(start) = self.chain.iter().position(|earlier| *earlier == what) {
            let circle = self.chain.iter().skip(start).map(String::as_str).chain([what.as_str()]);
            let circle = circle.collect::<Vec<_>>().join(" → ");
            return Err(Fault::new(
                format!("a placeholder refers to itself: {circle}"),
                "give one of them a plain value",
            ));
        }
        if self.replaced >= MOST {
            return Err(Fault::bare(format!("too many replacements in one value, the last is {what}")));
        }
        self.chain.push(what);
        let text = self.text(value);
        self.chain.pop();
        text
    }

    fn one(&mut self, kind: &str, name: &str) -> Result<Option<String>, Fault> {
        match kind {
            "$" => Ok(self.expander.machine.var(name).map(String::from)),
            "@" => self.content(name).map(Some),
            _ => self.placeholder(name),
        }
    }

    fn content(&self, source: &str) -> Result<String, Fault> {
        if let Some(known) = self.expander.contents.borrow().get(source) {
            return Ok(known.clone());
        }
        let text = content(source, self.expander.machine)?;
        self.expander.contents.borrow_mut().insert(source.into(), text.clone());
        Ok(text)
    }

    fn placeholder(&mut self, name: &str) -> Result<Option<String>, Fault> {
        if let Some(value) = self.lookup(name) {
            return Ok(Some(value));
        }
        let word = |word: &str| match self.lookup(word) {
            Some(value) => self.nested(format!("%({word})"), &value).map(Some),
            None => Ok(None),
        };
        match name.contains(' ') {
            true => arithmetic::compute(name, word).map(Some),
            false => Ok(None),
        }
    }

    fn lookup(&self, name: &str) -> Option<String> {
        self.expander.used.borrow_mut().insert(name.to_owned());
        (self.expander.lookup)(name)
    }
}

/// For each bracket that opens, where it closes. All positions are those of ASCII signs, so slices at them are sound.
fn closing(text: &str) -> HashMap<usize, usize> {
    let (mut open, mut closing) = (Vec::new(), HashMap::new());
    for (position, bracket) in text.match_indices(['(', ')']) {
        match bracket {
            "(" => open.push(position),
            _ => closing.extend(open.pop().map(|start| (start, position))),
        }
    }
    closing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, Fault> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "s3cret\n").unwrap();
        let env = [("HOME", "/root"), ("A", "$(B)"), ("B", "%(p)"), ("SELF", "$(SELF)"), ("F", "secret")];
        let env = env.map(|(name, value)| (name.into(), value.into())).to_vec();
        let machine = Machine { cwd: dir.path().into(), env, ..Machine::default() };
        let lookup = |name: &str| {
            let values = [("p", "5"), ("a", "%(p)"), ("q", "%(r)"), ("r", "x%(q)"), ("big", "%(p)%(p)"), ("5", "five")];
            values.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Expander::new(&machine, &lookup).expand(text)
    }

    #[test]
    fn known_things_are_replaced_and_others_stay() {
        for (text, result) in [
            ("plain", "plain"),
            ("$(HOME)/x", "/root/x"),
            ("$(NOPE)", "$(NOPE)"),
            ("%(p)%(a)", "55"),
            ("%(undefined)", "%(undefined)"),
            ("$(A)", "5"),
            ("%(p + 3)", "8"),
            ("%(a + 3)", "8"),
            ("%(p+1)", "%(p+1)"),
            ("@(secret)!", "s3cret!"),
            ("@($(F))", "s3cret"),
            ("@(exec://echo a b)", "a b"),
            ("%(%(p))", "five"),
            ("100% $5 a@b.c $( %(open", "100% $5 a@b.c $( %(open"),
            ("[%(date)] %(uri)", "[%(date)] %(uri)"),
            ("sh -c '$(echo $(date))'", "sh -c '$(echo $(date))'"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn what_refers_to_itself_is_an_error() {
        let error = expanded("%(q)").unwrap_err();
        assert_eq!(error.problem, "a placeholder refers to itself: %(q) → %(r) → %(q)");
        assert!(expanded("$(SELF)").is_err());
    }

    #[test]
    fn files_that_cannot_be_read_are_errors() {
        for text in ["@(nofile)", "@(http://example/x)", "@(exec://false)", "@(fd://9999)", "@(call://x)"] {
            assert!(expanded(text).is_err(), "{text}");
        }
    }
}
