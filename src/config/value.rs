//! Reads one value of an option: numbers, switches, sizes, addresses. Says what was expected; who wrote it is added by
//! the caller.

use std::cell::RefCell;
use std::path::PathBuf;

use crate::address::Address;
use crate::config::{Seconds, Tls};

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
        let off = ["false", "off", "no", "0"].iter().any(|word| self.text.eq_ignore_ascii_case(word));
        let known = ["", "true", "on", "yes", "1"].iter().any(|word| self.text.eq_ignore_ascii_case(word));
        if !off && !known {
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

    /// A whole number from 0 on. As under uWSGI, nothing means 1 and what follows the digits is dropped (with a remark).
    pub(crate) fn count(&self) -> Result<u64, Fault> {
        self.number("a number")
    }

    /// [`Self::count`] for a field of another width.
    pub(crate) fn count_as<T: TryFrom<u64>>(&self) -> Result<T, Fault> {
        let number = self.count()?;
        T::try_from(number).map_err(|_| Fault::bare(format!("{number} is too large")))
    }

    /// Like [`Self::count`], but 0 means off.
    pub(crate) fn count_or_off(&self) -> Result<Option<u64>, Fault> {
        self.count().map(|number| (number > 0).then_some(number))
    }

    /// A whole number that may be negative.
    pub(crate) fn signed(&self) -> Result<i32, Fault> {
        let fault = |_| Fault::bare(format!("expected a number, found \"{}\"", self.text));
        self.text.parse().map_err(fault)
    }

    /// Words separated by commas, at least one.
    pub(crate) fn list(&self) -> Result<Vec<String>, Fault> {
        self.word()?;
        Ok(self.text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(String::from).collect())
    }

    /// A whole number of seconds.
    pub(crate) fn seconds(&self) -> Result<Seconds, Fault> {
        self.number("seconds").map(Seconds)
    }

    /// A whole number of seconds, 0 meaning off.
    pub(crate) fn seconds_or_off(&self) -> Result<Option<Seconds>, Fault> {
        self.seconds().map(|seconds| (seconds.0 > 0).then_some(seconds))
    }

    /// A whole number of bytes.
    pub(crate) fn size(&self) -> Result<usize, Fault> {
        let number = self.number("bytes")?;
        usize::try_from(number).map_err(|_| Fault::bare(format!("{number} is too large")))
    }

    /// A file mode of three or four octal digits; nothing or `1` means 666, as in uWSGI.
    pub(crate) fn mode(&self) -> Result<u32, Fault> {
        match self.text {
            "" | "1" => Ok(0o666),
            text => self.octal(text, 0o7777, "660"),
        }
    }

    /// A umask of octal digits.
    pub(crate) fn umask(&self) -> Result<u32, Fault> {
        self.octal(self.text, 0o777, "022")
    }

    fn octal(&self, text: &str, most: u32, example: &str) -> Result<u32, Fault> {
        u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= most).ok_or_else(|| {
            Fault::new(format!("expected three octal digits, found \"{text}\""), format!("write {example}"))
        })
    }

    /// Where to listen or connect.
    pub(crate) fn address(&self) -> Result<Address, Fault> {
        self.address_in(self.text)
    }

    fn address_in(&self, text: &str) -> Result<Address, Fault> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = format!("write :{text} for a port");
            self.remark(Fault::new(format!("\"{text}\" is the name of a unix socket, not a port"), help));
        }
        let mut text = text;
        if let Some((before, _)) = text.split_once([';', '#']).filter(|(before, _)| before.ends_with([' ', '\t'])) {
            let before = before.trim();
            let help = format!("a comment must stand on a line of its own; write {before}");
            // uWSGI takes the digits of a port and leaves the rest; a path it takes as it stands.
            let found = match before.parse() {
                Ok(Address::Tcp { .. }) => {
                    let found = format!("expected an address, found \"{text}\", which counts as {before}");
                    text = before;
                    found
                }
                _ => format!("the comment is part of the socket's name \"{text}\""),
            };
            self.remark(Fault::new(found, help));
        }
        text.parse()
            .map_err(|error: crate::AddressError| Fault { problem: error.to_string(), help: error.help.clone() })
    }

    /// `ADDRESS,CERTIFICATE,KEY[,CIPHERS[,[!]CLIENT-CA]]`.
    pub(crate) fn tls_address(&self) -> Result<(Address, Tls), Fault> {
        let mut parts = self.text.split(',').map(str::trim);
        let address = self.address_in(parts.next().unwrap_or_default())?;
        let (Some(certificate), Some(key)) = (parts.next(), parts.next()) else {
            let help = "write :443,server.crt,server.key";
            return Err(Fault::new("expected an address, a certificate and a key, separated by commas", help));
        };
        let mut tls = Tls { certificate: certificate.into(), key: key.into(), ..Tls::default() };
        tls.ciphers = parts.next().filter(|text| !text.is_empty()).map(String::from);
        if let Some(ca) = parts.next().filter(|text| !text.is_empty()) {
            tls.client_required = ca.starts_with('!');
            tls.client_ca = Some(ca.trim_start_matches('!').into());
        }
        Ok((address, tls))
    }

    /// `KEY=VALUE`; only the first `=` splits.
    pub(crate) fn pair(&self) -> Result<(String, String), Fault> {
        match self.text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.trim().into())),
            _ => Err(Fault::new(
                format!("expected KEY=VALUE, found \"{}\"", self.text),
                "write the key, = and the value",
            )),
        }
    }

    /// `PATTERN SECONDS`.
    pub(crate) fn pattern_and_seconds(&self) -> Result<(String, u64), Fault> {
        let split = self.text.rsplit_once([' ', '\t', '=']);
        split.and_then(|(pattern, seconds)| Some((pattern.trim().to_owned(), seconds.parse().ok()?))).ok_or_else(|| {
            Fault::new(format!("expected a pattern and seconds, found \"{}\"", self.text), "write /static/.* 3600")
        })
    }

    fn number(&self, noun: &str) -> Result<u64, Fault> {
        if self.text.is_empty() {
            let problem = format!("expected {noun}, found nothing, which counts as 1");
            self.remark(Fault::bare(problem));
            return Ok(1);
        }
        let end = self.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.text.len());
        let (digits, rest) = self.text.split_at(end);
        if rest.is_empty() {
            return digits.parse().map_err(|_| Fault::bare(format!("{digits} is too large")));
        }
        let Ok(number) = digits.parse::<u64>() else {
            let problem = match rest.strip_prefix('-').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                Some(_) => format!("expected {noun}, found \"{}\", which is negative", self.text),
                None => format!("expected {noun}, found \"{}\"", self.text),
            };
            return Err(Fault::bare(problem));
        };
        let comment = rest.trim_start().starts_with([';', '#']);
        let help = match comment {
            true => format!("a comment must stand on a line of its own; write {number}"),
            false => format!("write {number}"),
        };
        self.remark(Fault::new(format!("expected {noun}, found \"{}\", which counts as {number}", self.text), help));
        Ok(number)
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

    #[test]
    fn numbers_follow_uwsgi_and_say_so() {
        for (text, number, remarks) in [("4", 4, 0), ("", 1, 1), ("30s", 30, 1), ("4 ; four", 4, 1), ("007", 7, 0)] {
            let value = Value::new(text);
            assert_eq!(value.count(), Ok(number), "{text}");
            assert_eq!(value.into_remarks().len(), remarks, "{text}");
        }
        for text in ["soon", "-3", "+3", " 3", "99999999999999999999"] {
            assert!(Value::new(text).count().is_err(), "{text}");
        }
    }

    #[test]
    fn comments_after_a_number_get_a_hint() {
        let value = Value::new("10 # seconds");
        assert_eq!(value.seconds(), Ok(Seconds(10)));
        let remark = value.into_remarks().remove(0);
        assert_eq!(remark.help.as_deref(), Some("a comment must stand on a line of its own; write 10"));
    }

    #[test]
    fn modes_are_octal() {
        for (text, mode) in [("", 0o666), ("1", 0o666), ("660", 0o660), ("0664", 0o664)] {
            assert_eq!(Value::new(text).mode(), Ok(mode), "{text}");
        }
        assert!(Value::new("rw").mode().is_err());
        assert!(Value::new("99").mode().is_err());
        assert_eq!(Value::new("022").umask(), Ok(0o022));
    }

    #[test]
    fn a_bare_number_as_address_is_remarked() {
        let value = Value::new("9090");
        assert_eq!(value.address(), Ok(Address::Unix("9090".into())));
        assert_eq!(value.into_remarks()[0].help.as_deref(), Some("write :9090 for a port"));
    }

    #[test]
    fn tls_addresses_carry_their_files() {
        let (address, tls) = Value::new("=1,a.crt,a.key,HIGH,!ca.crt").tls_address().unwrap();
        assert_eq!(address, Address::Shared(1));
        assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("a.crt"), Some("a.key")));
        assert_eq!(tls.ciphers.as_deref(), Some("HIGH"));
        assert_eq!((tls.client_ca, tls.client_required), (Some("ca.crt".into()), true));
        assert!(Value::new(":443,a.crt").tls_address().is_err());
    }

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        assert_eq!(Value::new("A=b=c").pair(), Ok(("A".into(), "b=c".into())));
        assert!(Value::new("A").pair().is_err());
        assert!(Value::new("=x").pair().is_err());
    }
}
