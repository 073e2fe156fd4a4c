//! The core's side of one request: a body that arrives in pieces, an answer that is kept.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rsgi_abi::host::{Exchange, HeadView, NoWebsocket, ReadError, SendError};
use rsgi_abi::types::{HEAD_CHUNKED, Outcome};

/// What `read_body` gives next.
#[derive(Debug, Clone)]
pub(crate) enum Feed {
    Bytes(Vec<u8>),
    Error(ReadError),
}

/// The answer as a client would see it, and how it came about.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) headers: Vec<String>,
    /// Body pieces, one a call.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The plugin said that the answer is complete.
    pub(crate) complete: bool,
    /// Offset and length of a file handed over.
    pub(crate) file: Option<(u64, Option<u64>)>,
    pub(crate) log_variables: Vec<(String, String)>,
    pub(crate) outcome: Outcome,
    feed: VecDeque<Feed>,
    /// The announced Content-Length.
    length: Option<usize>,
    /// The application makes chunks itself.
    is_chunked: bool,
    /// The whole body, when it is buffered.
    pub(crate) buffered: Option<Vec<u8>>,
    /// Calls of `send` that succeed before the client goes away.
    pub(crate) patience: usize,
}

impl Answer {
    pub(crate) fn new(feed: Vec<Feed>) -> Self {
        Self {
            status: String::new(),
            headers: Vec::new(),
            chunks: Vec::new(),
            complete: false,
            file: None,
            log_variables: Vec::new(),
            outcome: Outcome::NONE,
            feed: feed.into(),
            length: None,
            is_chunked: false,
            buffered: None,
            patience: usize::MAX,
        }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    fn take_head(&mut self, head: Option<&HeadView<'_>>) -> Result<(), SendError> {
        assert!(!self.complete, "nothing may follow the end of the answer");
        match head {
            Some(head) => {
                assert!(self.status.is_empty(), "one head only");
                self.status = String::from_utf8_lossy(head.status).into_owned();
                let lines = String::from_utf8_lossy(head.lines);
                self.headers = lines.split_terminator("\r\n").map(str::to_owned).collect();
                assert_eq!(self.headers.len(), head.count as usize);
                self.is_chunked = head.flags & HEAD_CHUNKED != 0;
                self.length = head.content_length.and_then(|length| usize::try_from(length).ok());
            }
            None => assert!(!self.status.is_empty(), "the head comes first"),
        }
        if self.patience == 0 {
            return Err(SendError::Gone);
        }
        self.patience -= 1;
        Ok(())
    }
}

impl Exchange for Answer {
    fn read_body(&mut self, buffer: &mut [u8], _wait: Option<Duration>) -> Result<usize, ReadError> {
        match self.feed.pop_front() {
            None => Ok(0),
            Some(Feed::Error(error)) => Err(error),
            Some(Feed::Bytes(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buffer.len()));
                buffer[..bytes.len()].copy_from_slice(&bytes);
                if !rest.is_empty() {
                    self.feed.push_front(Feed::Bytes(rest));
                }
                Ok(bytes.len())
            }
        }
    }

    fn seek_body(&mut self, offset: u64) -> bool {
        let Some(whole) = &self.buffered else { return false };
        self.feed = VecDeque::from([Feed::Bytes(whole[usize::try_from(offset).expect("a small body")..].to_vec())]);
        true
    }

    fn send(&mut self, head: Option<&HeadView<'_>>, data: &[u8], last: bool) -> Result<(), SendError> {
        self.take_head(head)?;
        let room = self.length.map_or(usize::MAX, |length| length - self.body().len());
        let kept = data.get(..room).unwrap_or(data);
        if !kept.is_empty() {
            self.chunks.push(kept.to_vec());
        }
        self.complete = last;
        if kept.len() < data.len() { Err(SendError::Overflow) } else { Ok(()) }
    }

    fn send_file(
        &mut self,
        head: Option<&HeadView<'_>>,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
    ) -> Result<(), SendError> {
        self.take_head(head)?;
        // As the core does: a file goes in one piece, into no chunks, the server's or the application's.
        if self.is_chunked || head.is_none() && self.length.is_none() {
            return Err(SendError::Misuse);
        }
        let file = File::from(file.try_clone_to_owned().expect("an open descriptor"));
        let size = file.metadata().expect("a regular file").len();
        let mut bytes = vec![0; usize::try_from(len.unwrap_or(size - offset)).expect("a small file")];
        file.read_exact_at(&mut bytes, offset).expect("a readable file");
        self.file = Some((offset, len));
        self.chunks.push(bytes);
        self.complete = true;
        Ok(())
    }

    fn set_log_variable(&mut self, name: &[u8], value: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.log_variables.push((text(name), text(value)));
    }

    fn websocket_accept(&mut self, _key: &[u8], _protocol: &[u8]) -> Result<(), NoWebsocket> {
        Ok(())
    }

    fn websocket_receive(&mut self, _wait: Duration) -> Result<Option<&[u8]>, NoWebsocket> {
        Ok(Some(b"message"))
    }

    fn websocket_send(&mut self, _data: &[u8], _binary: bool) -> Result<(), NoWebsocket> {
        Ok(())
    }
}
