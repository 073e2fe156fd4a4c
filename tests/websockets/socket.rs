//! A websocket client that sends what it is told, right or wrong, and takes frames apart.

use crate::support::{Client, Response};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to [`KEY`] (RFC 6455 §1.3).
pub(super) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// One websocket.
pub(super) struct Socket(pub(super) Client);

/// A frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// FIN, reserved bits and opcode.
    pub(super) first: u8,
    pub(super) payload: Vec<u8>,
}

/// A request that offers a websocket; `lines` are further header lines.
pub(super) fn offer(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{lines}\r\n"
    )
}

/// A frame as clients send it.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        len @ ..126 => out.push(0x80 | len as u8),
        len @ 126..65536 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

impl Socket {
    /// Offers a websocket, which must be accepted.
    #[track_caller]
    pub(super) fn open(client: Client, path: &str) -> Self {
        Self::open_with(client, path, "").0
    }

    /// The same with further header lines; with the answer's head.
    #[track_caller]
    pub(super) fn open_with(mut client: Client, path: &str, lines: &str) -> (Self, Response) {
        let head = client.send(offer(path, lines)).head();
        assert_eq!((head.status, head.header("Sec-WebSocket-Accept")), (101, Some(ACCEPT)), "{head:?}");
        assert!(head.header("Upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")), "{head:?}");
        assert!(head.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")), "{head:?}");
        (Self(client), head)
    }

    #[track_caller]
    pub(super) fn send(&mut self, first: u8, payload: &[u8]) -> &mut Self {
        self.0.send(frame(first, payload));
        self
    }

    /// Reads one frame; its length must be in the shortest form, and unmasked.
    #[track_caller]
    pub(super) fn frame(&mut self) -> Frame {
        let head = self.0.take(2);
        let len = match head[1] {
            len @ ..126 => usize::from(len),
            126 => usize::from(u16::from_be_bytes(self.0.take(2).try_into().expect("two"))),
            127 => u64::from_be_bytes(self.0.take(8).try_into().expect("eight")) as usize,
            masked => panic!("a masked frame: {masked}"),
        };
        Frame { first: head[0], payload: self.0.take(len) }
    }

    /// The next frame that is no Ping: uWSGI begins with one where it is not waited for.
    #[track_caller]
    pub(super) fn frame_but_pings(&mut self) -> Frame {
        loop {
            let frame = self.frame();
            if frame.first != 0x89 {
                return frame;
            }
        }
    }

    /// Sends a text, which must come back.
    #[track_caller]
    pub(super) fn echo(&mut self, text: &[u8]) {
        self.send(0x81, text);
        assert_eq!(self.frame(), Frame { first: 0x81, payload: text.to_vec() });
    }

    /// Reads a Close, then the end of the connection. Returns the code.
    #[track_caller]
    pub(super) fn closed(mut self) -> Option<u16> {
        let close = self.frame();
        assert_eq!(close.first, 0x88, "{close:?}");
        assert!(self.0.closed(), "nothing comes after a Close");
        close.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}
