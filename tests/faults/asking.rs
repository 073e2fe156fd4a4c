//! Clients that take note of what becomes of them instead of failing.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::support::{Running, uwsgi};

/// Where somebody asks, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    pub(super) port: u16,
    pub(super) is_uwsgi: bool,
    pub(super) path: &'static str,
}

/// The router.
pub(super) const ROUTER: Door = Door { port: 9090, is_uwsgi: false, path: "/" };
/// The workers' HTTP socket.
pub(super) const HTTP: Door = Door { port: 3031, is_uwsgi: false, path: "/" };
/// The workers' uwsgi socket.
pub(super) const UWSGI: Door = Door { port: 3032, is_uwsgi: true, path: "/" };

/// A request on a connection of its own that has been sent.
pub(super) struct Sent(TcpStream);

impl Door {
    /// Asks for something else.
    pub(super) const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// The option that opens it.
    pub(super) const fn name(self) -> &'static str {
        match self.port {
            9090 => "http",
            3031 => "http-socket",
            _ => "socket",
        }
    }

    /// Sends a request, which waits wherever the server leaves it.
    pub(super) fn send(self, server: &Running, patience: Duration) -> Result<Sent> {
        let address = SocketAddr::V4(server.address(self.port));
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        let request = match self.is_uwsgi {
            true => uwsgi::encode(&uwsgi::get(self.path)),
            false => format!("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", self.path).into_bytes(),
        };
        stream.write_all(&request)?;
        Ok(Sent(stream))
    }

    /// The worker that answers at the moment.
    pub(super) fn who(self, server: &Running) -> i32 {
        let (_, body) = self.send(server, Duration::from_secs(10)).and_then(Sent::whole).expect("an answer");
        body.parse().expect("a pid")
    }

    /// Asks once.
    pub(super) fn ask(self, server: &Running, patience: Duration) -> Result<u16> {
        self.send(server, patience)?.answer()
    }
}

impl Sent {
    /// The status of the answer, which has come whole.
    pub(super) fn answer(self) -> Result<u16> {
        Ok(self.whole()?.0)
    }

    fn whole(mut self) -> Result<(u16, String)> {
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer)?;
        let broken = || Error::new(ErrorKind::UnexpectedEof, format!("{} bytes", answer.len()));
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if length.is_some_and(|length| length.parse() != Ok(body.len())) {
            return Err(broken());
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        Ok((status, body.to_owned()))
    }
}

/// Somebody who asks all the time, one request after the other.
pub(super) struct Asking<'scope> {
    door: Door,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::ScopedJoinHandle<'scope, Vec<String>>>,
}

impl<'scope> Asking<'scope> {
    pub(super) fn begin(scope: &'scope std::thread::Scope<'scope, '_>, server: &'scope Running, door: Door) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = scope.spawn(move || {
            let mut outcomes = Vec::new();
            while !stopped.load(Relaxed) {
                let began = Instant::now();
                let outcome = match door.ask(server, Duration::from_secs(3)) {
                    Ok(status) => status.to_string(),
                    Err(error) => format!("{:?} after {:?}", error.kind(), began.elapsed()),
                };
                outcomes.push(outcome);
                std::thread::sleep(Duration::from_millis(10));
            }
            outcomes
        });
        Self { door, stop, thread: Some(thread) }
    }

    /// Stops; all has to have gone well.
    #[track_caller]
    pub(super) fn all_well(self, when: &str) {
        let (door, outcomes) = (self.door, self.end());
        assert!(!outcomes.is_empty(), "{when}: nobody asked at {door:?}");
        assert!(outcomes.iter().all(|outcome| outcome == "200"), "{when}, at {door:?}: {outcomes:?}");
    }

    /// Stops, and tells what has become of each request.
    pub(super) fn end(mut self) -> Vec<String> {
        self.stop.store(true, Relaxed);
        self.thread.take().expect("it ends once").join().expect("no panic")
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // A test that fails waits for its threads.
        self.stop.store(true, Relaxed);
    }
}
