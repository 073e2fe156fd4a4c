//! An HTTP answer, taken apart.

/// How the end of a body was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The status or the method allows no body.
    None,
    Length,
    Chunked,
    /// The server closed the connection.
    Close,
}

/// A parsed answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub version: String,
    pub status: u16,
    pub reason: String,
    /// In order, names as sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
    /// Statuses of the 1xx answers before this one.
    pub interim: Vec<u16>,
}

impl Response {
    /// First value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body, which must be UTF-8.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Itself, when the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}: {}", self.status, self.reason, String::from_utf8_lossy(&self.body));
        self
    }
}

pub(super) fn values<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let of = response.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    of.map(|(_, value)| value.as_str()).collect()
}

/// Reads a head; it has no body yet.
#[track_caller]
pub(crate) fn parse_head(head: &str) -> Response {
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    let version = words.next().unwrap_or_default().to_owned();
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("status line {first:?}"));
    let reason = words.next().unwrap_or_default().to_owned();
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("header line {line:?}"));
            assert!(!name.is_empty() && !name.contains([' ', '\t']), "header name {name:?}");
            (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
        })
        .collect();
    Response { version, status, reason, headers, body: Vec::new(), framing: Framing::None, interim: Vec::new() }
}
