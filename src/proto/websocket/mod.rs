//! The websocket protocol, server's side: frames in ([`Decoder`]), frames out, and the key of the opening handshake.
//!
//! Source: RFC 6455 §1.3 (key), §5 (frames), §7.4 (close codes), §8.1 (UTF-8). Extensions are never agreed upon, so the
//! reserved bits are always wrong.

mod decode;
mod mask;

pub use decode::{Decoder, Event};

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

/// What a message is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text in UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Why a connection ends, as its Close frame says (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u16);

impl Code {
    /// The purpose was fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down or starts anew.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side does not keep to the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// Text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// A message larger than the limit.
    pub const TOO_LARGE: Self = Self(1009);
    /// The application failed.
    pub const INTERNAL: Self = Self(1011);

    /// Whether a peer may send this code: those of the RFC, of IANA's registry, of libraries (3000…) and applications (4000…).
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// What a client may not send. The connection must be failed with [`Violation::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A frame that the protocol does not know.
    #[error("{0}")]
    Frame(&'static str),
    /// A text, or the reason of a Close, is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// The message would be larger than the limit.
    #[error("a message is larger than websockets-max-size")]
    TooLarge,
}

impl Violation {
    /// The code of the Close frame that ends the connection.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Frame(_) => Code::PROTOCOL,
            Self::Utf8 => Code::NOT_UTF8,
            Self::TooLarge => Code::TOO_LARGE,
        }
    }
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

/// Longest payload of a control frame.
pub const CONTROL_MOST: usize = 125;

/// Appends the header of a frame that is a whole message; `len` bytes of payload go after it.
pub fn message_prefix(out: &mut Vec<u8>, kind: Kind, len: usize) {
    let opcode = match kind {
        Kind::Text => TEXT,
        Kind::Binary => BINARY,
    };
    out.push(FIN | opcode);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if len <= CONTROL_MOST => out.push(short),
        (_, Ok(medium)) => {
            out.push(126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// Appends a Ping frame.
pub fn encode_ping(out: &mut Vec<u8>) {
    put_control(out, PING, &[]);
}

/// Appends a Pong frame that answers a Ping with this payload.
pub fn encode_pong(out: &mut Vec<u8>, payload: &[u8]) {
    put_control(out, PONG, payload);
}

/// Appends a Close frame; `None` gives no reason, in answer to a Close that gave none.
pub fn encode_close(out: &mut Vec<u8>, code: Option<Code>) {
    match code {
        Some(code) => put_control(out, CLOSE, &code.0.to_be_bytes()),
        None => put_control(out, CLOSE, &[]),
    }
}

fn put_control(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let payload = payload.get(..CONTROL_MOST).unwrap_or(payload);
    out.extend_from_slice(&[FIN | opcode, u8::try_from(payload.len()).unwrap_or(0)]);
    out.extend_from_slice(payload);
}

/// The value of Sec-WebSocket-Accept that answers this Sec-WebSocket-Key. `None`: no base64 of 16 bytes (RFC 6455 §4.2.1).
#[must_use]
pub fn accept(key: &[u8]) -> Option<String> {
    let letters = key.strip_suffix(b"==").filter(|letters| letters.len() == 22)?;
    if !letters.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
        return None;
    }
    let digest = Sha1::new().chain_update(key).chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    Some(BASE64.encode(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        for key in ["", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ\r==", "dGhlIHNhbXBsZSBub25jZQAA=="] {
            assert_eq!(accept(key.as_bytes()), None, "{key:?}");
        }
    }

    /// RFC 6455 §5.7, those that a server sends.
    #[test]
    fn the_frames_of_the_rfc() {
        let mut out = Vec::new();
        message_prefix(&mut out, Kind::Text, 5);
        assert_eq!(out, [0x81, 0x05]);
        out.clear();
        message_prefix(&mut out, Kind::Binary, 256);
        assert_eq!(out, [0x82, 0x7e, 0x01, 0x00]);
        out.clear();
        message_prefix(&mut out, Kind::Binary, 65536);
        assert_eq!(out, [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        out.clear();
        encode_ping(&mut out);
        encode_pong(&mut out, b"Hello");
        encode_close(&mut out, Some(Code::GOING_AWAY));
        encode_close(&mut out, None);
        assert_eq!(out, b"\x89\x00\x8a\x05Hello\x88\x02\x03\xe9\x88\x00");
    }

    #[test]
    fn the_shortest_length_that_fits() {
        for (len, size) in [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)] {
            let mut out = Vec::new();
            message_prefix(&mut out, Kind::Text, len);
            assert_eq!(out.len(), size, "{len}");
        }
    }
}
