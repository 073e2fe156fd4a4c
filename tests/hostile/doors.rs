//! The doors, how a request is said at each of them, and how an answer is read.

use super::PORT;
use crate::support::{Client, Running, fastcgi, uwsgi};

/// A test for each door, so that they run side by side.
macro_rules! at_each {
    ($run:ident at $($test:ident: $door:expr,)*) => {
        $(#[test]
        fn $test() {
            $run(&$door);
        })*
    };
}

pub(super) use at_each;

/// Makes a request of variables and a body.
type Say = fn(&[(&str, &str)], &str) -> Vec<u8>;

/// A door.
pub(super) struct Door {
    pub(super) name: &'static str,
    pub(super) options: &'static str,
    /// A request with these variables and this body.
    pub(super) say: Say,
    /// What answers begin with.
    pub(super) begins: &'static [u8],
}

/// Doors of web servers.
pub(super) const PACKETS: [Door; 4] = [
    Door { name: "uwsgi", options: "--uwsgi-socket {ip}:3031", say: packet, begins: b"HTTP/1." },
    Door { name: "puwsgi", options: "--puwsgi-socket {ip}:3031", say: packet, begins: b"HTTP/1." },
    Door { name: "fastcgi", options: "--fastcgi-socket {ip}:3031", say: records, begins: &[1, 6] },
    Door { name: "scgi", options: "--scgi-socket {ip}:3031", say: netstring, begins: b"Status: " },
];

/// Doors behind which a PROXY header comes first.
pub(super) const PROXIES: [Door; 4] = [
    Door {
        name: "PROXY v1 to a worker",
        options: "--http-socket {ip}:3031 --enable-proxy-protocol",
        say: proxy_1,
        begins: b"HTTP/1.",
    },
    Door {
        name: "PROXY v2 to a worker",
        options: "--http-socket {ip}:3031 --enable-proxy-protocol",
        say: proxy_2,
        begins: b"HTTP/1.",
    },
    Door {
        name: "PROXY v1 to the router",
        options: "--http {ip}:3031 --http-enable-proxy-protocol",
        say: proxy_1,
        begins: b"HTTP/1.",
    },
    Door {
        name: "PROXY v2 to the router",
        options: "--http {ip}:3031 --http-enable-proxy-protocol",
        say: proxy_2,
        begins: b"HTTP/1.",
    },
];

impl Door {
    /// A small request for `path` with a body.
    pub(super) fn sample(&self, path: &str) -> Vec<u8> {
        self.post(path, &[], "hello")
    }

    /// The same with variables more.
    pub(super) fn post(&self, path: &str, more: &[(&str, &str)], body: &str) -> Vec<u8> {
        let length = body.len().to_string();
        let vars = [("REQUEST_METHOD", "POST"), ("PATH_INFO", path), ("CONTENT_LENGTH", &length)];
        (self.say)(&[&vars, more].concat(), body)
    }

    /// Sends a good request on a connection of its own.
    pub(super) fn open(&self, server: &Running, asked: &[u8]) -> Client {
        let mut client = server.connect(PORT);
        client.send(asked);
        // Behind PROXY headers is HTTP/1.0, where the server ends the connection, and where some take the end of sending for that
        // of the client.
        if !self.name.starts_with("PROXY") {
            client.finish();
        }
        client
    }

    /// What a good request gets.
    pub(super) fn ask(&self, server: &Running, asked: &[u8]) -> String {
        self.text(&self.open(server, asked).rest())
    }

    /// What an answer says, without the door's own framing.
    pub(super) fn text(&self, answer: &[u8]) -> String {
        let inner = if self.name == "fastcgi" { fastcgi::answer(answer).0 } else { answer.to_vec() };
        String::from_utf8_lossy(&inner).into_owned()
    }

    /// Whether the bytes may be an answer: nothing at all is one as well.
    pub(super) fn may_say(&self, answer: &[u8]) -> bool {
        answer.starts_with(self.begins) || answer.is_empty() || self.name == "fastcgi" && answer.starts_with(&[1, 3])
    }
}

fn packet(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    [&uwsgi::packet(vars), body.as_bytes()].concat()
}

fn records(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    let vars: Vec<_> = vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    fastcgi::request(&vars, body.as_bytes(), true)
}

fn netstring(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    let block: String = vars.iter().map(|(key, value)| format!("{key}\0{value}\0")).collect();
    format!("{}:{block},{body}", block.len()).into_bytes()
}

/// Variables are of no use here: a request is what HTTP says.
fn http(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    let path = vars.iter().find(|(key, _)| *key == "PATH_INFO").map_or("/", |(_, path)| path);
    format!("POST {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn proxy_1(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    [b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", &http(vars, body)[..]].concat()
}

fn proxy_2(vars: &[(&str, &str)], body: &str) -> Vec<u8> {
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb\x04\0\0";
    [&head[..], &http(vars, body)].concat()
}
