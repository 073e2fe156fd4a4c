//! From bytes to requests: reads what has come, has heads decoded, reads bodies ahead, and hands complete requests on.

use nix::sys::socket::{Shutdown, shutdown};
use rsgi_proto::http1::response::canned;
use std::os::fd::{AsFd, AsRawFd};

use super::ahead::{Ahead, Trouble};
use super::connection::{Connection, Pending, Phase, Request, Speaks};
use super::core::{Core, Fate};
use super::decode::{Refusal, Reply, decoder};
use super::engine::Engine;
use super::wire::{self, Got, Wire};

/// What a client may still send while we wait for it to read our last words.
const LINGER: usize = 256 * 1024;
/// Seconds for which we wait.
const LONGEST: u32 = 2;

/// What reading found.
pub(super) enum Read {
    /// More bytes.
    More,
    /// None for now.
    Nothing,
    /// The connection is over.
    Over,
}

impl Core<'_> {
    /// Goes on with a connection as far as its bytes reach.
    pub(super) fn progress(&mut self, connection: &mut Connection) -> Fate {
        loop {
            if matches!(connection.phase, Phase::Head) && !connection.input.is_empty() && self.turn.is_over() {
                return Fate::Queue;
            }
            let fate = match &connection.phase {
                Phase::Proxy => self.hear_proxy(connection),
                Phase::Hello(_) => self.greet(connection),
                Phase::Handshake => self.shake(connection),
                Phase::Head => self.begin(connection),
                Phase::Body(_) => self.resume_body(connection),
                Phase::Linger { .. } => Some(linger(connection)),
            };
            if let Some(fate) = fate {
                return if self.flush(connection) { fate } else { Fate::Close };
            }
        }
    }

    /// Sends answers that were held back for company.
    fn flush(&mut self, connection: &Connection) -> bool {
        if self.out.is_empty() {
            return true;
        }
        let sent = connection.wire().send_all(&self.out, &[], self.engine.limits.send);
        self.out.clear();
        sent.is_ok()
    }

    pub(super) fn read(&mut self, connection: &mut Connection, limit: usize) -> Read {
        if connection.drained {
            return Read::Nothing;
        }
        if !connection.input.has_memory() && self.spare_input.has_memory() {
            connection.input = std::mem::take(&mut self.spare_input);
        }
        let Connection { socket, session, input, drained, to_the_end, .. } = connection;
        match input.fill(Wire::new(socket.as_fd(), session.as_deref()), limit, drained) {
            Got::Bytes(_) => {
                *drained &= !*to_the_end;
                Read::More
            }
            Got::Nothing => Read::Nothing,
            Got::End | Got::Gone => Read::Over,
        }
    }

    /// Expects, decodes and serves one request. `None`: look again, there may be another.
    fn begin(&mut self, connection: &mut Connection) -> Option<Fate> {
        if connection.input.is_empty() {
            if self.engine.is_draining() {
                match connection.speaks {
                    // Nobody is there to hear a goodbye.
                    Speaks::Link { router, .. } if connection.served == 0 && self.engine.is_deaf(router) => {
                        return Some(Fate::Close);
                    }
                    Speaks::Link { .. } => self.say_bye(connection),
                    _ if self.engine.is_gentle() => {}
                    _ if connection.served > 0 || connection.registered => return Some(Fate::Close),
                    _ => {}
                }
            }
            if !self.out.is_empty() && !self.flush(connection) {
                return Some(Fate::Close);
            }
            match self.read(connection, self.head_limit(connection)) {
                Read::More => {}
                Read::Nothing => {
                    if connection.is_amid() {
                        connection.head_began.get_or_insert_with(|| self.engine.now());
                    }
                    return Some(Fate::Wait);
                }
                Read::Over => return Some(Fate::Close),
            }
        }
        let mut request = std::mem::take(&mut self.spare_request);
        let decoded = loop {
            match self.decode(connection, &mut request.vars) {
                Ok(None) => {}
                Ok(Some(facts)) => break self.check_modifier(connection).map(|()| Some(facts)),
                other => break other,
            }
            match self.read(connection, self.head_limit(connection)) {
                Read::More => {}
                Read::Nothing => {
                    self.spare_request = request;
                    connection.head_began.get_or_insert_with(|| self.engine.now());
                    return Some(Fate::Wait);
                }
                Read::Over => {
                    self.spare_request = request;
                    return Some(Fate::Close);
                }
            }
        };
        connection.head_began = None;
        connection.searched = 0;
        match decoded {
            Ok(Some(facts)) => {
                request.facts = facts;
                let ahead = Ahead::new(facts.head, facts.body, decoder(connection, &facts));
                self.with_body(connection, request, ahead, None)
            }
            Ok(None) => Some(Fate::Wait),
            Err(answer) => {
                self.spare_request = request;
                Some(self.refuse(connection, &answer))
            }
        }
    }

    /// Goes on with a body that was waiting for bytes.
    fn resume_body(&mut self, connection: &mut Connection) -> Option<Fate> {
        let Phase::Body(pending) = std::mem::replace(&mut connection.phase, Phase::Head) else { return None };
        let Pending { request, ahead, began } = *pending;
        self.with_body(connection, request, ahead, Some(began))
    }

    /// Reads the body ahead as far as wanted, then serves.
    fn with_body(
        &mut self,
        connection: &mut Connection,
        mut request: Request,
        mut ahead: Ahead,
        began: Option<u32>,
    ) -> Option<Fate> {
        let limits = self.engine.limits.body;
        let mut ready = ahead.check(limits).and_then(|()| ahead.advance(&mut connection.input, limits));
        if request.facts.expect_continue && matches!(ready, Ok(false)) {
            if limits.buffering == 0 {
                // The client is asked for the body when the application is.
                ready = Ok(true);
            } else {
                self.ask(connection);
                request.facts.expect_continue = false;
            }
        }
        loop {
            match ready {
                Ok(true) => break,
                Ok(false) => {}
                Err(trouble) => {
                    self.spare_request = request;
                    return Some(self.give_up(connection, trouble));
                }
            }
            match self.read(connection, ahead.buffer_limit(limits)) {
                Read::More => ready = ahead.advance(&mut connection.input, limits),
                Read::Nothing => {
                    let began = began.unwrap_or_else(|| self.engine.now());
                    connection.phase = Phase::Body(Box::new(Pending { request, ahead, began }));
                    return Some(Fate::Wait);
                }
                Read::Over => return Some(Fate::Close),
            }
        }
        let fate = self.serve(connection, &mut request, ahead);
        self.spare_request = request;
        fate
    }

    /// The router closes the link when nothing is on its way over it.
    fn say_bye(&mut self, connection: &mut Connection) {
        if !std::mem::replace(&mut connection.said_bye, true) {
            rsgi_proto::link::encode_bye(&mut self.out);
        }
    }

    fn ask(&mut self, connection: &Connection) {
        match connection.speaks {
            Speaks::Http => self.out.extend_from_slice(rsgi_proto::http1::response::CONTINUE),
            Speaks::Link { .. } => rsgi_proto::link::encode_continue(&mut self.out),
            Speaks::Uwsgi { .. } | Speaks::Scgi { .. } | Speaks::Fastcgi { .. } => {}
        }
        let _ = self.flush(connection);
    }

    fn give_up(&mut self, connection: &mut Connection, trouble: Trouble) -> Fate {
        match trouble {
            Trouble::Refuse(reject) => self.refuse(connection, &reject.into()),
            Trouble::Gone | Trouble::Framing => Fate::Close,
            Trouble::File(error) => {
                let reason = format!("cannot buffer a request body in a temporary file: {error}");
                // Not 507, which is about room for what the request asks to keep (RFC 4918 §11.5): here anything larger than
                // memory is refused for a while, and proxies in front know 503 and `Retry-After`.
                self.refuse(connection, &Refusal::status(503, reason))
            }
        }
    }

    /// Answers a request that cannot be served and closes.
    pub(super) fn refuse(&mut self, connection: &mut Connection, refusal: &Refusal) -> Fate {
        let peer = connection.peer_name();
        match refusal.answer {
            Reply::Status(status) => {
                self.measure_refusal(connection, status);
                tracing::warn!("client {peer}: {} ({status})", refusal.reason);
                match connection.speaks {
                    Speaks::Link { .. } => {
                        // Closed below: nothing else must be sent over it meanwhile.
                        self.say_bye(connection);
                        super::link::encode_error(&mut self.out, status, "");
                    }
                    Speaks::Scgi { nph: false } | Speaks::Fastcgi { nph: false } => {
                        self.out.extend_from_slice(b"Status: ");
                        self.out.extend_from_slice(canned(status).get(9..).unwrap_or_default());
                    }
                    _ => self.out.extend_from_slice(canned(status)),
                }
            }
            Reply::Pong => self.out.extend_from_slice(&[100, 0, 0, 1]),
            Reply::Nothing => tracing::error!("{peer}: {}, connection closed", refusal.reason),
        }
        if !self.flush(connection) || connection.is_link() || refusal.answer == Reply::Nothing {
            return Fate::Close;
        }
        begin_linger(connection, self.engine)
    }

    pub(super) fn head_limit(&self, connection: &Connection) -> usize {
        match connection.speaks {
            Speaks::Http => self.engine.limits.http.head + 1024,
            // Records of FastCGI have headers and padding of their own.
            Speaks::Uwsgi { .. } | Speaks::Scgi { .. } | Speaks::Fastcgi { .. } => {
                self.engine.limits.packet.block * 2 + 4096
            }
            Speaks::Link { .. } => 2 << 20,
        }
    }
}

/// Closes our side and waits for the client to close its own: closing at once, with input unread, would make the kernel
/// throw our last bytes away before the client has them (RFC 9112 §9.6).
pub(super) fn begin_linger(connection: &mut Connection, engine: &Engine) -> Fate {
    connection.input = super::input::Input::default();
    connection.wire().say_goodbye();
    if shutdown(connection.socket.as_raw_fd(), Shutdown::Write).is_err() {
        return Fate::Close;
    }
    connection.phase = Phase::Linger { left: LINGER, end: engine.now().saturating_add(LONGEST) };
    linger(connection)
}

fn linger(connection: &mut Connection) -> Fate {
    let mut waste = [0_u8; 4096];
    while let Phase::Linger { left, .. } = &mut connection.phase {
        match wire::receive(connection.socket.as_fd(), &mut waste) {
            Got::Bytes(count) if count <= *left => *left -= count,
            Got::Nothing => return Fate::Wait,
            Got::Bytes(_) | Got::End | Got::Gone => return Fate::Close,
        }
    }
    Fate::Close
}
