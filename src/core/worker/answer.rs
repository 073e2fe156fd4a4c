//! The answer to a request on a direct socket (HTTP, uwsgi, SCGI, FastCGI), as the plugin gives it piece by piece.

use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rsgi_abi::host::{Exchange, HeadView, NoWebsocket, ReadError, SendError};
use rsgi_abi::types::{HEAD_CHUNKED, HEAD_CLOSE, HEAD_DATE};
use rsgi_proto::fastcgi::{self, EndStatus, STDOUT_MOST};
use rsgi_proto::http1::chunked::Chunked;
use rsgi_proto::http1::response::{
    self, Asked, CHUNK_END, CONTINUE, FirstLine, Framing, Given, LAST_CHUNK, Plan, canned,
};

use super::connection::Facts;
use super::naming::{self, Naming, Way};
use super::offload::{FIRST, Step, Transfer};
use super::rest::{Remains, Rest};
use super::switch::{STATUS, Switch, count_lines};
use super::wire::Wire;
use crate::logging::request::{Notes, set_note};
use crate::statics::{Piece, Reply};

/// Time that an application has for what nobody gets, the body of an answer that has none: most end by themselves.
const SURPLUS: Duration = Duration::from_secs(1);
/// Pieces from this size on are not copied but sent from where they are.
const COPIED: usize = 4096;

/// Numbers for the log and the scoreboard.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) code: u16,
    pub(super) headers: u32,
    /// Size of status line and header lines as the application gave them.
    pub(super) head_bytes: u64,
    pub(super) body_bytes: u64,
    /// Bytes of the request's body that have come.
    pub(super) received: u64,
    pub(super) by_sendfile: bool,
    /// No core waits until the client has all of it.
    pub(super) is_offloaded: bool,
    /// The answer is a file of the configuration; no application was asked.
    pub(super) is_static: bool,
    /// The request body broke off.
    pub(super) unread: bool,
    /// Why the answer broke off, when it did.
    pub(super) failed: Option<SendError>,
    /// What the application has set for the log line.
    pub(super) notes: Notes,
}

impl Tally {
    /// An answer of our own.
    pub(super) fn of_error(code: u16, headers: u32, head: usize, body: usize) -> Self {
        Self { code, headers, head_bytes: head as u64, body_bytes: body as u64, ..Self::default() }
    }

    /// The answer is 101.
    pub(super) fn switched(&mut self, headers: u32, head: usize) {
        (self.code, self.headers, self.head_bytes) = (101, headers, head as u64);
    }

    pub(super) fn head(&mut self, head: &HeadView<'_>, protocol: &str) {
        self.code = head.code;
        self.headers = head.count;
        self.head_bytes = (protocol.len() + 1 + head.status.len() + 2 + head.lines.len() + 2) as u64;
    }
}

/// The ways of direct sockets. `cgi`: the head begins with `Status:` instead of a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// HTTP/1 with its framing.
    Http,
    /// uwsgi and SCGI: the end of the connection is the end of the body.
    Bare { cgi: bool },
    /// FastCGI: head and body in records.
    Fastcgi { cgi: bool },
}

/// One answer in the making.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) wire: Wire<'a>,
    pub(super) timeout: Duration,
    /// Largest head that an application may answer with.
    pub(super) head_limit: Option<usize>,
    pub(super) dialect: Dialect,
    pub(super) facts: Facts,
    /// The connection closes after this answer whatever the parties wish.
    pub(super) must_close: bool,
    pub(super) date: &'a [u8],
    pub(super) rest: Rest<'a>,
    pub(super) switch: Switch<'a>,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) tally: Tally,
    pub(super) state: State,
    /// When the head was sent of an answer that has no body.
    pub(super) bodiless: Option<Instant>,
    /// Follows the chunks that the application makes itself.
    pub(super) app_chunks: Chunked,
    /// The application may name a file in the place of its body.
    pub(super) naming: Option<Naming<'a>>,
    /// Files are sent without waiting: what the socket does not take at once is left in `transfer`.
    pub(super) offload: bool,
    pub(super) transfer: Option<Transfer>,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No head yet. `true`: the client waits for `100 Continue`.
    Waiting(bool),
    /// The head is out.
    Body(Plan),
    /// All is said.
    Done(Plan),
    /// The connection speaks another protocol.
    Switched,
    /// Broken: nothing more can be sent.
    Broken,
}

/// What an answer leaves behind.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) tally: Tally,
    pub(super) keep_alive: bool,
    pub(super) remains: Remains,
    /// What an offload thread has to send before the answer is complete.
    pub(super) transfer: Option<Transfer>,
    /// A websocket has seen that this worker leaves. Over a link the router has been told that it was the last request.
    pub(super) is_leaving: bool,
}

impl Answer<'_> {
    fn begin(&mut self, head: &HeadView<'_>, total: Option<u64>) -> Plan {
        let given = Given {
            code: head.code,
            content_length: head.content_length,
            chunked: head.flags & HEAD_CHUNKED != 0,
            close: head.flags & HEAD_CLOSE != 0,
        };
        let facts = self.facts;
        let plan = match self.dialect {
            Dialect::Http => {
                let asked = Asked { version: facts.version, is_head: facts.is_head, keep_alive: facts.keep_alive };
                let unasked_body = self.state == State::Waiting(true);
                response::plan(asked, given, total, self.must_close || unasked_body)
            }
            Dialect::Bare { .. } | Dialect::Fastcgi { .. } => response::plan_bare(facts.is_head, given),
        };
        let date = (self.dialect == Dialect::Http && head.flags & HEAD_DATE == 0).then_some(self.date);
        let first = match self.dialect {
            Dialect::Bare { cgi: true } | Dialect::Fastcgi { cgi: true } => FirstLine::Cgi,
            _ => FirstLine::Http(facts.version),
        };
        let start = self.out.len();
        response::encode_head(self.out, first, head.status, head.lines, &plan, date);
        if let Dialect::Fastcgi { .. } = self.dialect {
            let encoded = self.out.split_off(start);
            self.put_records(&encoded);
        }
        self.tally.head(head, facts.version.name());
        self.state = State::Body(plan);
        plan
    }

    /// The plan for this call: a new one with the head, the present one without.
    fn plan_for(&mut self, head: Option<&HeadView<'_>>, total: Option<u64>) -> Result<Plan, SendError> {
        match (self.state, head) {
            (State::Waiting(_), Some(head)) => {
                check_head(head, self.head_limit)?;
                Ok(self.begin(head, total))
            }
            (State::Body(plan), None) => Ok(plan),
            (State::Broken, _) => Err(self.tally.failed.unwrap_or(SendError::Gone)),
            (State::Waiting(_), None) | (State::Body(_), Some(_)) | (State::Done(_) | State::Switched, _) => {
                Err(SendError::Misuse)
            }
        }
    }

    /// Appends `data` in records of FastCGI.
    fn put_records(&mut self, data: &[u8]) {
        for piece in data.chunks(usize::from(STDOUT_MOST)) {
            fastcgi::stdout_prefix(self.out, self.facts.record, u16::try_from(piece.len()).unwrap_or(STDOUT_MOST));
            self.out.extend_from_slice(piece);
        }
    }

    fn flush(&mut self, direct: &[u8]) -> Result<(), SendError> {
        let sent = self.wire.send_all(self.out, direct, self.timeout);
        self.out.clear();
        sent.inspect_err(|&error| self.fail(error))
    }

    fn fail(&mut self, error: SendError) {
        self.state = State::Broken;
        self.tally.failed = Some(error);
    }

    /// Marks the answer complete; one that is shorter than announced is broken.
    fn complete(&mut self, plan: Plan) {
        let short = match plan.framing {
            Framing::Length(length) => self.tally.body_bytes < length,
            Framing::AppChunked => !self.app_chunks.is_done(),
            _ => false,
        };
        self.state = if short { State::Broken } else { State::Done(plan) };
        if let Dialect::Fastcgi { .. } = self.dialect
            && !short
        {
            fastcgi::encode_end(self.out, self.facts.record, EndStatus::Complete);
        }
    }

    /// Sends a file, in records where the dialect wants them. Returns how many bytes of it went.
    fn transfer(&mut self, file: BorrowedFd<'_>, offset: u64, len: Option<u64>) -> Result<u64, SendError> {
        let Dialect::Fastcgi { .. } = self.dialect else {
            return self.wire.send_file(file, offset, len, self.timeout);
        };
        let mut sent = 0;
        let mut left = len.ok_or(SendError::Misuse)?;
        while left > 0 {
            let piece = left.min(u64::from(STDOUT_MOST));
            fastcgi::stdout_prefix(self.out, self.facts.record, u16::try_from(piece).unwrap_or(STDOUT_MOST));
            self.flush(&[])?;
            let count = self.wire.send_file(file, offset + sent, Some(piece), self.timeout)?;
            sent += count;
            left -= piece;
            if count < piece {
                // The file has become shorter: the record cannot be completed.
                return Err(SendError::Misuse);
            }
        }
        Ok(sent)
    }

    /// Sends pieces of a file as the rest of the body without waiting for the client.
    fn hand(&mut self, plan: Plan, file: OwnedFd, pieces: VecDeque<Piece>) -> Result<(), SendError> {
        self.tally.body_bytes += pieces.iter().map(Piece::len).sum::<u64>();
        (self.tally.by_sendfile, self.tally.is_offloaded) = (true, true);
        let short = matches!(plan.framing, Framing::Length(length) if self.tally.body_bytes < length);
        let record = matches!(self.dialect, Dialect::Fastcgi { .. }).then_some(self.facts.record);
        let mut transfer = Transfer::new(std::mem::take(self.out), file, pieces, record, !short);
        self.state = if short { State::Broken } else { State::Done(plan) };
        match transfer.step(self.wire.socket(), FIRST) {
            Step::Done => *self.out = transfer.into_memory(),
            Step::Blocked => self.transfer = Some(transfer),
            Step::Broken(error) => {
                self.fail(error);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Answers `code` for an application that gave no answer; its connection is closed.
    fn fail_politely(&mut self, code: u16) {
        let mut error = canned(code);
        if self.facts.is_head {
            // Its head alone (RFC 9110 §9.3.2).
            let end = error.windows(4).position(|end| end == b"\r\n\r\n").map_or(error.len(), |at| at + 4);
            error = error.get(..end).unwrap_or(error);
        }
        let text = error.get(9..).unwrap_or_default();
        match self.dialect {
            Dialect::Http | Dialect::Bare { cgi: false } => self.out.extend_from_slice(error),
            Dialect::Bare { cgi: true } => {
                self.out.extend_from_slice(b"Status: ");
                self.out.extend_from_slice(text);
            }
            Dialect::Fastcgi { cgi } => {
                let whole = if cgi { [b"Status: ", text].concat() } else { error.to_vec() };
                self.put_records(&whole);
                fastcgi::encode_end(self.out, self.facts.record, EndStatus::Complete);
            }
        }
        let head = text.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
        let headers = text.get(..head).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count();
        let headers = u32::try_from(headers.saturating_sub(2)).unwrap_or(0);
        self.tally = Tally::of_error(code, headers, head + error.len() - text.len(), text.len() - head);
        self.must_close = true;
    }

    /// Ends the request: answers `failure` for an application that said nothing.
    pub(super) fn finish(mut self, failure: u16) -> Finished {
        if matches!(self.state, State::Waiting(_)) {
            self.fail_politely(self.switch.refusal.unwrap_or(failure));
        }
        if self.state == State::Switched {
            let is_leaving = self.switch.engine.is_leaving();
            let (sent, remains) = self.switch.finish();
            self.tally.body_bytes = sent;
            return Finished { tally: self.tally, keep_alive: false, remains, transfer: None, is_leaving };
        }
        let mut keep_alive = match (self.state, self.dialect) {
            (State::Done(plan), Dialect::Http) => plan.keep_alive,
            (State::Done(_), _) => self.facts.keep_alive && !self.must_close,
            _ => false,
        };
        if !self.out.is_empty() {
            keep_alive &= self.flush(&[]).is_ok();
        }
        Finished {
            tally: self.tally,
            keep_alive,
            remains: self.rest.finish(),
            transfer: self.transfer,
            is_leaving: false,
        }
    }
}

impl Exchange for Answer<'_> {
    fn read_body(&mut self, buffer: &mut [u8], wait: Option<Duration>) -> Result<usize, ReadError> {
        if self.state == State::Waiting(true) {
            self.state = State::Waiting(false);
            if self.rest.is_missing() {
                self.out.extend_from_slice(CONTINUE);
                if self.flush(&[]).is_err() {
                    return Err(ReadError::Gone);
                }
            }
        }
        let read = self.rest.read(buffer, wait);
        let is_over = |error: &ReadError| wait.is_none() || *error != ReadError::Timeout;
        read.inspect_err(|error| self.tally.unread |= is_over(error))
    }

    fn seek_body(&mut self, offset: u64) -> bool {
        self.rest.seek(offset)
    }

    fn send(&mut self, head: Option<&HeadView<'_>>, data: &[u8], last: bool) -> Result<(), SendError> {
        if let Some(sent) = naming::replace(self, head) {
            return sent;
        }
        if let State::Done(_) = self.state
            && data.is_empty()
            && head.is_none()
        {
            return Ok(());
        }
        let total = (last && head.is_some()).then_some(data.len() as u64);
        let plan = self.plan_for(head, total)?;
        let mut overflow = false;
        let mut bare = Vec::new();
        let data = match plan.framing {
            Framing::None if !last && self.bodiless.get_or_insert_with(Instant::now).elapsed() > SURPLUS => {
                // It may go on for ever, and its client does not even know.
                self.complete(plan);
                return Err(SendError::Gone);
            }
            Framing::None => &[],
            Framing::Unchunk | Framing::AppChunked => {
                let keep = plan.framing == Framing::Unchunk;
                let follow = |piece: &[u8]| {
                    if keep {
                        bare.extend_from_slice(piece)
                    }
                };
                let Ok(used) = self.app_chunks.decode(data, follow) else {
                    self.fail(SendError::Misuse);
                    return Err(SendError::Misuse);
                };
                // What comes after the last chunk would be taken for the next answer.
                overflow = used < data.len();
                if keep { bare.as_slice() } else { data.get(..used).unwrap_or(data) }
            }
            Framing::Length(length) => {
                let left = usize::try_from(length - self.tally.body_bytes).unwrap_or(usize::MAX);
                overflow = data.len() > left;
                data.get(..left).unwrap_or(data)
            }
            Framing::Chunked | Framing::UntilClose => data,
        };
        let chunked = plan.framing == Framing::Chunked && !data.is_empty();
        if chunked {
            response::chunk_prefix(self.out, data.len());
        }
        if let Dialect::Fastcgi { .. } = self.dialect {
            self.put_records(data);
        } else if data.len() < COPIED {
            self.out.extend_from_slice(data);
        } else {
            self.flush(data)?;
        }
        self.tally.body_bytes += data.len() as u64;
        if chunked {
            self.out.extend_from_slice(CHUNK_END);
        }
        // What is announced is there: nothing more will be said, and the answer is as complete as with its last piece.
        if last || overflow {
            if plan.framing == Framing::Chunked {
                self.out.extend_from_slice(LAST_CHUNK);
            }
            self.complete(plan);
        }
        // Whatever the application does next, its client has what it has said (PEP 3333, "Buffering and Streaming").
        if !self.out.is_empty() {
            self.flush(&[])?;
        }
        if overflow { Err(SendError::Overflow) } else { Ok(()) }
    }

    fn set_log_variable(&mut self, name: &[u8], value: &[u8]) {
        set_note(&mut self.tally.notes, name, value);
    }

    fn send_file(
        &mut self,
        head: Option<&HeadView<'_>>,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
    ) -> Result<(), SendError> {
        if let Some(sent) = naming::replace(self, head) {
            return sent;
        }
        let here = size_from(file, offset);
        let len = match (len, here) {
            (Some(len), Some(here)) => Some(len.min(here)),
            (len, here) => len.or(here),
        };
        let plan = self.plan_for(head, len)?;
        let len = match plan.framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(len.unwrap_or(u64::MAX).min(length - self.tally.body_bytes)),
            Framing::UntilClose => len,
            // A file of unknown size is a pipe, which sendfile cannot read; chunks of the application's own making are
            // not in files.
            Framing::Chunked | Framing::AppChunked | Framing::Unchunk => return Err(SendError::Misuse),
        };
        if let Some(length) = len.filter(|&length| self.offload && length > 0)
            && let Ok(file) = file.try_clone_to_owned()
        {
            return self.hand(plan, file, [Piece::Part(offset..offset.saturating_add(length))].into());
        }
        self.flush(&[])?;
        match self.transfer(file, offset, len) {
            Ok(sent) => {
                self.tally.body_bytes += sent;
                self.tally.by_sendfile = !self.wire.is_encrypted();
                self.complete(plan);
                Ok(())
            }
            Err(error) => {
                self.fail(error);
                Err(error)
            }
        }
    }

    fn websocket_accept(&mut self, key: &[u8], protocol: &[u8]) -> Result<(), NoWebsocket> {
        if !matches!(self.state, State::Waiting(_)) {
            return Err(NoWebsocket);
        }
        let lines = self.switch.shake(key, protocol)?;
        let version = self.facts.version.name();
        let start = self.out.len();
        self.out.extend_from_slice(
            format!("{version} {STATUS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n").as_bytes(),
        );
        self.tally.switched(2 + count_lines(&lines), self.out.len() - start);
        self.state = State::Switched;
        self.flush(&[]).map_err(|_| NoWebsocket)?;
        self.switch.begin(self.wire, self.timeout);
        Ok(())
    }

    fn websocket_receive(&mut self, wait: Duration) -> Result<Option<&[u8]>, NoWebsocket> {
        self.switch.receive(wait)
    }

    fn websocket_send(&mut self, data: &[u8], binary: bool) -> Result<(), NoWebsocket> {
        self.switch.send(data, binary)
    }

    fn websocket_close(&mut self) {
        self.switch.close();
    }

    fn connection(&self) -> Option<BorrowedFd<'_>> {
        Some(self.wire.socket())
    }

    fn is_connected(&self) -> bool {
        self.switch.is_connected(self.wire.socket())
    }
}

impl<'a> Way<'a> for Answer<'a> {
    fn naming(&mut self) -> &mut Option<Naming<'a>> {
        &mut self.naming
    }

    fn send_reply(&mut self, reply: Reply) -> Result<(), SendError> {
        let length: u64 = reply.pieces.iter().map(Piece::len).sum();
        if !self.offload || length == 0 {
            return reply.send(self);
        }
        let plan = self.plan_for(Some(&reply.head()), Some(length))?;
        self.hand(plan, reply.file.into(), reply.pieces.into())
    }
}

/// Whether a head is within `response-headers-limit`. Nothing is sent of one that is not, and the request ends as one without
/// an answer.
pub(super) fn check_head(head: &HeadView<'_>, limit: Option<usize>) -> Result<(), SendError> {
    let (size, limit) = (head.status.len() + head.lines.len(), limit.unwrap_or(usize::MAX));
    if size <= limit {
        return Ok(());
    }
    tracing::error!("the application answered with a head of {size} bytes, response-headers-limit is {limit}");
    Err(SendError::Gone)
}

/// Bytes of a regular file from `offset` on.
pub(super) fn size_from(file: BorrowedFd<'_>, offset: u64) -> Option<u64> {
    let stat = nix::sys::stat::fstat(file).ok()?;
    let regular = stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFREG;
    regular.then(|| u64::try_from(stat.st_size).unwrap_or(0).saturating_sub(offset))
}
