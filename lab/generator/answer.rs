//! An answer of HTTP/1.1, as far as a load wants to know it: its status, where it ends, and whether the connection stays.

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    More,
    Whole {
        status: u16,
        stays: bool,
    },
    /// Not HTTP.
    Wrong,
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug)]
struct Head {
    status: u16,
    /// Bytes of the head.
    size: usize,
    body: Body,
    stays: bool,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Length(usize),
    Chunked,
    UntilTheEnd,
}

impl Answer {
    /// For the next one on the same connection.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = None;
    }

    /// Whether a byte of it has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub(crate) fn take_in(&mut self, bytes: &[u8]) -> Step {
        let seen = self.bytes.len().saturating_sub(3);
        self.bytes.extend_from_slice(bytes);
        if self.head.is_none() {
            let unseen = self.bytes.get(seen..).unwrap_or_default();
            let Some(at) = unseen.windows(4).position(|window| window == b"\r\n\r\n") else { return Step::More };
            self.head = Head::read(self.bytes.get(..seen + at + 4).unwrap_or_default());
        }
        let Some(head) = &self.head else { return Step::Wrong };
        let body = self.bytes.get(head.size..).unwrap_or_default();
        let is_whole = match head.body {
            Body::Length(length) => body.len() >= length,
            Body::Chunked => body == b"0\r\n\r\n" || body.ends_with(b"\r\n0\r\n\r\n"),
            Body::UntilTheEnd => false,
        };
        if is_whole { Step::Whole { status: head.status, stays: head.stays } } else { Step::More }
    }

    /// What it is when the connection ends here.
    pub(crate) fn at_end(&self) -> Step {
        match &self.head {
            Some(Head { status, body: Body::UntilTheEnd, .. }) => Step::Whole { status: *status, stays: false },
            _ => Step::Wrong,
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let version = words.next().filter(|version| version.starts_with("HTTP/1."))?;
        let status = words.next()?.parse().ok()?;
        let (mut body, mut stays) = (Body::UntilTheEnd, version == "HTTP/1.1");
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                body = Body::Length(value.parse().ok()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                body = Body::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                stays = !value.eq_ignore_ascii_case("close") && (stays || value.eq_ignore_ascii_case("keep-alive"));
            }
        }
        Some(Self { status, size: bytes.len(), body, stays })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However it is cut into pieces, it ends at its last byte and not before.
    fn ends(text: &str, wanted: Step) {
        for size in 1..=text.len() {
            let mut answer = Answer::default();
            let mut steps: Vec<Step> = text.as_bytes().chunks(size).map(|piece| answer.take_in(piece)).collect();
            assert_eq!(steps.pop(), Some(wanted), "in pieces of {size}");
            assert!(steps.iter().all(|step| *step == Step::More), "in pieces of {size}: {steps:?}");
        }
    }

    #[test]
    fn whole_ones() {
        ends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", Step::Whole { status: 200, stays: true });
        ends(
            "HTTP/1.1 502 Bad\r\ncontent-length: 0\r\nConnection: close\r\n\r\n",
            Step::Whole { status: 502, stays: false },
        );
        ends(
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na",
            Step::Whole { status: 200, stays: true },
        );
        ends(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            Step::Whole { status: 200, stays: true },
        );
        ends(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Step::Whole { status: 200, stays: true },
        );
    }

    #[test]
    fn others() {
        let mut answer = Answer::default();
        assert_eq!(answer.take_in(b"HTTP/1.1 200 OK\r\n\r\nab"), Step::More);
        assert_eq!(answer.at_end(), Step::Whole { status: 200, stays: false });
        answer.clear();
        assert!(!answer.has_begun());
        assert_eq!(answer.take_in(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), Step::More);
        assert_eq!(answer.at_end(), Step::Wrong);
        answer.clear();
        assert_eq!(answer.take_in(b"SSH-2.0\r\n\r\n"), Step::Wrong);
    }
}
