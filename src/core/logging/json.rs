//! One JSON object a line, written piece by piece (RFC 8259).

use std::borrow::Cow;

/// An object in the making. Dropping it unfinished leaves a broken line: call [`Object::end`].
#[derive(Debug)]
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    /// Begins with the time, given in microseconds since the epoch.
    pub(super) fn begin(out: &'a mut Vec<u8>, micros: u64) -> Self {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(rfc3339(micros).as_bytes());
        out.push(b'"');
        Self { out }
    }

    pub(super) fn text(&mut self, name: &str, value: &[u8]) {
        self.name(name.as_bytes());
        self.string(value);
    }

    /// Writes nothing for nothing.
    pub(super) fn some_text(&mut self, name: &str, value: Option<&[u8]>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.text(name, value);
        }
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name.as_bytes());
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// Writes nothing for `false`.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.name(name.as_bytes());
            self.out.extend_from_slice(b"true");
        }
    }

    /// A value under a name that the application has chosen: with `app.` in front, so that it replaces none of ours.
    pub(super) fn noted(&mut self, name: &[u8], value: &[u8]) {
        self.name(&[b"app.", name].concat());
        self.string(value);
    }

    /// Ends object and line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    fn name(&mut self, name: &[u8]) {
        self.out.push(b',');
        self.string(name);
        self.out.push(b':');
    }

    /// Bytes that are no UTF-8 are shown by U+FFFD.
    fn string(&mut self, text: &[u8]) {
        let text: Cow<'_, str> = String::from_utf8_lossy(text);
        // Strings cannot fail, and a vector takes everything.
        let _ = serde_json::to_writer(&mut *self.out, text.as_ref());
    }
}

/// UTC with microseconds (RFC 3339), in years up to 9999.
pub(super) fn rfc3339(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant, "chrono-compatible low-level date algorithms": days to a civil date, years beginning in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{fraction:06}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(rfc3339(1_795_374_121_000_042), "2026-11-22T19:02:01.000042Z");
        assert_eq!(rfc3339(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out, 0);
        object.text("a\"b", b"\x00\n\"\\\xff/");
        object.some_text("none", Some(b""));
        object.flag("off", false);
        object.noted(b"time", b"x");
        object.end();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"a\\\"b\":\"\\u0000\\n\\\"\\\\\u{fffd}/\",\"app.time\":\"x\"}\n"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
