//! A worker's end of its links to the routers: dialling, and answering over them.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};
use rsgi_abi::host::{Exchange, HeadView, NoWebsocket, ReadError, SendError};
use rsgi_abi::types::{HEAD_CHUNKED, HEAD_CLOSE, HEAD_DATE, HEAD_SERVER};
use rsgi_proto::link::{self, Hello};

use super::answer::{Finished, Tally, check_head, size_from};
use super::connection::Facts;
use super::naming::{self, Naming, Way};
use super::rest::Rest;
use super::switch::{STATUS, Switch, count_lines};
use super::wire::{self, Wire};
use crate::logging::request::set_note;
use crate::statics::Reply;

const COPIED: usize = 4096;

/// Opens a link: keeps one end of a socketpair and passes the other to the router through its rendezvous.
///
/// # Errors
/// `EPIPE` or `ECONNRESET` when the router is gone for good. Everything else may pass: `EAGAIN` when it has not emptied its
/// rendezvous yet, others when descriptors or memory are short.
pub(super) fn dial(rendezvous: BorrowedFd<'_>, hello: &Hello) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    let mut frame = Vec::with_capacity(64);
    link::encode_hello(&mut frame, hello);
    let fds = [theirs.as_raw_fd()];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(rendezvous.as_raw_fd(), &[IoSlice::new(&frame)], &[ControlMessage::ScmRights(&fds)], flags, None)?;
    Ok(ours)
}

/// Appends a whole answer of our own: `code` with its reason as text. Returns what is to be said of it.
pub(super) fn encode_error(out: &mut Vec<u8>, code: u16, version: &str) -> Tally {
    let reason = rsgi_abi::head::reason(code);
    let status = format!("{code} {reason}");
    let length = reason.len();
    let hint = match code {
        426 => "Sec-WebSocket-Version: 13\r\n",
        503 => "Retry-After: 5\r\n",
        _ => "",
    };
    let lines = format!("{hint}Content-Type: text/plain\r\nContent-Length: {length}\r\n");
    let response = link::Response {
        code,
        close: true,
        app_chunked: false,
        has_date: false,
        has_server: false,
        switched: false,
        content_length: Some(length as u64),
        last: true,
        inline: u32::try_from(length).unwrap_or(0),
        status: status.as_bytes(),
        lines: lines.as_bytes(),
    };
    if link::encode_response(out, &response).is_ok() {
        out.extend_from_slice(reason.as_bytes());
    }
    Tally::of_error(code, count_lines(&lines), version.len() + 1 + status.len() + 2 + lines.len() + 2, length)
}

/// One answer over a link.
#[derive(Debug)]
pub(super) struct LinkAnswer<'a> {
    pub(super) wire: Wire<'a>,
    pub(super) timeout: Duration,
    /// Largest head that an application may answer with.
    pub(super) head_limit: Option<usize>,
    pub(super) facts: Facts,
    pub(super) rest: Rest<'a>,
    pub(super) switch: Switch<'a>,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) tally: Tally,
    pub(super) state: State,
    /// The answer has no body, whatever the application sends (HEAD, 204, 304).
    pub(super) no_body: bool,
    /// The application may name a file in the place of its body.
    pub(super) naming: Option<Naming<'a>>,
    /// There are offload threads: the log says of files that they need no core, as they never do here.
    pub(super) offload: bool,
}

/// How far the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No head yet. `true`: the client waits for `100 Continue`.
    Waiting(bool),
    /// Head sent; what is left of the announced length.
    Body(Option<u64>),
    /// All is said.
    Done,
    /// The connection speaks another protocol.
    Switched,
    /// The router or its client is gone.
    Broken,
}

impl LinkAnswer<'_> {
    fn flush(&mut self, direct: &[u8]) -> Result<(), SendError> {
        let sent = self.wire.send_all(self.out, direct, self.timeout);
        self.out.clear();
        sent.inspect_err(|&error| self.fail(error))
    }

    fn fail(&mut self, error: SendError) {
        self.state = State::Broken;
        self.tally.failed = Some(error);
    }

    /// Appends the RESPONSE frame; `inline` bytes of body have to follow.
    fn begin(&mut self, head: &HeadView<'_>, inline: u32, last: bool) -> Result<(), SendError> {
        let response = link::Response {
            code: head.code,
            close: head.flags & HEAD_CLOSE != 0,
            app_chunked: head.flags & HEAD_CHUNKED != 0,
            has_date: head.flags & HEAD_DATE != 0,
            has_server: head.flags & HEAD_SERVER != 0,
            switched: false,
            content_length: head.content_length,
            last,
            inline,
            status: head.status,
            lines: head.lines,
        };
        link::encode_response(self.out, &response).map_err(|_| SendError::Misuse)?;
        self.tally.head(head, self.facts.version.name());
        Ok(())
    }

    /// What may still be sent: nothing in answer to HEAD, else up to the announced length.
    fn allowance(&mut self, head: Option<&HeadView<'_>>) -> Result<Option<u64>, SendError> {
        if let (State::Waiting(_), Some(head)) = (self.state, head) {
            check_head(head, self.head_limit)?;
        }
        self.no_body |= self.facts.is_head || head.is_some_and(|head| matches!(head.code, 100..=199 | 204 | 304));
        match (self.state, head) {
            (State::Waiting(_), Some(_)) if self.no_body => Ok(Some(0)),
            (State::Waiting(_), Some(head)) => Ok(head.content_length),
            (State::Body(left), None) => Ok(left),
            (State::Broken, _) => Err(self.tally.failed.unwrap_or(SendError::Gone)),
            (State::Waiting(_), None) | (State::Body(_), Some(_)) | (State::Done | State::Switched, _) => {
                Err(SendError::Misuse)
            }
        }
    }

    /// Ends the request, with `failure` for an application that said nothing. `false`: the link is of no more use.
    pub(super) fn finish(mut self, failure: u16) -> Finished {
        match self.state {
            State::Waiting(_) => {
                let failure = self.switch.refusal.unwrap_or(failure);
                self.tally = encode_error(self.out, failure, self.facts.version.name());
                self.state = State::Done;
            }
            State::Body(_) => {
                link::encode_end(self.out, true);
                self.state = State::Done;
            }
            State::Switched => {
                let engine = self.switch.engine;
                let (sent, remains) = self.switch.finish();
                self.tally.body_bytes = sent;
                // The goodbye goes first: the end would bring the request that is next in the queue.
                let is_leaving = engine.is_leaving();
                if is_leaving {
                    link::encode_bye(self.out);
                }
                link::encode_end(self.out, false);
                let keep_alive = self.wire.send_all(self.out, &[], self.timeout).is_ok();
                self.out.clear();
                return Finished { tally: self.tally, keep_alive, remains, transfer: None, is_leaving };
            }
            State::Done | State::Broken => {}
        }
        let is_sound = self.state == State::Done && !self.rest.is_lost();
        let keep_alive = (self.out.is_empty() || self.flush(&[]).is_ok()) && is_sound;
        Finished { tally: self.tally, keep_alive, remains: self.rest.finish(), transfer: None, is_leaving: false }
    }
}

impl Exchange for LinkAnswer<'_> {
    fn read_body(&mut self, buffer: &mut [u8], wait: Option<Duration>) -> Result<usize, ReadError> {
        if self.state == State::Waiting(true) {
            self.state = State::Waiting(false);
            if self.rest.is_missing() {
                link::encode_continue(self.out);
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
        if self.state == State::Done && data.is_empty() && head.is_none() {
            return Ok(());
        }
        let allowed = self.allowance(head)?;
        let most = allowed.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let overflow = data.len() > most && !self.no_body;
        let last = last || overflow;
        let data = data.get(..most).unwrap_or(data);
        let left = allowed.map(|left| left - data.len() as u64);
        let short = last && !self.no_body && left.is_some_and(|left| left > 0);
        if head.is_none() && !last && self.rest.is_called_off() {
            self.fail(SendError::Gone);
            return Err(SendError::Gone);
        }
        let size = u32::try_from(data.len()).map_err(|_| SendError::Misuse)?;
        match head {
            Some(head) => self.begin(head, size, last && !short)?,
            None if size == 0 && !last => return Ok(()),
            None => link::data_prefix(self.out, size, last && !short),
        }
        if short {
            // The announced length is not reached: the client must notice.
            self.out.extend_from_slice(data);
            link::encode_end(self.out, true);
            self.flush(&[])?;
        } else if data.len() < COPIED {
            self.out.extend_from_slice(data);
            self.flush(&[])?;
        } else {
            self.flush(data)?;
        }
        self.tally.body_bytes += data.len() as u64;
        self.state = if last { State::Done } else { State::Body(left) };
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
        let here = size_from(file, offset).ok_or(SendError::Misuse)?;
        let allowed = self.allowance(head)?;
        let size = here.min(len.unwrap_or(u64::MAX));
        let length = size.min(allowed.unwrap_or(u64::MAX));
        if let Some(head) = head {
            let known = HeadView { content_length: head.content_length.or(Some(size)), ..*head };
            self.begin(&known, 0, false)?;
        }
        if length == 0 {
            link::data_prefix(self.out, 0, true);
            self.flush(&[])?;
        } else {
            self.flush(&[])?;
            link::encode_file(self.out, &link::File { offset, length });
            self.pass(file)?;
        }
        self.tally.body_bytes += length;
        (self.tally.by_sendfile, self.tally.is_offloaded) = (true, self.offload && length > 0);
        self.state = State::Done;
        Ok(())
    }

    fn websocket_accept(&mut self, key: &[u8], protocol: &[u8]) -> Result<(), NoWebsocket> {
        if !matches!(self.state, State::Waiting(_)) {
            return Err(NoWebsocket);
        }
        let lines = self.switch.shake(key, protocol)?;
        let response = link::Response {
            code: 101,
            switched: true,
            close: false,
            app_chunked: false,
            has_date: false,
            has_server: false,
            content_length: None,
            last: false,
            inline: 0,
            status: STATUS.as_bytes(),
            lines: lines.as_bytes(),
        };
        link::encode_response(self.out, &response).map_err(|_| NoWebsocket)?;
        // The router adds the lines about the connection.
        let head = "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n".len() + lines.len();
        let first = self.facts.version.name().len() + 1 + STATUS.len() + 2;
        self.tally.switched(2 + count_lines(&lines), first + head);
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

impl<'a> Way<'a> for LinkAnswer<'a> {
    fn naming(&mut self) -> &mut Option<Naming<'a>> {
        &mut self.naming
    }

    fn send_reply(&mut self, reply: Reply) -> Result<(), SendError> {
        reply.send(self)
    }
}

impl LinkAnswer<'_> {
    /// Sends the frame in `out` together with a descriptor.
    fn pass(&mut self, file: BorrowedFd<'_>) -> Result<(), SendError> {
        let fds = [file.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        loop {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            let sent = sendmsg::<()>(self.wire.socket().as_raw_fd(), &[IoSlice::new(self.out)], &rights, flags, None);
            match sent {
                Ok(count) => {
                    self.out.drain(..count.min(self.out.len()));
                    return self.flush(&[]);
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) if wire::wait_writable(self.wire.socket(), self.timeout) => {}
                Err(error) => {
                    let error = if error == nix::Error::EAGAIN { SendError::Timeout } else { SendError::Gone };
                    self.fail(error);
                    return Err(error);
                }
            }
        }
    }
}
