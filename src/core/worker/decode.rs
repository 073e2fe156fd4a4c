//! From the start of a connection's data to a request, for each protocol that is spoken.

use rsgi_proto::http1::request::Peer;
use rsgi_proto::http1::{self, Reject};
use rsgi_proto::link::ToWorker;
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, cgi, fastcgi, names, scgi, uwsgi};

use super::ahead::Decoder;
use super::connection::{Connection, Facts, Speaks};
use super::core::Core;

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) answer: Reply,
    /// What was wrong, for the log.
    pub(super) reason: String,
}

/// What a refused client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status.
    Status(u16),
    /// The answer to a uwsgi ping; nothing was wrong.
    Pong,
    /// Nothing that it would understand.
    Nothing,
}

impl Refusal {
    pub(super) fn status(status: u16, reason: impl Into<String>) -> Self {
        Self { answer: Reply::Status(status), reason: reason.into() }
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self::status(reject.status, format!("bad request: {}", reject.reason))
    }
}

impl From<cgi::Facts> for Facts {
    fn from(facts: cgi::Facts) -> Self {
        if let Some(refused) = facts.refused {
            tracing::warn!("variable {} of a request would load code: left out", refused.key());
        }
        let (body, version, is_head) = (facts.body, facts.version, facts.method.is_head());
        Self { body, version, is_head, ..Self::default() }
    }
}

impl Core<'_> {
    /// Whether the options name a plugin for requests of this connection that there is not.
    pub(super) fn check_modifier(&self, connection: &Connection) -> Result<(), Refusal> {
        let limits = &self.engine.config.limits;
        let modifier = match connection.speaks {
            Speaks::Http if connection.session.is_some() => limits.https_modifier1,
            Speaks::Http => limits.http_modifier1,
            Speaks::Fastcgi { .. } => limits.fastcgi_modifier1,
            Speaks::Scgi { .. } => limits.scgi_modifier1,
            // A packet says itself what it is for, and the router has looked before.
            Speaks::Uwsgi { .. } | Speaks::Link { .. } => 0,
        };
        if modifier == 0 { Ok(()) } else { Err(unavailable(modifier)) }
    }

    /// Decodes a head at the start of the connection's data. `None`: it is not complete.
    pub(super) fn decode(&mut self, connection: &mut Connection, vars: &mut Vars) -> Result<Option<Facts>, Refusal> {
        let limits = &self.engine.limits;
        let Connection { speaks, input, remote_addr, remote_port, listener, searched, session, client, .. } =
            connection;
        match speaks {
            Speaks::Http => {
                // A head that drips in is looked at once a line, not once a byte.
                let data = input.data();
                let new = data.get(*searched..).unwrap_or_default();
                if data.len() < limits.http.head && !new.contains(&b'\n') {
                    *searched = data.len();
                    return Ok(None);
                }
                *searched = data.len();
                let port = self.engine.listeners.get(*listener).map_or("", |entrance| entrance.port.as_str());
                let peer = Peer {
                    server_name: self.engine.host_name.as_bytes(),
                    server_port: port.as_bytes(),
                    remote_addr: remote_addr.as_bytes(),
                    remote_port: (!remote_port.is_empty()).then_some(remote_port.as_bytes()),
                    https: session.is_some(),
                };
                let progress = http1::request::decode(input.data(), &peer, &limits.http, vars, &mut self.head)?;
                if progress == Progress::NeedMore {
                    return Ok(None);
                }
                let host = vars.get(input.data(), names::HTTP_HOST).unwrap_or_default();
                if session.as_ref().is_some_and(|session| !self.engine.leads_to(*listener, session, host)) {
                    let reason = "this host asks for other client certificates: connect to it by its name";
                    return Err(Refusal::status(421, reason));
                }
                if let Some(client) = client {
                    client.tell(vars, self.engine.config.router.export_cert);
                }
                Ok(Some(Facts::from(self.head)))
            }
            Speaks::Uwsgi { persistent } => {
                let mut packet = uwsgi::Packet::default();
                let progress = uwsgi::decode(input.data(), &limits.packet, vars, &mut packet)
                    .map_err(|error| Refusal::status(error.status(), error.to_string()))?;
                if progress == Progress::NeedMore {
                    return Ok(None);
                }
                check_packet(&packet, vars)?;
                let uwsgi::Packet { consumed, body, method, version, refused, .. } = packet;
                let facts = Facts::from(cgi::Facts { body, method, version, refused });
                Ok(Some(Facts { head: consumed, keep_alive: *persistent, ..facts }))
            }
            Speaks::Scgi { .. } => {
                let mut packet = scgi::Packet::default();
                let progress = scgi::decode(input.data(), &limits.packet, vars, &mut packet)
                    .map_err(|error| Refusal::status(error.status(), error.to_string()))?;
                Ok((progress == Progress::Done).then(|| Facts { head: packet.consumed, ..packet.facts.into() }))
            }
            Speaks::Fastcgi { .. } => {
                let mut packet = fastcgi::Packet::default();
                let progress = fastcgi::decode(input.data(), &limits.packet, vars, &mut packet)
                    .map_err(|error| Refusal { answer: Reply::Nothing, reason: error.to_string() })?;
                Ok((progress == Progress::Done).then(|| Facts {
                    head: packet.consumed,
                    keep_alive: packet.keep_alive,
                    record: packet.id,
                    ..packet.facts.into()
                }))
            }
            Speaks::Link { end, .. } => loop {
                let step = end.decode(input.data(), vars);
                let (used, event) = match step {
                    Ok(None) => return Ok(None),
                    Ok(Some(step)) => step,
                    Err(error) => {
                        return Err(Refusal { answer: Reply::Nothing, reason: format!("link to the router: {error}") });
                    }
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
                            upgrade: request.upgrade,
                            record: 0,
                        }));
                    }
                    // What is left of an answered request: a body that nobody read, a client that went.
                    ToWorker::Body(_) | ToWorker::End | ToWorker::Abort | ToWorker::Leave => input.consume(used),
                }
            },
        }
    }
}

/// Only requests to an application are served, and pings.
fn check_packet(packet: &uwsgi::Packet, vars: &Vars) -> Result<(), Refusal> {
    match packet.modifier1 {
        0 if vars.is_empty() => Err(Refusal::status(400, "empty uwsgi request")),
        0 => Ok(()),
        100 => Err(Refusal { answer: Reply::Pong, reason: "PING".into() }),
        other => Err(unavailable(other)),
    }
}

fn unavailable(modifier: u8) -> Refusal {
    Refusal::status(501, format!("-- unavailable modifier requested: {modifier} --"))
}

/// What takes the framing off the body that follows a head.
pub(super) fn decoder(connection: &Connection, facts: &Facts) -> Option<Decoder> {
    match (&connection.speaks, facts.body) {
        (Speaks::Fastcgi { .. }, _) => Some(Decoder::Fastcgi(fastcgi::Stdin::new(facts.record))),
        (Speaks::Link { end, .. }, Body::Length(_) | Body::Chunked) => Some(Decoder::Link(*end)),
        (_, Body::Chunked) => Some(Decoder::Chunked(http1::chunked::Chunked::new())),
        _ => None,
    }
}
