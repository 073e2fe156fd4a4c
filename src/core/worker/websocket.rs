//! A websocket while the application has it: messages in and out, pings, and the end in order (RFC 6455 §5.5, §7).

use std::time::{Duration, Instant};

use rsgi_abi::host::NoWebsocket;
use rsgi_proto::websocket::{self, Code, Decoder, Event, Kind, Violation};

use super::tunnel::{Came, Tunnel};

/// What the configuration says of websockets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Silence after which the client is asked for a sign of life; `None`: it never is.
    ping: Option<Duration>,
    /// How long it may take with that.
    pong: Duration,
    /// Largest message, bytes.
    message: usize,
}

impl Limits {
    pub(super) fn new(limits: &rsgi_config::Limits) -> Self {
        Self {
            ping: Some(limits.websockets_ping_freq.duration()).filter(|time| !time.is_zero()),
            pong: limits.websockets_pong_tolerance.duration(),
            message: usize::try_from(limits.websockets_max_size.saturating_mul(1024)).unwrap_or(usize::MAX),
        }
    }
}

/// One websocket.
#[derive(Debug)]
pub(super) struct Websocket<'a> {
    tunnel: Tunnel<'a>,
    limits: Limits,
    decoder: Decoder,
    /// Received and not decoded yet: `input[at..]`.
    input: Vec<u8>,
    at: usize,
    /// When the client was last heard.
    heard: Instant,
    /// A ping waits for a sign of life since then.
    pinged: Option<Instant>,
    is_open: bool,
    /// The last wait has found a message.
    has_message: bool,
    /// Whose fault its end was, for the log.
    complaint: Option<String>,
}

impl<'a> Websocket<'a> {
    pub(super) fn new(tunnel: Tunnel<'a>, limits: Limits) -> Self {
        Self {
            tunnel,
            limits,
            decoder: Decoder::new(limits.message),
            input: Vec::new(),
            at: 0,
            heard: Instant::now(),
            pinged: None,
            is_open: true,
            has_message: false,
            complaint: None,
        }
    }

    /// Waits for a [`Self::message`], at most so long. `is_leaving` is asked before each wait.
    pub(super) fn receive(&mut self, wait: Duration, is_leaving: impl Fn() -> bool) -> Result<(), NoWebsocket> {
        self.has_message = false;
        let end = Instant::now() + wait;
        while !self.decode()? {
            if self.tunnel.must_end || is_leaving() {
                self.close(Code::GOING_AWAY);
                return Err(NoWebsocket);
            }
            let now = Instant::now();
            let until = self.keep_alive(now)?.map_or(end, |next| next.min(end));
            match self.tunnel.read(&mut self.input, until.saturating_duration_since(now)) {
                Came::Something => self.is_heard(),
                Came::Nothing if Instant::now() >= end => return Ok(()),
                Came::Nothing => {}
                Came::End => {
                    self.is_open = false;
                    return Err(NoWebsocket);
                }
            }
        }
        self.has_message = true;
        Ok(())
    }

    /// The message that was received last; `None` when none came.
    pub(super) fn message(&self) -> Option<&[u8]> {
        self.has_message.then(|| self.decoder.payload())
    }

    /// Goes through what has been received; `true` at a message.
    fn decode(&mut self) -> Result<bool, NoWebsocket> {
        while self.is_open {
            let (used, event) = match self.decoder.decode(self.input.get(self.at..).unwrap_or_default()) {
                Ok(step) => step,
                Err(violation) => return Err(self.fail(violation)),
            };
            self.at += used;
            match event {
                None => {
                    self.input.clear();
                    self.at = 0;
                    return Ok(false);
                }
                Some(Event::Message(_)) => return Ok(true),
                Some(Event::Pong) => {}
                Some(Event::Ping) => {
                    let mut pong = Vec::new();
                    websocket::encode_pong(&mut pong, self.decoder.payload());
                    self.put(&pong, &[])?;
                }
                Some(Event::Close(code)) => self.end(code),
            }
        }
        Err(NoWebsocket)
    }

    /// Asks for a sign of life when there was none for long; returns when to look again.
    fn keep_alive(&mut self, now: Instant) -> Result<Option<Instant>, NoWebsocket> {
        let Some(ping) = self.limits.ping else { return Ok(None) };
        match self.pinged {
            None if now < self.heard + ping => Ok(Some(self.heard + ping)),
            None => {
                let mut frame = Vec::new();
                websocket::encode_ping(&mut frame);
                self.put(&frame, &[])?;
                self.pinged = Some(now);
                Ok(Some(now + self.limits.pong))
            }
            Some(since) if now >= since + self.limits.pong => {
                // The application may have been busy with other things while the answer came.
                if self.tunnel.read(&mut self.input, Duration::ZERO) == Came::Nothing {
                    self.is_open = false;
                    self.complaint = Some(format!("no PONG received in {} seconds", self.limits.pong.as_secs()));
                    return Err(NoWebsocket);
                }
                self.is_heard();
                Ok(Some(now))
            }
            Some(since) => Ok(Some(since + self.limits.pong)),
        }
    }

    fn is_heard(&mut self) {
        self.heard = Instant::now();
        self.pinged = None;
    }

    /// Sends a message.
    pub(super) fn send(&mut self, data: &[u8], binary: bool) -> Result<(), NoWebsocket> {
        if !self.is_open {
            return Err(NoWebsocket);
        }
        let mut header = Vec::with_capacity(10);
        websocket::message_prefix(&mut header, if binary { Kind::Binary } else { Kind::Text }, data.len());
        self.put(&header, data)
    }

    fn put(&mut self, header: &[u8], payload: &[u8]) -> Result<(), NoWebsocket> {
        self.tunnel.send(header, payload).map_err(|_| {
            self.is_open = false;
            NoWebsocket
        })
    }

    /// Says Close, unless that has been said.
    pub(super) fn close(&mut self, code: Code) {
        if self.is_open {
            self.end(Some(code));
        }
    }

    fn fail(&mut self, violation: Violation) -> NoWebsocket {
        self.complaint = Some(format!("{violation} ({})", violation.code().0));
        self.close(violation.code());
        NoWebsocket
    }

    fn end(&mut self, code: Option<Code>) {
        let mut frame = Vec::new();
        websocket::encode_close(&mut frame, code);
        // Who is gone needs no farewell.
        let _ = self.put(&frame, &[]);
        self.is_open = false;
    }

    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// What is to be said of the client.
    pub(super) fn take_complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    /// Ends it with `code` if it has not ended, and returns what it was made of.
    pub(super) fn finish(mut self, code: Code) -> Tunnel<'a> {
        self.close(code);
        self.tunnel
    }
}
