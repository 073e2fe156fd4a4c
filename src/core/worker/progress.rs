//! From bytes to requests: reads what has come, decodes heads, reads bodies ahead, and hands complete requests on.

use nix::sys::socket::{Shutdown, shutdown};
use rsgi_proto::http1::request::Peer;
use rsgi_proto::http1::response::canned;
use rsgi_proto::http1::{self, Reject};
use rsgi_proto::link::ToWorker;
use rsgi_proto::{Body, Progress, uwsgi};
use std::os::fd::{AsFd, AsRawFd};

use super::ahead::{Ahead, Decoder, Trouble};
use super::connection::{Connection, Facts, Pending, Phase, Request, Speaks};
use super::core::{Core, Fate};
use super::wire::{self, Got};

/// What a client may still send while we wait for it to read our last words.
const LINGER: usize = 256 * 1024;

/// What reading found.
enum Read {
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
            let fate = match &connection.phase {
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
        let sent = wire::send_all(connection.fd(), &self.out, &[], self.engine.limits.socket);
        self.out.clear();
        sent.is_ok()
    }

    fn read(&mut self, connection: &mut Connection, limit: usize) -> Read {
        if connection.drained {
            return Read::Nothing;
        }
        if !connection.input.has_memory() && self.spare_input.has_memory() {
            connection.input = std::mem::take(&mut self.spare_input);
        }
        let Connection { socket, input, drained, to_the_end, .. } = connection;
        match input.fill(socket.as_fd(), limit, drained) {
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
                    Speaks::Link { .. } => self.say_bye(connection),
                    Speaks::Http | Speaks::Uwsgi if connection.served > 0 || connection.registered => {
                        return Some(Fate::Close);
                    }
                    Speaks::Http | Speaks::Uwsgi => {}
                }
            }
            if !self.out.is_empty() && !self.flush(connection) {
                return Some(Fate::Close);
            }
            match self.read(connection, self.head_limit(connection)) {
                Read::More => {}
                Read::Nothing => return Some(Fate::Wait),
                Read::Over => return Some(Fate::Close),
            }
        }
        let mut request = std::mem::take(&mut self.spare_request);
        let decoded = loop {
            match self.decode(connection, &mut request.vars) {
                Ok(None) => {}
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
        match decoded {
            Ok(Some(facts)) => {
                request.facts = facts;
                let ahead = Ahead::new(facts.head, facts.body, decoder(connection, facts.body));
                self.with_body(connection, request, ahead)
            }
            Ok(None) => Some(Fate::Wait),
            Err(answer) => {
                self.spare_request = request;
                Some(self.refuse(connection, &answer))
            }
        }
    }

    /// Decodes a head at the start of the input.
    fn decode(
        &mut self,
        connection: &mut Connection,
        vars: &mut rsgi_proto::vars::Vars,
    ) -> Result<Option<Facts>, Refusal> {
        let limits = &self.engine.limits;
        let Connection { speaks, input, remote_addr, remote_port, listener, .. } = connection;
        match speaks {
            Speaks::Http => {
                let port = self.engine.listeners.get(*listener).map_or("", |entrance| entrance.port.as_str());
                let peer = Peer {
                    server_name: self.engine.host_name.as_bytes(),
                    server_port: port.as_bytes(),
                    remote_addr: remote_addr.as_bytes(),
                    remote_port: (!remote_port.is_empty()).then_some(remote_port.as_bytes()),
                    https: false,
                };
                let progress = http1::request::decode(input.data(), &peer, &limits.http, vars, &mut self.head)?;
                Ok((progress == Progress::Done).then(|| Facts::from(self.head)))
            }
            Speaks::Uwsgi => {
                let progress = uwsgi::decode(input.data(), &limits.uwsgi, vars, &mut self.packet)
                    .map_err(|error| Refusal { status: error.status(), reason: error.to_string() })?;
                if progress == Progress::NeedMore {
                    return Ok(None);
                }
                let packet = &self.packet;
                if let Some(refused) = packet.refused {
                    tracing::warn!("uwsgi variable {} would load code: left out", refused.key());
                }
                match packet.modifier1 {
                    0 if vars.is_empty() => Err(Refusal { status: 400, reason: "empty uwsgi request".into() }),
                    0 => Ok(Some(Facts {
                        head: packet.consumed,
                        body: packet.body,
                        version: packet.version,
                        is_head: packet.method.is_head(),
                        keep_alive: false,
                        expect_continue: false,
                    })),
                    100 => Err(Refusal { status: 0, reason: String::new() }),
                    other => {
                        let reason = format!("-- unavailable modifier requested: {other} --");
                        Err(Refusal { status: 501, reason })
                    }
                }
            }
            Speaks::Link { end, .. } => loop {
                let step = end.decode(input.data(), vars);
                let (used, event) = match step {
                    Ok(None) => return Ok(None),
                    Ok(Some(step)) => step,
                    Err(error) => return Err(Refusal { status: 0, reason: error.to_string() }),
                };
                match event {
                    ToWorker::Head(request) => {
                        return Ok(Some(Facts {
                            head: used,
                            body: request.body,
                            version: request.version,
                            is_head: request.is_head,
                            keep_alive: true,
                            expect_continue: request.expect_continue,
                        }));
                    }
                    // What is left of an answered request: a body that nobody read, a client that went.
                    ToWorker::Body(_) | ToWorker::End | ToWorker::Abort => input.consume(used),
                }
            },
        }
    }

    /// Goes on with a body that was waiting for bytes.
    fn resume_body(&mut self, connection: &mut Connection) -> Option<Fate> {
        let Phase::Body(pending) = std::mem::replace(&mut connection.phase, Phase::Head) else { return None };
        let Pending { request, ahead } = *pending;
        self.with_body(connection, request, ahead)
    }

    /// Reads the body ahead as far as wanted, then serves.
    fn with_body(&mut self, connection: &mut Connection, mut request: Request, mut ahead: Ahead) -> Option<Fate> {
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
                    connection.phase = Phase::Body(Box::new(Pending { request, ahead }));
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
            Speaks::Uwsgi => {}
        }
        let _ = self.flush(connection);
    }

    fn give_up(&mut self, connection: &mut Connection, trouble: Trouble) -> Fate {
        match trouble {
            Trouble::Refuse(reject) => self.refuse(connection, &reject.into()),
            Trouble::Gone => Fate::Close,
            Trouble::File(error) => {
                let reason = format!("cannot buffer a request body in a temporary file: {error}");
                tracing::error!("{reason}");
                self.refuse(connection, &Refusal { status: 500, reason })
            }
        }
    }

    /// Answers a request that cannot be served and closes.
    fn refuse(&mut self, connection: &mut Connection, refusal: &Refusal) -> Fate {
        match (&connection.speaks, refusal.status) {
            (Speaks::Uwsgi, 0) => self.out.extend_from_slice(&[100, 0, 0, 1]),
            (Speaks::Link { .. }, 0) => {
                tracing::error!("link to the router broken: {}", refusal.reason);
                return Fate::Close;
            }
            (Speaks::Link { .. }, status) => {
                tracing::warn!("client: {} ({status})", refusal.reason);
                super::link::encode_error(&mut self.out, status);
                let _ = self.flush(connection);
                return Fate::Close;
            }
            (_, status) => {
                tracing::warn!("client {}: {} ({status})", connection.peer_name(), refusal.reason);
                self.out.extend_from_slice(canned(status));
            }
        }
        if !self.flush(connection) {
            return Fate::Close;
        }
        begin_linger(connection)
    }

    pub(super) fn head_limit(&self, connection: &Connection) -> usize {
        match connection.speaks {
            Speaks::Http => self.engine.limits.http.head + 1024,
            Speaks::Uwsgi => self.engine.limits.uwsgi.block + 1024,
            Speaks::Link { .. } => 2 << 20,
        }
    }
}

/// A request that is refused: 0 stands for "no HTTP answer".
#[derive(Debug)]
struct Refusal {
    status: u16,
    reason: String,
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self { status: reject.status, reason: format!("bad request: {}", reject.reason) }
    }
}

fn decoder(connection: &Connection, body: Body) -> Option<Decoder> {
    match (&connection.speaks, body) {
        (Speaks::Link { end, .. }, Body::Length(_) | Body::Chunked) => Some(Decoder::Link(*end)),
        (_, Body::Chunked) => Some(Decoder::Chunked(http1::chunked::Chunked::new())),
        _ => None,
    }
}

/// Closes our side and waits for the client to close its own: closing at once, with input unread, would make the kernel
/// throw our last bytes away before the client has them (RFC 9112 §9.6).
pub(super) fn begin_linger(connection: &mut Connection) -> Fate {
    connection.input = super::input::Input::default();
    if shutdown(connection.socket.as_raw_fd(), Shutdown::Write).is_err() {
        return Fate::Close;
    }
    connection.phase = Phase::Linger { left: LINGER };
    linger(connection)
}

fn linger(connection: &mut Connection) -> Fate {
    let mut waste = [0_u8; 4096];
    while let Phase::Linger { left } = &mut connection.phase {
        match wire::read_now(connection.socket.as_fd(), &mut waste) {
            Got::Bytes(count) if count <= *left => *left -= count,
            Got::Nothing => return Fate::Wait,
            Got::Bytes(_) | Got::End | Got::Gone => return Fate::Close,
        }
    }
    Fate::Close
}
