//! One exchange: bytes out in some pieces, then all the answers up to the end of the connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use super::random::Random;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the bytes of a case are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Whole,
    ByteByByte,
    /// In pieces of random sizes, by this seed.
    Split(u64),
}

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub status: u16,
    pub told_to_go_on: bool,
    /// The number that the application has given to the request; 0: the server's own answer.
    pub number: u64,
    /// The server's own answer has no body.
    pub bare: bool,
}

impl Way {
    /// The way for the case with this number: another seed for each.
    pub(super) const fn of(self, number: usize) -> Self {
        match self {
            Self::Split(seed) => Self::Split(seed + number as u64 * 1000),
            way => way,
        }
    }

    fn pieces(self, bytes: &[u8]) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![bytes],
            Self::ByteByByte => bytes.chunks(1).collect(),
            Self::Split(seed) => {
                let mut random = Random::new(seed);
                let (mut pieces, mut rest) = (Vec::new(), bytes);
                while !rest.is_empty() {
                    let most = [1, 3, 40, 400][random.below(4)].min(rest.len());
                    let (piece, tail) = rest.split_at(1 + random.below(most));
                    pieces.push(piece);
                    rest = tail;
                }
                pieces
            }
        }
    }
}

/// Sends everything and reads until the server has closed; `Err` when it does not, with what has come so far.
pub(super) fn exchange(address: SocketAddrV4, bytes: &[u8], way: Way) -> Result<Vec<u8>, String> {
    match exchange_within(address, bytes, way, PATIENCE) {
        (answer, true) => Ok(answer),
        (answer, false) => Err(format!("the connection does not end: {}", answer.escape_ascii())),
    }
}

/// The same; what came, and whether the server has closed by then.
pub(super) fn exchange_within(address: SocketAddrV4, bytes: &[u8], way: Way, patience: Duration) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(patience)).expect("a timeout");
    for piece in way.pieces(bytes) {
        // Who has been refused may find the connection closed before all is sent.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let ended = match stream.read_to_end(&mut answer) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    (answer, ended)
}

/// Takes the answers apart; `Err` when they are no sequence of whole answers.
pub(super) fn replies(mut bytes: &[u8]) -> Result<Vec<Reply>, String> {
    let mut replies = Vec::new();
    let mut told_to_go_on = false;
    while !bytes.is_empty() {
        let broken = || format!("no answer: {}", bytes.escape_ascii());
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(broken)? + 4;
        let (head, rest) = bytes.split_at(end);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status: u16 = status_of(&head).ok_or_else(broken)?;
        if status == 100 {
            (told_to_go_on, bytes) = (true, rest);
            continue;
        }
        let field =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let chunked = field("transfer-encoding").is_some();
        let number = field("x-number").map_or(Ok(0), str::parse).map_err(|_| broken())?;
        let bare = number == 0 && rest.is_empty();
        let length = match field("content-length") {
            _ if bare || field("x-method") == Some("head") || matches!(status, 204 | 304) => 0,
            _ if chunked => return Err(format!("chunks, where all is there at once: {head}")),
            Some(length) => length.parse().map_err(|_| broken())?,
            None => rest.len(),
        };
        bytes = rest.get(length..).ok_or_else(|| format!("an answer that breaks off: {}", bytes.escape_ascii()))?;
        replies.push(Reply { status, told_to_go_on, number, bare });
        told_to_go_on = false;
    }
    Ok(replies)
}

/// The status of a head in small letters.
fn status_of(head: &str) -> Option<u16> {
    let line = head.strip_prefix("http/1.1 ").or_else(|| head.strip_prefix("http/1.0 "))?;
    line.get(..3)?.parse().ok()
}
