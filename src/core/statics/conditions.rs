//! Conditional requests: whether the client has the file already, or another than it thinks.
//!
//! Source: RFC 9110 §13 (preconditions and their order), §8.8 (validators).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Ask;

/// What tells one state of a file from another.
#[derive(Debug, Clone)]
pub(super) struct Validator {
    /// With quotes.
    pub(super) tag: String,
    /// Whole seconds.
    pub(super) modified: SystemTime,
}

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered as if there were none.
    Go,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

impl Validator {
    /// Strong: time in nanoseconds and size, as of one file. Not the inode, so that copies on several hosts agree.
    /// `coding` keeps a compressed neighbour apart from its file.
    pub(super) fn of(facts: &Metadata, coding: &str) -> Self {
        let (seconds, nanos, size) = (facts.mtime(), facts.mtime_nsec(), facts.size());
        let dash = if coding.is_empty() { "" } else { "-" };
        // A time to come would be told as the present (RFC 9110 §8.8.2.1); many cannot be told at all.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let modified = UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0).min(now));
        Self { tag: format!("\"{seconds:x}.{nanos:x}-{size:x}{dash}{coding}\""), modified }
    }

    /// Weighs the conditions of a request.
    pub(super) fn judge(&self, ask: &Ask<'_>) -> Verdict {
        match (ask.if_match, ask.if_unmodified_since.and_then(date)) {
            (Some(tags), _) if !self.is_among(tags, Strength::Strong) => return Verdict::Failed,
            (None, Some(since)) if self.modified > since => return Verdict::Failed,
            _ => {}
        }
        match (ask.if_none_match, ask.if_modified_since.and_then(date)) {
            (Some(tags), _) if self.is_among(tags, Strength::Weak) => Verdict::NotModified,
            (None, Some(since)) if self.modified <= since => Verdict::NotModified,
            _ => Verdict::Go,
        }
    }

    /// Whether a Range may be honoured: If-Range names this very state.
    pub(super) fn is_current(&self, if_range: Option<&[u8]>) -> bool {
        match if_range {
            None => true,
            Some(value) if value.trim_ascii().ends_with(b"\"") => value.trim_ascii() == self.tag.as_bytes(),
            Some(value) => date(value) == Some(self.modified),
        }
    }

    fn is_among(&self, tags: &[u8], strength: Strength) -> bool {
        if tags.trim_ascii() == b"*" {
            return true;
        }
        // Our own tag has no comma, so that a tag with one is cut into pieces that are not ours.
        tags.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).any(|tag| {
            let bare = match strength {
                Strength::Weak => tag.strip_prefix(b"W/").unwrap_or(tag),
                Strength::Strong => tag,
            };
            bare == self.tag.as_bytes()
        })
    }
}

#[derive(Clone, Copy)]
enum Strength {
    Weak,
    Strong,
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";

    fn validator() -> Validator {
        Validator { tag: "\"a.0-5\"".into(), modified: UNIX_EPOCH + Duration::from_secs(784_111_777) }
    }

    #[test]
    fn conditions_are_weighed_in_order() {
        let none = Ask::default();
        for (what, ask, verdict) in [
            ("nothing", none, Verdict::Go),
            ("the tag", Ask { if_none_match: Some(b"\"a.0-5\""), ..none }, Verdict::NotModified),
            ("the tag, weak", Ask { if_none_match: Some(b"W/\"a.0-5\""), ..none }, Verdict::NotModified),
            ("among others", Ask { if_none_match: Some(b"\"x,y\" , \"a.0-5\""), ..none }, Verdict::NotModified),
            ("any", Ask { if_none_match: Some(b" * "), ..none }, Verdict::NotModified),
            ("another tag", Ask { if_none_match: Some(b"\"a.0-6\""), ..none }, Verdict::Go),
            ("no tag", Ask { if_none_match: Some(b"a.0-5"), ..none }, Verdict::Go),
            ("as old", Ask { if_modified_since: Some(THEN), ..none }, Verdict::NotModified),
            ("newer", Ask { if_modified_since: Some(AFTER), ..none }, Verdict::NotModified),
            ("older", Ask { if_modified_since: Some(BEFORE), ..none }, Verdict::Go),
            ("no date", Ask { if_modified_since: Some(b"yesterday"), ..none }, Verdict::Go),
            (
                "the tag counts, not the date",
                Ask { if_none_match: Some(b"\"b\""), if_modified_since: Some(AFTER), ..none },
                Verdict::Go,
            ),
            ("must be this", Ask { if_match: Some(b"\"a.0-5\""), ..none }, Verdict::Go),
            ("must be any", Ask { if_match: Some(b"*"), ..none }, Verdict::Go),
            ("must be this, weak", Ask { if_match: Some(b"W/\"a.0-5\""), ..none }, Verdict::Failed),
            ("must be another", Ask { if_match: Some(b"\"b\""), ..none }, Verdict::Failed),
            ("must be as old", Ask { if_unmodified_since: Some(THEN), ..none }, Verdict::Go),
            ("must be older", Ask { if_unmodified_since: Some(BEFORE), ..none }, Verdict::Failed),
            (
                "the tag counts here too",
                Ask { if_match: Some(b"*"), if_unmodified_since: Some(BEFORE), ..none },
                Verdict::Go,
            ),
            ("both", Ask { if_match: Some(b"*"), if_none_match: Some(b"*"), ..none }, Verdict::NotModified),
        ] {
            assert_eq!(validator().judge(&ask), verdict, "{what}");
        }
    }

    #[test]
    fn ranges_are_of_the_state_that_the_client_knows() {
        for (value, current) in [
            (None, true),
            (Some(&b"\"a.0-5\""[..]), true),
            (Some(b"W/\"a.0-5\""), false),
            (Some(b"\"b\""), false),
            (Some(THEN), true),
            (Some(AFTER), false),
            (Some(b"nonsense"), false),
        ] {
            assert_eq!(validator().is_current(value), current, "{value:?}");
        }
    }

    #[test]
    fn a_time_to_come_is_told_as_the_present() {
        let file = tempfile::tempfile().unwrap();
        // The year 10000, which HTTP has no words for.
        file.set_modified(UNIX_EPOCH + Duration::from_secs(253_402_300_800)).unwrap();
        let before = SystemTime::now();
        let modified = Validator::of(&file.metadata().unwrap(), "").modified;
        assert!(modified <= SystemTime::now() && modified + Duration::from_secs(1) > before, "{modified:?}");
        assert!(httpdate::fmt_http_date(modified).ends_with(" GMT"));
    }
}
