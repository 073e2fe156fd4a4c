//! From a request that offers a websocket to the websocket: the opening handshake (RFC 6455 §4.2), and what the request
//! lends to it.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv};
use rsgi_abi::host::NoWebsocket;
use rsgi_abi::types::Var;
use rsgi_proto::link::WorkerEnd;
use rsgi_proto::websocket::{Code, accept};

use super::ahead::Decoder;
use super::engine::Engine;
use super::rest::Remains;
use super::tunnel::Tunnel;
use super::websocket::Websocket;
use super::wire::Wire;
use crate::harakiri;
use crate::memory::core_slot::CoreSlot;

/// The status line of an accepted websocket, without the version.
pub(super) const STATUS: &str = "101 Switching Protocols";

/// What a request has for a websocket, and the websocket once it is one.
#[derive(Debug)]
pub(super) struct Switch<'a> {
    pub(super) engine: &'a Engine,
    pub(super) slot: Option<CoreSlot>,
    pub(super) vars: &'a [Var<'a>],
    /// What has come behind the head.
    pub(super) early: &'a [u8],
    /// The decoder of the link it came over.
    pub(super) frames: Option<WorkerEnd>,
    /// The connection can switch.
    pub(super) is_possible: bool,
    websocket: Option<Websocket<'a>>,
    /// The status for a client whose offer was no proper one.
    pub(super) refusal: Option<u16>,
    /// The application has failed.
    pub(super) failed: bool,
}

impl<'a> Switch<'a> {
    pub(super) fn new(engine: &'a Engine, slot: Option<CoreSlot>, vars: &'a [Var<'a>], early: &'a [u8]) -> Self {
        Self {
            engine,
            slot,
            vars,
            early,
            frames: None,
            is_possible: false,
            websocket: None,
            refusal: None,
            failed: false,
        }
    }

    /// The value of a variable; of equal keys the last one counts.
    fn var(&self, key: &[u8]) -> &'a [u8] {
        self.vars.iter().rfind(|var| var.key() == key).map_or(&[], Var::value)
    }

    /// Whether the client offers a websocket. What follows such a request may be no request.
    pub(super) fn is_offered(&self) -> bool {
        has_word(self.var(b"HTTP_UPGRADE"), b"websocket") && has_word(self.var(b"HTTP_CONNECTION"), b"upgrade")
    }

    /// The header lines that accept the offer.
    pub(super) fn shake(&mut self, key: &[u8], protocol: &[u8]) -> Result<String, NoWebsocket> {
        if !self.is_possible || !self.is_offered() || self.var(b"REQUEST_METHOD") != b"GET" || self.websocket.is_some()
        {
            return Err(NoWebsocket);
        }
        if self.var(b"HTTP_SEC_WEBSOCKET_VERSION") != b"13" {
            self.refusal = Some(426);
            return Err(NoWebsocket);
        }
        let key = if key.is_empty() { self.var(b"HTTP_SEC_WEBSOCKET_KEY") } else { key };
        let Some(accept) = accept(key) else {
            self.refusal = Some(400);
            return Err(NoWebsocket);
        };
        let mut lines = format!("Sec-WebSocket-Accept: {accept}\r\n");
        // A client offers a list, and takes one name for an answer.
        let offered = self.var(b"HTTP_SEC_WEBSOCKET_PROTOCOL").split(|&byte| byte == b',').next();
        let protocol = if protocol.is_empty() { offered.unwrap_or_default() } else { protocol }.trim_ascii();
        if let Ok(protocol) = std::str::from_utf8(protocol)
            && !protocol.is_empty()
            && protocol.bytes().all(|byte| byte.is_ascii_graphic())
        {
            lines += &format!("Sec-WebSocket-Protocol: {protocol}\r\n");
        }
        Ok(lines)
    }

    /// The handshake is with the client: from here on the connection is a websocket.
    pub(super) fn begin(&mut self, wire: Wire<'a>, timeout: Duration) {
        let tunnel = Tunnel::new(wire, timeout, self.frames, self.early);
        self.websocket = Some(Websocket::new(tunnel, self.engine.limits.websocket));
        self.is_alive();
    }

    pub(super) fn receive(&mut self, wait: Duration) -> Result<Option<&[u8]>, NoWebsocket> {
        // Who waits for a message is not late.
        self.set_deadline(None);
        let (engine, slot) = (self.engine, self.slot);
        let client = self.var(b"REMOTE_ADDR");
        let websocket = self.websocket.as_mut().ok_or(NoWebsocket)?;
        let received = websocket.receive(wait, || engine.is_leaving()).is_ok();
        if let Some(slot) = slot {
            slot.set_deadline(engine.harakiri.map(|span| harakiri::now() + span));
        }
        if let Some(complaint) = websocket.take_complaint() {
            let client = String::from_utf8_lossy(client);
            tracing::info!("client {client}: websocket: {complaint}");
        }
        if received { Ok(websocket.message()) } else { Err(NoWebsocket) }
    }

    pub(super) fn send(&mut self, data: &[u8], binary: bool) -> Result<(), NoWebsocket> {
        self.is_alive();
        self.websocket.as_mut().ok_or(NoWebsocket)?.send(data, binary)
    }

    /// `harakiri` is about the time between two calls, for a websocket has no length of its own.
    fn is_alive(&self) {
        self.set_deadline(self.engine.harakiri.map(|span| harakiri::now() + span));
    }

    fn set_deadline(&self, deadline: Option<u64>) {
        if let Some(slot) = self.slot {
            slot.set_deadline(deadline);
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(websocket) = &mut self.websocket {
            websocket.close(Code::NORMAL);
        }
    }

    /// Whether nothing is known of the end of the client at `socket`.
    pub(super) fn is_connected(&self, socket: BorrowedFd<'_>) -> bool {
        if self.websocket.as_ref().is_some_and(|websocket| !websocket.is_open()) {
            return false;
        }
        match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
            Ok(count) => count > 0,
            Err(error) => error == nix::Error::EAGAIN,
        }
    }

    /// Ends the websocket. Returns the bytes that it has sent, and what it leaves of the connection.
    pub(super) fn finish(self) -> (u64, Remains) {
        let Some(websocket) = self.websocket else { return (0, Remains::default()) };
        let tunnel = websocket.finish(if self.failed { Code::INTERNAL } else { Code::NORMAL });
        let sent = tunnel.sent;
        let (leftover, frames) = tunnel.finish();
        // Of a direct connection nothing is left: what the client still sends is no request.
        let missing = frames.is_none().then_some(None);
        (sent, Remains { leftover, missing, decoder: frames.map(Decoder::Link), took_all: true, received: 0 })
    }
}

/// Whether a list of a header names this word (RFC 9110 §5.6.1).
fn has_word(list: &[u8], word: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

/// Number of header lines.
pub(super) fn count_lines(lines: &str) -> u32 {
    u32::try_from(lines.lines().count()).unwrap_or(u32::MAX)
}
