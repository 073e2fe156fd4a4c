//! The metrics' own HTTP server: a few paths, one request a connection, a bounded number of clients for a bounded time.
//!
//! Connections are tasks beside the master's loop. What they need to know of the instance they ask the loop for
//! ([`Server::question`]); what takes time (the memory of workers, the text) is done on a thread for that.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rsgi_sys::net::Peer;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::exposition::Format;
use super::facts::Facts;
use super::page;
use crate::health::{Probe, State};
use crate::master::sockets::Bound;
use crate::threads;

/// Clients that are served at a time; further ones are turned away.
const CLIENTS: usize = 64;
/// Time that a client has from its connection to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server.
#[derive(Debug)]
pub struct Server {
    socket: Arc<OwnedFd>,
    listener: AsyncFd<OwnedFd>,
    clients: Rc<Cell<usize>>,
    sender: UnboundedSender<Question>,
    questions: UnboundedReceiver<Question>,
}

/// What a client wants to know of the instance. Dropped, it is answered with 503.
#[derive(Debug)]
pub enum Question {
    /// Everything.
    Facts(oneshot::Sender<Facts>),
    /// How it is.
    State(oneshot::Sender<State>),
}

impl Server {
    /// Serves on a bound socket, and says so.
    ///
    /// # Errors
    /// When the kernel has no descriptors left.
    pub fn new(bound: &Bound) -> io::Result<Self> {
        let listener = rsgi_sys::reactor::register(bound.fd.try_clone()?)?;
        tracing::info!("*** Metrics enabled on {bound} fd: {} ***", bound.fd.as_raw_fd());
        let address = socket2::SockRef::from(&*bound.fd).local_addr()?;
        if address.as_socket().is_some_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "{bound} is open to other machines: whoever reaches it sees how much is served and how; \
                 bind metrics to an address that only Prometheus reaches"
            );
        }
        let (sender, questions) = unbounded_channel();
        Ok(Self { socket: Arc::clone(&bound.fd), listener, clients: Rc::default(), sender, questions })
    }

    /// Whether it serves on this very socket.
    #[must_use]
    pub fn serves(&self, bound: &Bound) -> bool {
        Arc::ptr_eq(&self.socket, &bound.fd)
    }

    /// The next question of a client; lets clients in meanwhile.
    pub async fn question(&mut self) -> Question {
        loop {
            let accepted = self.listener.async_io(Interest::READABLE, |listener| {
                rsgi_sys::net::accept(listener.as_fd())?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
            });
            let accepted = tokio::select! {
                Some(question) = self.questions.recv() => return question,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok(_) if self.clients.get() >= CLIENTS => {
                    tracing::warn!("metrics: {CLIENTS} clients are being served, another is turned away");
                }
                Ok((socket, peer)) => self.welcome(socket, peer),
                Err(error) => {
                    tracing::warn!("metrics: no client can be accepted: {error}");
                    tokio::select! {
                        Some(question) = self.questions.recv() => return question,
                        () = sleep(Duration::from_secs(1)) => {}
                    }
                }
            }
        }
    }

    /// Serves a client beside everything else.
    fn welcome(&self, socket: OwnedFd, peer: Peer) {
        let guest = Guest::new(&self.clients);
        let sender = self.sender.clone();
        spawn_local(async move {
            // What a client does not take is its own loss.
            let _ = match peer {
                Peer::Ip(_) => match TcpStream::from_std(socket.into()) {
                    Ok(stream) => timeout(PATIENCE, serve(stream, sender)).await,
                    Err(_) => return,
                },
                Peer::Unix => match UnixStream::from_std(socket.into()) {
                    Ok(stream) => timeout(PATIENCE, serve(stream, sender)).await,
                    Err(_) => return,
                },
            };
            drop(guest);
        });
    }
}

/// The next question; never, when there is no such server.
pub async fn next_question(server: Option<&mut Server>) -> Question {
    match server {
        Some(server) => server.question().await,
        None => std::future::pending().await,
    }
}

/// Counts a client for as long as it is there.
struct Guest(Rc<Cell<usize>>);

impl Guest {
    fn new(clients: &Rc<Cell<usize>>) -> Self {
        clients.set(clients.get() + 1);
        Self(Rc::clone(clients))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, sender: UnboundedSender<Question>) {
    let service = service_fn(|request: Request<Incoming>| {
        let sender = sender.clone();
        async move { Ok::<_, Infallible>(answer(&request, &sender).await) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(16 * 1024);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("metrics: {error}");
    }
}

async fn answer(request: &Request<Incoming>, sender: &UnboundedSender<Question>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = say(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let probe = match request.uri().path() {
        "/metrics" => {
            return metrics(request, sender)
                .await
                .unwrap_or_else(|| say(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"));
        }
        "/healthz" => Probe::Live,
        "/readyz" => Probe::Ready,
        _ => return say(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
    };
    let (reply, told) = oneshot::channel();
    let _ = sender.send(Question::State(reply));
    let verdict = probe.answer(told.await.unwrap_or(State::Stopping));
    say(StatusCode::from_u16(verdict.code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE), verdict.text)
}

/// `None`: nobody answers any more.
async fn metrics(request: &Request<Incoming>, sender: &UnboundedSender<Question>) -> Option<Response<Full<Bytes>>> {
    let fields: Vec<_> = request.headers().get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok()).collect();
    let format = Format::accepted(&fields.join(","));
    let (reply, told) = oneshot::channel();
    sender.send(Question::Facts(reply)).ok()?;
    let facts = told.await.ok()?;
    let facts = Arc::new(facts);
    let write = {
        let facts = Arc::clone(&facts);
        move || page::write(&facts, &facts.memory(), format)
    };
    let text = match threads::away(write) {
        Some(written) => written.await.ok()?,
        // Where no thread can be made the master waits for it: a number that is missing now is one that is wanted.
        None => page::write(&facts, &facts.memory(), format),
    };
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Some(response)
}

fn say(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master::sockets::Sockets;
    use crate::metrics::page::tests::facts;
    use rsgi_config::Config;
    use std::io::{Read, Write};
    use std::net::SocketAddr;
    use tokio::task::spawn_blocking;

    /// Runs clients on a thread of their own, while the server answers.
    fn run<T: Send + 'static>(clients: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let mut config = Config::default();
            config.monitoring.metrics = Some("127.0.0.1:0".parse().unwrap());
            let bound = Sockets::bind(&config, []).unwrap().metrics.unwrap();
            let mut server = Server::new(&bound).unwrap();
            assert!(server.serves(&bound));
            let address = bound.name.parse().unwrap();
            let mut clients = spawn_blocking(move || clients(address));
            loop {
                tokio::select! {
                    done = &mut clients => return done.unwrap(),
                    question = server.question() => match question {
                        Question::Facts(reply) => drop(reply.send(facts())),
                        Question::State(reply) => drop(reply.send(State::Paused)),
                    }
                }
            }
        })
    }

    fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }

    #[test]
    fn paths_and_formats() {
        run(|address| {
            let get = |path: &str, accept: &str| {
                exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: h\r\n{accept}Connection: close\r\n\r\n"))
            };
            let text = get("/metrics", "");
            assert!(
                text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("content-type: text/plain; version=0.0.4;"),
                "{text}"
            );
            assert!(text.contains("\nrsgi_requests_total{door=\"http\",code=\"200\"} 1\n"), "{text}");
            let open = get("/metrics?x=1", "Accept: application/openmetrics-text;version=1.0.0\r\n");
            assert!(
                open.contains("content-type: application/openmetrics-text; version=1.0.0;")
                    && open.ends_with("# EOF\n"),
                "{open}"
            );
            assert!(get("/healthz", "").ends_with("\r\n\r\nok\n"));
            let paused = get("/readyz", "");
            assert!(paused.starts_with("HTTP/1.1 503 ") && paused.ends_with("\r\n\r\npaused\n"), "{paused}");
            assert!(get("/", "").starts_with("HTTP/1.1 404 "));
            let head = exchange(address, "HEAD /metrics HTTP/1.0\r\n\r\n");
            assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
            assert!(
                exchange(address, "POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
                    .contains("allow: GET, HEAD\r\n")
            );
            assert!(exchange(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
        });
    }

    #[test]
    fn silent_clients_hold_nobody_up() {
        run(|address| {
            let silent: Vec<_> = (0..CLIENTS).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
            // Who comes on top is turned away at once, and there is room again when one has gone.
            assert_eq!(exchange(address, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "");
            drop(silent);
            while exchange(address, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").is_empty() {}
        });
    }
}
