//! A client of HTTP/2 that writes whatever frames it is told to (RFC 9113), with headers that nothing compresses.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::support::Running;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// What a client says first (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection.
pub(super) struct Wire(StreamOwned<ClientConnection, TcpStream>);

/// A frame that came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Wire {
    /// Connects and says hello, with these settings.
    pub(super) fn open(server: &Running, settings: &[(u16, u32)]) -> Self {
        let mut wire = Self::shake(server);
        assert!(wire.write(&[PREFACE, &self::settings(settings)].concat()), "the router takes a preface");
        wire
    }

    /// Connects, shakes hands of TLS, and says nothing yet.
    pub(super) fn shake(server: &Running) -> Self {
        let socket = TcpStream::connect(server.address(9090)).expect("connected");
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("set");
        socket.set_write_timeout(patience).expect("set");
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder =
            builder.expect("versions").dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)));
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a client");
        Self(StreamOwned::new(session, socket))
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish(&mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.flush();
        let _ = self.0.sock.shutdown(Shutdown::Write);
    }

    /// Sends a frame; false: the connection is over.
    pub(super) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.write(&frame(kind, flags, stream, payload))
    }

    /// Sends frames as they are; false: the connection is over.
    pub(super) fn write(&mut self, frames: &[u8]) -> bool {
        self.0.write_all(frames).and_then(|()| self.0.flush()).is_ok()
    }

    /// Asks, without a body.
    pub(super) fn get(&mut self, stream: u32, path: &str) {
        assert!(self.write(&get(stream, path)));
    }

    /// The next frame; `None`: the connection has ended.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.try_next().expect("the router is not silent")
    }

    /// The same; `Err`: the router says nothing and does not close.
    pub(super) fn try_next(&mut self) -> std::io::Result<Option<Frame>> {
        let mut head = [0; 9];
        if let Err(error) = self.0.read_exact(&mut head) {
            return if error.kind() == ErrorKind::WouldBlock { Err(error) } else { Ok(None) };
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if self.0.read_exact(&mut payload).is_err() {
            return Ok(None);
        }
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Some(Frame { kind: head[3], flags: head[4], stream, payload }))
    }

    /// How a stream ends.
    pub(super) fn end_of(&mut self, stream: u32) -> End {
        let mut body = Vec::new();
        while let Some(frame) = self.next() {
            match frame.kind {
                GOAWAY => return End::GoAway(code(&frame.payload[4..])),
                RST_STREAM if frame.stream == stream => return End::Reset(code(&frame.payload)),
                DATA if frame.stream == stream => {
                    body.extend(frame.payload);
                    if frame.flags & END_STREAM != 0 {
                        return End::Answer(String::from_utf8_lossy(&body).into_owned());
                    }
                }
                HEADERS if frame.stream == stream && frame.flags & END_STREAM != 0 => return End::Answer(String::new()),
                _ => {}
            }
        }
        End::Closed
    }

    /// Reads up to the end of the connection; the last GOAWAY's error, if there was one.
    pub(super) fn last_words(&mut self) -> Option<u32> {
        let mut words = None;
        while let Some(frame) = self.next() {
            if frame.kind == GOAWAY {
                words = Some(code(&frame.payload[4..]));
            }
        }
        words
    }
}

/// How a request ended. Numbers are error codes (RFC 9113, section 7).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Answer(String),
    Reset(u32),
    GoAway(u32),
    Closed,
}

fn code(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A SETTINGS frame.
pub(super) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let one = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &settings.iter().flat_map(one).collect::<Vec<_>>())
}

/// A request without a body.
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&request("GET", path)))
}

/// The head of a request whose body is still to come.
pub(super) fn open_post(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &block(&request("POST", "/hello")))
}

/// The pseudo-headers of a plain request.
pub(super) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
}

/// A header block (RFC 7541): every field literal, none remembered. Letters are bytes (Latin-1).
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        text(&mut out, &latin(name));
        text(&mut out, &latin(value));
    }
    out
}

fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).expect("a letter of Latin-1")).collect()
}

/// A text without Huffman's coding, its length in a prefix of seven bits.
pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut left = bytes.len();
    if left < 127 {
        out.push(u8::try_from(left).expect("short"));
    } else {
        out.push(127);
        left -= 127;
        while left >= 128 {
            out.push(u8::try_from(left % 128).expect("short") | 128);
            left /= 128;
        }
        out.push(u8::try_from(left).expect("short"));
    }
    out.extend_from_slice(bytes);
}

/// Takes any certificate: these tests are not about who the server is.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
