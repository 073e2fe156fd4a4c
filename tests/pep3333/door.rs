//! One server with four doors, and a client for each.

use std::collections::BTreeMap;

use crate::support::{Client, Response, Running, Server, fastcgi, uwsgi};

/// A way into the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    HttpSocket,
    Router,
    Uwsgi,
    Fastcgi,
}

/// Those whose answers are HTTP as they stand.
pub(super) const DOORS: [Door; 3] = [Door::HttpSocket, Door::Router, Door::Uwsgi];
pub(super) const EVERY_DOOR: [Door; 4] = [Door::HttpSocket, Door::Router, Door::Uwsgi, Door::Fastcgi];

/// How the request says how long its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    None,
    Length(&'a [u8]),
    /// In chunks. Not a thing of uwsgi and FastCGI.
    Chunked(&'a [u8]),
}

/// A request in all its parts.
pub(super) struct Asked<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub body: Body<'a>,
    /// The length that the request says its body has; its own when it is whole.
    pub announced: Option<usize>,
    pub headers: &'a BTreeMap<String, String>,
}

/// A server with one process, so that what one request leaves behind the next one sees.
pub(super) fn start(options: &str) -> Running {
    Server::new(&format!(
        "--http {{ip}}:9090 --socket {{ip}}:3031 --http-socket {{ip}}:8000 --wsgi-file {{apps}}/pep.py --threads 4 {options}"
    ))
    .start()
}

impl Door {
    /// A connection.
    pub(super) fn connect(self, server: &Running) -> Client {
        server.connect(match self {
            Self::HttpSocket => 8000,
            Self::Router => 9090,
            Self::Uwsgi => 3031,
            Self::Fastcgi => 9000,
        })
    }

    /// The option's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HttpSocket => "http-socket",
            Self::Router => "http",
            Self::Uwsgi => "socket",
            Self::Fastcgi => "fastcgi",
        }
    }

    /// Whether it speaks HTTP itself: bodies in chunks, connections that are kept.
    pub(super) const fn has_chunks(self) -> bool {
        matches!(self, Self::HttpSocket | Self::Router)
    }

    /// The bytes of a plain request.
    pub(super) fn request(self, method: &str, target: &str, body: Body) -> Vec<u8> {
        self.bytes(&Asked { method, target, body, announced: None, headers: &BTreeMap::new() })
    }

    /// The bytes of a request after which the connection closes.
    pub(super) fn last(self, method: &str, target: &str, body: Body) -> Vec<u8> {
        let mut headers = BTreeMap::new();
        if self.has_chunks() {
            headers.insert("Connection".to_owned(), "close".to_owned());
        }
        self.bytes(&Asked { method, target, body, announced: None, headers: &headers })
    }

    /// The same without its body, which is `length` bytes long.
    pub(super) fn opening(self, method: &str, target: &str, length: usize) -> Vec<u8> {
        let headers = [("Connection".to_owned(), "close".to_owned())].into();
        self.bytes(&Asked { method, target, body: Body::Length(b""), announced: Some(length), headers: &headers })
    }

    /// The bytes of a request.
    pub(super) fn bytes(self, asked: &Asked) -> Vec<u8> {
        let body = match asked.body {
            Body::None => &[],
            Body::Length(body) | Body::Chunked(body) => body,
        };
        let length = asked.announced.unwrap_or(body.len());
        if self.has_chunks() {
            return http(asked, body, length);
        }
        assert!(!matches!(asked.body, Body::Chunked(_)), "no chunks through {self:?}");
        let mut vars = uwsgi::request(asked.method, asked.target, length);
        for (name, value) in asked.headers {
            vars.push((format!("HTTP_{}", name.to_uppercase().replace('-', "_")), value.clone()));
        }
        match self {
            Self::Fastcgi => fastcgi::request(&vars, body, length == body.len()),
            _ => [uwsgi::encode(&vars).as_slice(), body].concat(),
        }
    }

    /// One request and its answer on a connection of its own.
    #[track_caller]
    pub(super) fn ask(self, server: &Running, method: &str, target: &str, body: Body) -> Response {
        self.connect(server).send(self.request(method, target, body)).response()
    }

    /// One GET on a connection of its own.
    #[track_caller]
    pub(super) fn get(self, server: &Running, target: &str) -> Response {
        self.ask(server, "GET", target, Body::None)
    }
}

fn http(asked: &Asked, body: &[u8], length: usize) -> Vec<u8> {
    let mut request = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", asked.method, asked.target).into_bytes();
    for (name, value) in asked.headers {
        request.extend(format!("{name}: {value}\r\n").bytes());
    }
    match asked.body {
        Body::None => request.extend(b"\r\n"),
        Body::Length(_) => {
            request.extend(format!("Content-Length: {length}\r\n\r\n").bytes());
            request.extend(body);
        }
        Body::Chunked(_) => {
            request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            // Small ones, and a handful at most of a large body.
            for chunk in body.chunks((body.len() / 50).max(3)) {
                request.extend(format!("{:x}\r\n", chunk.len()).bytes());
                request.extend(chunk);
                request.extend(b"\r\n");
            }
            request.extend(b"0\r\n\r\n");
        }
    }
    request
}

/// How often `close()` has run under `name`.
#[track_caller]
pub(super) fn closed(server: &Running, name: &str) -> u64 {
    let report = Door::HttpSocket.get(server, "/report").expect(200).json();
    report["closed"][name].as_u64().unwrap_or(0)
}
