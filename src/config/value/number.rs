//! Numbers, as uWSGI reads them.

use super::{Fault, Value};
use crate::config::Seconds;

impl Value<'_> {
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

    /// [`Self::count_or_off`] for a field of another width.
    pub(crate) fn count_or_off_as<T: TryFrom<u64> + PartialEq + Default>(&self) -> Result<Option<T>, Fault> {
        self.count_as().map(|number| Some(number).filter(|number| *number != T::default()))
    }

    /// The number of a plugin. There is only 0.
    pub(crate) fn modifier(&self) -> Result<u8, Fault> {
        let number = self.count_as()?;
        if number > 0 {
            let problem = format!("modifier {number} names a plugin that there is not: requests are answered with 501");
            self.remark(Fault::new(problem, "leave it out for the application"));
        }
        Ok(number)
    }

    /// A whole number that may be negative.
    pub(crate) fn signed(&self) -> Result<i32, Fault> {
        let fault = |_| Fault::bare(format!("expected a number, found \"{}\"", self.text));
        self.text.parse().map_err(fault)
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

    /// As under uWSGI the words of a switch count as 0, so that `harakiri = false` turns it off (with a remark: `true` does
    /// too).
    fn number(&self, noun: &str) -> Result<u64, Fault> {
        if self.text.is_empty() {
            let problem = format!("expected {noun}, found nothing, which counts as 1");
            self.remark(Fault::bare(problem));
            return Ok(1);
        }
        if self.off() || self.on() {
            let help = "write 0, or the number that is meant";
            self.remark(Fault::new(format!("expected {noun}, found \"{}\", which counts as 0", self.text), help));
            return Ok(0);
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
    fn words_of_a_switch_count_as_0() {
        for text in ["true", "True", "on", "YES", "false", "FALSE", "off", "no"] {
            let value = Value::new(text);
            assert_eq!((value.count(), value.size(), value.seconds_or_off()), (Ok(0), Ok(0), Ok(None)), "{text}");
            assert_eq!(value.into_remarks().len(), 3, "{text}");
        }
        assert!(Value::new("four").count().is_err() && Value::new("trueish").count().is_err());
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
}
