//! A websocket while the application has it: messages in and out, pings, and the end in order (RFC 6455 §5.5, §7).

use std::time::{Duration, Instant};

use rsgi_abi::host::NoWebsocket;
use rsgi_proto::websocket::{self, Code, Decoder, Event, Kind, Violation};

use super::tunnel::{Came, Tunnel};

/// Reads of one call, when what they bring completes no message.
const READS: usize = 64;

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
        // What is there is read even without waiting, but a client that sends faster than we read does not hold us up.
        let mut reads = 0;
        while !self.decode()? {
            if self.tunnel.must_end || is_leaving() {
                self.close(Code::GOING_AWAY);
                return Err(NoWebsocket);
            }
            let now = Instant::now();
            if reads >= READS && now >= end {
                return Ok(());
            }
            reads += 1;
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

#[cfg(test)]
mod tests {
    use super::super::wire::Wire;
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const SHORT: Duration = Duration::from_millis(20);
    const LIMITS: Limits = Limits { ping: None, pong: SHORT, message: 1 << 20 };

    /// A frame whose mask changes nothing.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        websocket::message_prefix(&mut out, Kind::Text, payload.len());
        out[0] = first;
        out[1] |= 0x80;
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(payload);
        out
    }

    fn pair(limits: Limits, test: impl FnOnce(Websocket<'_>, UnixStream)) {
        let (theirs, ours) = UnixStream::pair().unwrap();
        theirs.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        test(Websocket::new(Tunnel::new(Wire::new(ours.as_fd(), None), SHORT, None, b""), limits), theirs);
    }

    fn stays() -> bool {
        false
    }

    fn heard(client: &mut UnixStream, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn messages_come_one_at_a_time_and_none_is_no_error() {
        pair(LIMITS, |mut socket, mut client| {
            client.write_all(&[frame(0x81, b"one"), frame(0x89, b"p"), frame(0x82, b"two")].concat()).unwrap();
            for expected in [Some(b"one".as_slice()), Some(b"two"), None, None] {
                socket.receive(Duration::ZERO, stays).unwrap();
                assert_eq!(socket.message(), expected);
            }
            heard(&mut client, b"\x8a\x01p");
            socket.receive(SHORT, stays).unwrap();
            assert_eq!(socket.message(), None);
        });
    }

    #[test]
    fn a_large_message_needs_no_waiting() {
        pair(LIMITS, |mut socket, mut client| {
            let large = vec![b'x'; 150_000];
            client.write_all(&frame(0x81, &large)).unwrap();
            socket.receive(Duration::ZERO, stays).unwrap();
            assert!(socket.message() == Some(&large));
        });
    }

    #[test]
    fn a_flood_that_completes_nothing_does_not_hold_us_up() {
        pair(Limits { message: usize::MAX, ..LIMITS }, |mut socket, mut client| {
            let flood = std::thread::spawn(move || {
                let fragment = frame(0x00, &[0; 60_000]);
                let _ = client.write_all(&frame(0x02, b""));
                while client.write_all(&fragment).is_ok() {}
            });
            for _ in 0..3 {
                socket.receive(Duration::ZERO, stays).unwrap();
                assert_eq!(socket.message(), None);
            }
            // The end of our side ends it; until then it waits for nobody.
            drop(flood);
        });
    }

    #[test]
    fn silence_is_asked_and_then_given_up() {
        pair(Limits { ping: Some(SHORT), pong: SHORT, ..LIMITS }, |mut socket, mut client| {
            assert_eq!(socket.receive(Duration::from_secs(5), stays), Err(NoWebsocket));
            assert_eq!(socket.take_complaint().as_deref(), Some("no PONG received in 0 seconds"));
            heard(&mut client, b"\x89\x00");
            assert_eq!(socket.send(b"x", false), Err(NoWebsocket));
        });
    }

    #[test]
    fn an_answer_that_came_while_nobody_looked_counts() {
        let pong = Duration::from_millis(600);
        pair(Limits { ping: Some(SHORT), pong, ..LIMITS }, |mut socket, mut client| {
            socket.receive(pong / 2, stays).unwrap();
            heard(&mut client, b"\x89\x00");
            client.write_all(&frame(0x8a, b"")).unwrap();
            std::thread::sleep(pong);
            socket.receive(Duration::ZERO, stays).unwrap();
            assert!(socket.is_open());
        });
    }

    #[test]
    fn who_leaves_says_so() {
        pair(LIMITS, |mut socket, mut client| {
            client.write_all(&frame(0x81, b"before")).unwrap();
            socket.receive(SHORT, stays).unwrap();
            assert_eq!(socket.receive(SHORT, || true), Err(NoWebsocket));
            heard(&mut client, b"\x88\x02\x03\xe9");
            assert_eq!(socket.receive(SHORT, stays), Err(NoWebsocket));
            socket.finish(Code::NORMAL);
            client.set_nonblocking(true).unwrap();
            assert!(client.read(&mut [0]).is_err(), "one Close is enough");
        });
    }

    #[test]
    fn a_violation_ends_it() {
        pair(LIMITS, |mut socket, mut client| {
            client.write_all(&frame(0x81, b"\xff")).unwrap();
            assert_eq!(socket.receive(SHORT, stays), Err(NoWebsocket));
            assert_eq!(socket.take_complaint().as_deref(), Some("a text is not UTF-8 (1007)"));
            heard(&mut client, b"\x88\x02\x03\xef");
        });
    }
}
