//! A client that sends exactly the bytes it is given and checks how the answer is framed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::response::{Framing, Response, parse_head, values};

/// No answer takes longer; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    stream: Stream,
    received: Vec<u8>,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Connects over TCP.
    #[track_caller]
    pub(crate) fn tcp(address: SocketAddrV4) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: Stream::Tcp(stream), received: Vec::new() }
    }

    /// Connects over a unix socket.
    #[track_caller]
    pub(crate) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream: Stream::Unix(stream), received: Vec::new() }
    }

    /// Connects over a unix socket in the abstract name space.
    #[track_caller]
    pub(crate) fn abstract_name(name: &str) -> Self {
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).expect("a name");
        let stream = UnixStream::connect_addr(&address).unwrap_or_else(|error| panic!("@{name}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream: Stream::Unix(stream), received: Vec::new() }
    }

    /// The client's own address.
    pub(crate) fn local(&self) -> SocketAddrV4 {
        match &self.stream {
            Stream::Tcp(stream) => match stream.local_addr().expect("an address") {
                std::net::SocketAddr::V4(address) => address,
                std::net::SocketAddr::V6(address) => panic!("IPv6 address {address}"),
            },
            Stream::Unix(_) => panic!("a unix socket has no address"),
        }
    }

    /// Sends bytes.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).expect("the server takes what is sent");
        self
    }

    /// Sends bytes to a server that may have closed the connection already.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes.as_ref()),
            Stream::Unix(stream) => stream.write_all(bytes.as_ref()),
        }
    }

    /// Sends a GET without a body and asks to keep the connection.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).response()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) -> &mut Self {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write).expect("shutdown"),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write).expect("shutdown"),
        }
        self
    }

    /// Reads one answer to a request that allows a body.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.read_response(true)
    }

    /// Reads one answer to a HEAD request.
    #[track_caller]
    pub(crate) fn response_to_head(&mut self) -> Response {
        self.read_response(false)
    }

    /// Reads a head alone; what follows it is no body.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Response {
        parse_head(&self.take_head())
    }

    /// Reads exactly `count` bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        self.peek(count);
        self.received.drain(..count).collect()
    }

    /// Reads bytes until at least `count` are there, without taking them.
    #[track_caller]
    pub(crate) fn peek(&mut self, count: usize) -> &[u8] {
        while self.received.len() < count {
            assert!(self.fill() > 0, "closed after {} of {count} bytes: {}", self.received.len(), self.shown());
        }
        &self.received
    }

    /// Everything up to the end of the connection. A reset counts as the end.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Number of bytes up to the end of the connection, and the first of them as text; nothing is kept.
    #[track_caller]
    pub(crate) fn count_to_the_end(&mut self) -> (usize, String) {
        self.fill();
        let (mut count, first) = (self.received.len(), self.shown());
        let mut piece = vec![0; 1 << 20];
        loop {
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(&mut piece),
                Stream::Unix(stream) => stream.read(&mut piece),
            };
            match read.unwrap_or_else(|error| panic!("no more after {count} bytes: {error}")) {
                0 => return (count, first),
                more => count += more,
            }
        }
    }

    /// Reads until the end of the connection, or of an answer after which it stays open.
    #[track_caller]
    pub(crate) fn rest_or_response(&mut self) {
        if self.fill() > 0 {
            let head = self.take_head();
            let mut response = parse_head(&head);
            let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.read_body(&mut response, true)));
            // An application that failed in the middle leaves an answer that breaks off.
            let _ = whole;
        }
    }

    /// Whether the server closes without sending another byte.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> bool {
        self.rest().is_empty()
    }

    /// Whether nothing more comes; what comes is kept.
    #[track_caller]
    pub(crate) fn is_closed(&mut self) -> bool {
        self.received.is_empty() && self.fill() == 0
    }

    #[track_caller]
    fn read_response(&mut self, body_allowed: bool) -> Response {
        let mut interim = Vec::new();
        loop {
            let head = self.take_head();
            let mut response = parse_head(&head);
            if (100..200).contains(&response.status) && response.status != 101 {
                interim.push(response.status);
                continue;
            }
            response.interim = interim;
            self.read_body(&mut response, body_allowed);
            return response;
        }
    }

    #[track_caller]
    fn take_head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return head.iter().map(|byte| char::from(*byte)).collect();
            }
            assert!(self.fill() > 0, "closed before the end of a head: {:?}", self.shown());
        }
    }

    #[track_caller]
    fn read_body(&mut self, response: &mut Response, allowed: bool) {
        let lengths: Vec<&str> = values(response, "content-length");
        let codings: Vec<&str> = values(response, "transfer-encoding");
        assert!(lengths.len() + codings.len() <= 1, "more than one framing: {:?}", response.headers);
        if !allowed || response.status == 204 || response.status == 304 {
            response.framing = Framing::None;
        } else if let [length] = lengths[..] {
            let length = length.parse().unwrap_or_else(|_| panic!("Content-Length: {length}"));
            response.framing = Framing::Length;
            self.peek(length);
            response.body = self.received.drain(..length).collect();
        } else if let [coding] = codings[..] {
            assert_eq!(coding, "chunked");
            response.framing = Framing::Chunked;
            while let Some(chunk) = self.take_chunk() {
                response.body.extend(chunk);
            }
        } else {
            response.framing = Framing::Close;
            response.body = self.rest();
        }
    }

    #[track_caller]
    fn take_chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.take_line();
        let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("chunk size {size:?}"));
        self.peek(size + 2);
        let chunk: Vec<u8> = self.received.drain(..size).collect();
        assert_eq!(self.take_line(), "", "a chunk ends with an empty line");
        (size > 0).then_some(chunk)
    }

    #[track_caller]
    fn take_line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.fill() > 0, "closed inside a line: {:?}", self.shown());
        }
    }

    #[track_caller]
    fn fill(&mut self) -> usize {
        let mut chunk = [0; 65536];
        let outcome = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut chunk),
            Stream::Unix(stream) => stream.read(&mut chunk),
        };
        match outcome {
            Ok(count) => {
                self.received.extend_from_slice(&chunk[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("no answer: {error}; so far {:?}", self.shown()),
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received[..self.received.len().min(2000)]).into_owned()
    }
}
