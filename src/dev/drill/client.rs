//! A client of HTTP/1.1 that tells precisely how a request failed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::tls;

/// Longest wait for anything. What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// A whole answer with 2xx.
    Answered,
    /// A whole answer with another status.
    Status(u16),
    /// The connection could not be made.
    Refused,
    /// The connection ended before the first byte of the answer.
    Unanswered,
    /// It ended in the middle of the answer.
    Cut,
}

/// What a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Habit {
    /// The connection is used for one request after the other.
    pub(super) keeps: bool,
    /// POST with a body, which must not be sent twice; else GET.
    pub(super) posts: bool,
}

/// Where clients go, and whom they trust when that is by TLS.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// A connection, encrypted or not.
trait Stream: Read + Write + std::fmt::Debug + Send {}

impl<S: Read + Write + std::fmt::Debug + Send> Stream for S {}

/// One client with its connection.
#[derive(Debug)]
pub(super) struct Client {
    target: Target,
    habit: Habit,
    connection: Option<Box<dyn Stream>>,
}

impl Client {
    pub(super) const fn new(target: Target, habit: Habit) -> Self {
        Self { target, habit, connection: None }
    }

    /// Sends a request and reads its answer. `true`: it was sent twice, for the server had closed a kept connection before
    /// the first byte of an answer, as it may at any time (RFC 9112 §9.3.1); only GET is sent again then.
    pub(super) fn ask(&mut self) -> (Outcome, bool) {
        let is_kept = self.connection.is_some();
        let first = self.exchange();
        if first == Outcome::Unanswered && is_kept && !self.habit.posts {
            return (self.exchange(), true);
        }
        (first, false)
    }

    fn exchange(&mut self) -> Outcome {
        let mut connection = match self.connection.take().map_or_else(|| self.connect(), Ok) {
            Ok(connection) => connection,
            Err(_) => return Outcome::Refused,
        };
        let close = if self.habit.keeps { "" } else { "Connection: close\r\n" };
        let request = if self.habit.posts {
            format!("POST /drill HTTP/1.1\r\nHost: drill\r\nContent-Length: 1000\r\n{close}\r\n{}", "x".repeat(1000))
        } else {
            format!("GET /drill HTTP/1.1\r\nHost: drill\r\n{close}\r\n")
        };
        if connection.write_all(request.as_bytes()).and_then(|()| connection.flush()).is_err() {
            return Outcome::Unanswered;
        }
        let (outcome, may_stay) = answer(&mut connection);
        if may_stay && self.habit.keeps {
            self.connection = Some(connection);
        }
        outcome
    }

    fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let connection = TcpStream::connect_timeout(&self.target.address, PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        connection.set_nodelay(true)?;
        let Some(config) = &self.target.tls else { return Ok(Box::new(connection)) };
        let name = ServerName::try_from(tls::NAME).map_err(std::io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
        let mut connection = StreamOwned::new(session, connection);
        // A handshake that fails is a connection that could not be made.
        connection.conn.complete_io(&mut connection.sock)?;
        Ok(Box::new(connection))
    }
}

/// Reads an answer, and whether the connection may be used again.
fn answer(connection: &mut impl Read) -> (Outcome, bool) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(parsed) = Parsed::of(&bytes, false) {
            return (parsed.outcome, parsed.may_stay);
        }
        match connection.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            _ if bytes.is_empty() => return (Outcome::Unanswered, false),
            ended => {
                // Without a length the end of the connection is the end of the answer; a broken connection is not.
                let at_end = ended.is_ok().then(|| Parsed::of(&bytes, true)).flatten();
                return (at_end.map_or(Outcome::Cut, |parsed| parsed.outcome), false);
            }
        }
    }
}

struct Parsed {
    outcome: Outcome,
    may_stay: bool,
}

impl Parsed {
    /// A whole answer; `None` while something is missing.
    fn of(bytes: &[u8], at_end: bool) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let is_whole = match (field("content-length:"), field("transfer-encoding:")) {
            (Some(length), _) => body.len() >= length.parse().ok()?,
            (None, Some(_)) => body.ends_with("0\r\n\r\n"),
            (None, None) => at_end,
        };
        let closes = field("connection:") == Some("close") || at_end;
        let outcome = if (200..300).contains(&status) { Outcome::Answered } else { Outcome::Status(status) };
        is_whole.then_some(Self { outcome, may_stay: !closes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> (Outcome, bool) {
        answer(&mut text.as_bytes())
    }

    #[test]
    fn whole_answers() {
        assert_eq!(outcome("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"), (Outcome::Answered, true));
        assert_eq!(
            outcome("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            (Outcome::Answered, false)
        );
        assert_eq!(
            outcome("HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            (Outcome::Status(502), true)
        );
        assert_eq!(outcome("HTTP/1.1 200 OK\r\n\r\nab"), (Outcome::Answered, false));
    }

    #[test]
    fn broken_answers() {
        assert_eq!(outcome(""), (Outcome::Unanswered, false));
        assert_eq!(outcome("HTTP/1.1 200"), (Outcome::Cut, false));
        assert_eq!(outcome("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), (Outcome::Cut, false));
        assert_eq!(outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na"), (Outcome::Cut, false));
    }
}
