//! Compresses answers whose application asks for it (`http-auto-gzip`, `uWSGI-Encoding: gzip`), for clients that take gzip.

use std::io::Write;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, VARY,
};

use super::stream::Broken;

/// By this header an application asks, and no client ever sees it.
const ASKS: HeaderName = HeaderName::from_static("uwsgi-encoding");
/// Bytes compressed at a time: other clients wait so long.
const PORTION: usize = 32 * 1024;
/// Nearly as small as with the usual 6, in half the time.
const LEVEL: u32 = 4;

/// A body on its way through the compressor.
#[derive(Debug)]
pub(super) struct Gzip {
    /// `None` once all of it is out.
    encoder: Option<GzEncoder<Vec<u8>>>,
    waiting: Bytes,
}

/// Reads the application's wish off an answer's head, and writes into the head what becomes of it.
pub(super) fn begin(headers: &mut HeaderMap, accepts: bool) -> Option<Gzip> {
    let asks = headers.remove(ASKS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    // A part of a file, and what has a coding already, stay as they are.
    if !asks || headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_RANGE) {
        return None;
    }
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if !accepts {
        return None;
    }
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    // Not the same bytes any more (RFC 9110, section 8.8.1).
    if let Some(tag) = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""))
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.insert(ETAG, weak);
    }
    Some(Gzip { encoder: Some(GzEncoder::new(Vec::new(), Compression::new(LEVEL))), waiting: Bytes::new() })
}

impl Gzip {
    /// The next piece of what `next` gives; each of its pieces leaves at once. `None` is the end.
    pub(super) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>>,
    ) -> Poll<Result<Option<Bytes>, Broken>> {
        loop {
            let Some(encoder) = &mut self.encoder else { return Poll::Ready(Ok(None)) };
            if !self.waiting.is_empty() {
                let portion = self.waiting.split_to(self.waiting.len().min(PORTION));
                let is_last = self.waiting.is_empty();
                let written = encoder.write_all(&portion).and_then(|()| if is_last { encoder.flush() } else { Ok(()) });
                written.map_err(|_| Broken)?;
                let out = std::mem::take(encoder.get_mut());
                if !out.is_empty() {
                    return Poll::Ready(Ok(Some(out.into())));
                }
                continue;
            }
            match ready!(next(context))? {
                Some(piece) => self.waiting = piece,
                None => {
                    let last = self.encoder.take().map(GzEncoder::finish).transpose().map_err(|_| Broken)?;
                    return Poll::Ready(Ok(last.map(Bytes::from)));
                }
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.encoder.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::task::Waker;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn told(headers: &HeaderMap) -> Vec<String> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
        headers.iter().map(line).collect()
    }

    #[test]
    fn a_head_says_what_became_of_it() {
        let asked = [("uwsgi-encoding", "gzip"), ("content-length", "5"), ("etag", "\"x\""), ("vary", "Cookie")];
        let mut head = headers(&asked);
        assert!(begin(&mut head, true).is_some());
        let lines = ["etag: W/\"x\"", "vary: Cookie", "vary: Accept-Encoding", "content-encoding: gzip"];
        let mut got = told(&head);
        got.sort();
        let mut expected = lines.map(str::to_owned);
        expected.sort();
        assert_eq!(got, expected);
        let mut head = headers(&asked);
        assert!(begin(&mut head, false).is_none());
        assert!(
            head.contains_key(CONTENT_LENGTH) && head.get_all(VARY).iter().count() == 2 && !head.contains_key(ASKS)
        );
    }

    #[test]
    fn what_is_not_meant_stays_as_it_is() {
        for more in [("uwsgi-encoding", "br"), ("content-encoding", "gzip"), ("content-range", "bytes 0-1/5")] {
            let mut head = headers(&[("uwsgi-encoding", "gzip"), ("content-length", "5"), more]);
            head.insert(more.0, HeaderValue::from_static(more.1));
            assert!(begin(&mut head, true).is_none(), "{more:?}");
            assert!(head.contains_key(CONTENT_LENGTH) && !head.contains_key(VARY) && !head.contains_key(ASKS));
        }
    }

    #[test]
    fn every_piece_can_be_read_as_soon_as_it_is_sent() {
        let mut gzip = begin(&mut headers(&[("uwsgi-encoding", "gzip")]), true).unwrap();
        let pieces = [b"one".to_vec(), vec![b'x'; 100_000], b"two".to_vec()];
        let mut coming = pieces.clone().into_iter();
        let (mut sent, mut given) = (Vec::new(), 0);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let next = |_: &mut Context<'_>| {
                given += 1;
                Poll::Ready(Ok(coming.next().map(Bytes::from)))
            };
            let Poll::Ready(piece) = gzip.poll_piece(&mut context, next) else { panic!("nothing is awaited") };
            let Some(piece) = piece.unwrap() else { break };
            sent.extend(piece);
            if given == 1 {
                let mut first = [0; 3];
                flate2::read::GzDecoder::new(&sent[..]).read_exact(&mut first).unwrap();
                assert_eq!(&first, b"one");
            }
        }
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&sent[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, pieces.concat());
        assert!(gzip.is_done() && sent.len() < 1000);
    }
}
