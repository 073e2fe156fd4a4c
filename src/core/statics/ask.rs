//! What a request says that matters for a file.

use rsgi_proto::names;
use rsgi_proto::vars::Vars;

/// The part of a request that decides about a file and its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    /// REQUEST_METHOD.
    pub method: &'a [u8],
    /// PATH_INFO: decoded once, by the server or by the proxy in front.
    pub path: &'a [u8],
    /// REQUEST_URI.
    pub uri: &'a [u8],
    /// Accept-Encoding.
    pub accept_encoding: Option<&'a [u8]>,
    /// Range.
    pub range: Option<&'a [u8]>,
    /// If-Range.
    pub if_range: Option<&'a [u8]>,
    /// If-Match.
    pub if_match: Option<&'a [u8]>,
    /// If-None-Match.
    pub if_none_match: Option<&'a [u8]>,
    /// If-Modified-Since.
    pub if_modified_since: Option<&'a [u8]>,
    /// If-Unmodified-Since.
    pub if_unmodified_since: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    /// Reads it out of a request's variables.
    #[must_use]
    pub fn of(vars: &'a Vars, input: &'a [u8]) -> Self {
        let var = |id| vars.get(input, id);
        Self {
            method: var(names::REQUEST_METHOD).unwrap_or_default(),
            path: var(names::PATH_INFO).unwrap_or_default(),
            uri: var(names::REQUEST_URI).unwrap_or_default(),
            accept_encoding: var(names::HTTP_ACCEPT_ENCODING),
            range: var(names::HTTP_RANGE),
            if_range: var(names::HTTP_IF_RANGE),
            if_match: var(names::HTTP_IF_MATCH),
            if_none_match: var(names::HTTP_IF_NONE_MATCH),
            if_modified_since: var(names::HTTP_IF_MODIFIED_SINCE),
            if_unmodified_since: var(names::HTTP_IF_UNMODIFIED_SINCE),
        }
    }
}
