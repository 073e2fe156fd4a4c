//! Clients that hold what they have for as long as they may, and many of them: least rates, caps, floods. Each at both doors, and
//! meanwhile others are served.

mod attacks;
mod caps;
mod idle;
mod rates;

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::support::{Kind, Running, Server};

/// The router, and a worker's own socket.
const ROUTER: u16 = 9090;
const WORKER: u16 = 3031;
const DOORS: [u16; 2] = [ROUTER, WORKER];

/// Reads, makes more than fits between server and client, or answers at once.
const APP: &str = "\
def application(environ, start_response):
    path = environ['PATH_INFO']
    body = [b'ok']
    if path == '/read':
        try:
            body = [str(len(environ['wsgi.input'].read())).encode()]
        except OSError as error:
            print('TOO SLOW', error, flush=True)
            raise
    elif path == '/large':
        body = (b'x' * 65536 for _ in range(320))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return body
";

fn start(options: &str) -> Running {
    start_with(2, options)
}

fn start_with(processes: usize, options: &str) -> Running {
    let doors = format!("--http {{ip}}:{ROUTER} --http-socket {{ip}}:{WORKER} --wsgi-file app.py --disable-logging");
    let server =
        Server::of(Kind::Rsgi, &format!("{doors} --http-keepalive=60 --processes {processes} --threads 2 {options}"));
    let server = server.file("app.py", APP).start();
    server.workers(processes);
    server
}

/// A client that takes little at a time. Its reads have an end.
fn narrow(server: &Running, port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a buffer");
    socket.connect(&server.address(port).into()).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// What comes until the end, whichever it is.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let end = stream.read_to_end(&mut all);
    let closed = end.as_ref().map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |_| true);
    assert!(closed, "{end:?}");
    all
}
