//! Reads one value of an option: texts and switches here, numbers and addresses beside. Says what was expected; who wrote
//! it is added by the caller.

mod farm;
mod number;
mod pairs;
mod place;

use std::cell::RefCell;
use std::path::PathBuf;

pub(crate) use pairs::pairs;

/// The text given to an option, with every placeholder expanded.
pub(crate) struct Value<'a> {
    text: &'a str,
    remarks: RefCell<Vec<Fault>>,
}

/// What is wrong with a value: as an error, or as a remark on something accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What was expected and what was found.
    pub problem: String,
    /// What to write instead, if more is known than the option's example.
    pub help: Option<String>,
}

impl Fault {
    /// A fault with advice.
    pub(crate) fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: Some(help.into()) }
    }

    /// A fault without advice.
    pub(crate) fn bare(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: None }
    }
}

impl<'a> Value<'a> {
    /// Wraps the expanded text; empty means that no value was given.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, remarks: RefCell::default() }
    }

    /// The remarks that reading it gave rise to.
    pub(crate) fn into_remarks(self) -> Vec<Fault> {
        self.remarks.into_inner()
    }

    /// Remarks on a value that is accepted nevertheless.
    pub(crate) fn remark(&self, fault: Fault) {
        self.remarks.borrow_mut().push(fault);
    }

    /// The text as written.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The text, which must not be empty.
    pub(crate) fn word(&self) -> Result<String, Fault> {
        match self.text {
            "" => Err(Fault::bare("a value is missing")),
            text => Ok(text.into()),
        }
    }

    /// The text; nothing counts as not given.
    pub(crate) fn given(&self) -> Option<String> {
        (!self.text.is_empty()).then(|| self.text.into())
    }

    /// A path, which must not be empty.
    pub(crate) fn path(&self) -> Result<PathBuf, Fault> {
        self.word().map(PathBuf::from)
    }

    /// On or off. Anything but `false`, `off`, `no` and `0` (any case) is on, as in uWSGI.
    pub(crate) fn switch(&self) -> bool {
        let off = self.off() || self.text == "0";
        if !off && !self.on() && !["", "1"].contains(&self.text) {
            let help = match self.text.split_once([';', '#']) {
                Some((value, _)) => format!("a comment must stand on a line of its own; write {}", value.trim()),
                None => "write true or false".into(),
            };
            self.remark(Fault::new(
                format!("expected true or false, found \"{}\", which counts as true", self.text),
                help,
            ));
        }
        !off
    }

    /// One of the words for on.
    pub(crate) fn on(&self) -> bool {
        ["true", "on", "yes"].iter().any(|word| self.text.eq_ignore_ascii_case(word))
    }

    /// One of the words for off.
    pub(crate) fn off(&self) -> bool {
        ["false", "off", "no"].iter().any(|word| self.text.eq_ignore_ascii_case(word))
    }

    /// Words separated by commas, at least one.
    pub(crate) fn list(&self) -> Result<Vec<String>, Fault> {
        self.word()?;
        Ok(self.text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(String::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_on_unless_one_of_four_words() {
        for text in ["", "1", "true", "True", "yes", "on", "anything", "2"] {
            assert!(Value::new(text).switch(), "{text}");
        }
        for text in ["0", "false", "FALSE", "no", "Off"] {
            assert!(!Value::new(text).switch(), "{text}");
        }
    }

    #[test]
    fn odd_switches_are_on_and_remarked() {
        let value = Value::new("false ; not yet");
        assert!(value.switch());
        assert_eq!(
            value.into_remarks(),
            [Fault::new(
                "expected true or false, found \"false ; not yet\", which counts as true",
                "a comment must stand on a line of its own; write false"
            )]
        );
    }
}
