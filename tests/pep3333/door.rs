//! One server with three doors, and a client for each.

use crate::support::{Client, Response, Running, Server, uwsgi};

/// A way into the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    HttpSocket,
    Router,
    Uwsgi,
}

pub(super) const DOORS: [Door; 3] = [Door::HttpSocket, Door::Router, Door::Uwsgi];

/// How the request says how long its body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    None,
    Length(&'a [u8]),
    /// In chunks of three bytes. Not a thing of the uwsgi protocol.
    Chunked(&'a [u8]),
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
        })
    }

    /// The bytes of a request.
    pub(super) fn request(self, method: &str, target: &str, body: Body) -> Vec<u8> {
        if self == Self::Uwsgi {
            let body = match body {
                Body::None => &[],
                Body::Length(body) => body,
                Body::Chunked(_) => panic!("the uwsgi protocol has no chunks"),
            };
            return [uwsgi::encode(&uwsgi::request(method, target, body.len())).as_slice(), body].concat();
        }
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
        match body {
            Body::None => request.extend(b"\r\n"),
            Body::Length(body) => {
                request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                request.extend(body);
            }
            Body::Chunked(body) => {
                request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(3) {
                    request.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    request.extend(chunk);
                    request.extend(b"\r\n");
                }
                request.extend(b"0\r\n\r\n");
            }
        }
        request
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

/// How often `close()` has run under `name`.
#[track_caller]
pub(super) fn closed(server: &Running, name: &str) -> u64 {
    let report = Door::HttpSocket.get(server, "/report").expect(200).json();
    report["closed"][name].as_u64().unwrap_or(0)
}
