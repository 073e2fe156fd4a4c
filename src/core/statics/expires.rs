//! How long a client may keep a file (`static-expires` and its relatives).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use regex::bytes::Regex;
use rsgi_config::Statics;

use super::{Ask, StaticsError, pattern};

type Rules = Vec<(Regex, u64)>;

/// Rules with their seconds; the first that fits counts.
#[derive(Debug)]
pub(super) struct Expires {
    kinds: Vec<(String, u64)>,
    names: Rules,
    paths: Rules,
    uris: Rules,
}

impl Expires {
    pub(super) fn new(statics: &Statics) -> Result<Self, StaticsError> {
        let rules = |option, given: &[(String, u64)]| -> Result<Rules, StaticsError> {
            given.iter().map(|(text, seconds)| Ok((pattern(option, text)?, *seconds))).collect()
        };
        Ok(Self {
            kinds: statics.expires_type.clone(),
            names: rules("static-expires", &statics.expires)?,
            paths: rules("static-expires-path-info", &statics.expires_path_info)?,
            uris: rules("static-expires-uri", &statics.expires_uri)?,
        })
    }

    /// Seconds that this file may be kept.
    pub(super) fn of(&self, ask: &Ask<'_>, name: &Path, kind: &str) -> Option<u64> {
        let first = |rules: &Rules, text: &[u8]| {
            rules.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, seconds)| *seconds)
        };
        let by_kind = self.kinds.iter().find(|(known, _)| known == kind).map(|(_, seconds)| *seconds);
        by_kind
            .or_else(|| first(&self.names, name.as_os_str().as_bytes()))
            .or_else(|| first(&self.paths, ask.path))
            .or_else(|| first(&self.uris, ask.uri))
    }
}
