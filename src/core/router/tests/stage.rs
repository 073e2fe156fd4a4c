//! A router on a thread of its own, and the two sides around it. Every read has a deadline, so nothing hangs.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use rsgi_config::Config;
use rsgi_proto::link::{self, Hello, Request, Response, ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;
use rsgi_sys::fdpass;
use tokio::runtime::{Builder, LocalOptions};

use super::super::Job;
use super::super::run::attend;
use super::super::shop::Settings;
use crate::control::{Order, Overdue, Report, Reports};
use crate::tls;

/// The longest that any single step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A router and what a master holds of it.
pub(super) struct Stage {
    pub(super) address: SocketAddr,
    rendezvous: OwnedFd,
    control: Option<UnixStream>,
    router: Option<JoinHandle<()>>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Starts a router whose settings `change` has changed, and waits until it is ready.
    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Config::default(), change)
    }

    /// Starts a router by `config`, whose address and certificates it takes over.
    pub(super) fn of(config: Config, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (rendezvous, far) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let (mut control, router_control) = UnixStream::pair().unwrap();
        let material = tls::read(&config, None).unwrap().router;
        let mut settings = Settings::new(&config);
        settings.server_name = "box".into();
        change(&mut settings);
        let job = Job {
            id: 1,
            config,
            listeners: vec![listener.into()],
            material,
            rendezvous: far,
            control: router_control.into(),
            meters: None,
        };
        let router = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
            runtime.block_on(attend(job, settings)).unwrap();
        });
        control.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut byte = [0];
        control.read_exact(&mut byte).unwrap();
        assert_eq!(Report::from_byte(byte[0]), Some(Report::Ready));
        Self { address, rendezvous, control: Some(control), router: Some(router) }
    }

    /// Opens a link from core 0 of worker 1.
    pub(super) fn core(&self) -> Core {
        self.core_of(1, 0)
    }

    pub(super) fn core_of(&self, worker: u32, core: u32) -> Core {
        let mut hello = Vec::new();
        link::encode_hello(&mut hello, &Hello { worker, core, pid: 100 + worker, generation: 0 });
        Core::new(self.bring(&hello))
    }

    /// Brings a link with `message` beside it.
    pub(super) fn bring(&self, message: &[u8]) -> UnixStream {
        let (near, far) = UnixStream::pair().unwrap();
        fdpass::send(self.rendezvous.as_fd(), &[IoSlice::new(message)], Some(far.as_fd())).unwrap();
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        near.set_write_timeout(Some(PATIENCE)).unwrap();
        near
    }

    pub(super) fn client(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { socket, input: Vec::new() }
    }

    pub(super) fn order(&mut self, order: Order) {
        self.control.as_mut().unwrap().write_all(&[order.byte()]).unwrap();
    }

    pub(super) fn condemn(&mut self, overdue: Overdue) {
        self.control.as_mut().unwrap().write_all(&overdue.message()).unwrap();
    }

    /// The next word of the router to its master.
    pub(super) fn report(&mut self) -> Report {
        let (mut byte, mut reports) = ([0], Reports::default());
        loop {
            self.control.as_mut().unwrap().read_exact(&mut byte).unwrap();
            if let [report] = reports.take(&byte)[..] {
                return report;
            }
        }
    }

    /// The master goes away without a word.
    pub(super) fn abandon(&mut self) {
        self.control = None;
    }

    /// Waits until the router has left.
    pub(super) fn join(&mut self) {
        self.router.take().unwrap().join().unwrap();
    }

    /// Whether the router is still there.
    pub(super) fn runs(&self) -> bool {
        self.router.as_ref().is_some_and(|router| !router.is_finished())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Some(router) = self.router.take() else { return };
        if let Some(control) = &mut self.control {
            let _ = control.write_all(&[Order::Quit.byte()]);
        }
        if self.control.is_some() && router.join().is_err() && !std::thread::panicking() {
            panic!("the router panicked");
        }
    }
}

/// One core of a worker.
pub(super) struct Core {
    pub(super) socket: UnixStream,
    decoder: WorkerEnd,
    input: Vec<u8>,
}

/// What the router said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Head(Request, Vec<(String, String)>),
    Body(Vec<u8>),
    End,
    Abort,
    Leave,
    /// The link is closed.
    Closed,
}

impl Core {
    fn new(socket: UnixStream) -> Self {
        Self { socket, decoder: WorkerEnd::new(1 << 20), input: Vec::new() }
    }

    pub(super) fn next(&mut self) -> Said {
        let mut vars = Vars::new();
        loop {
            if let Some((used, event)) = self.decoder.decode(&self.input, &mut vars).unwrap() {
                let said = match event {
                    ToWorker::Head(request) => {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        let vars = vars.iter(&self.input).map(|var| (text(var.key), text(var.value)));
                        Said::Head(request, vars.collect())
                    }
                    ToWorker::Body(data) => Said::Body(data.to_vec()),
                    ToWorker::End => Said::End,
                    ToWorker::Leave => Said::Leave,
                    ToWorker::Abort => Said::Abort,
                };
                self.input.drain(..used);
                if said != Said::Body(Vec::new()) {
                    return said;
                }
                continue;
            }
            let mut buffer = [0; 65536];
            match self.socket.read(&mut buffer) {
                Ok(0) => return Said::Closed,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Said::Closed,
                Ok(len) => self.input.extend_from_slice(buffer.get(..len).unwrap()),
                Err(error) => panic!("the router is silent: {error}"),
            }
        }
    }

    /// The next request; its variables by name.
    pub(super) fn request(&mut self) -> (Request, Vec<(String, String)>) {
        match self.next() {
            Said::Head(request, vars) => (request, vars),
            other => panic!("a request is due, not {other:?}"),
        }
    }

    /// The path of the next request.
    pub(super) fn path(&mut self) -> String {
        let (_, vars) = self.request();
        value(&vars, "PATH_INFO").to_owned()
    }

    /// Whether more than the last event has been read.
    pub(super) fn has_more(&self) -> bool {
        !self.input.is_empty()
    }

    /// The body up to its end.
    pub(super) fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            match self.next() {
                Said::Body(data) => body.extend(data),
                Said::End => return body,
                other => panic!("a body is due, not {other:?}"),
            }
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// A whole answer in one frame.
    pub(super) fn reply(&mut self, body: &str) {
        self.send(&whole("200 OK", "Content-Type: text/plain\r\n", body.as_bytes()));
    }

    pub(super) fn finish(&mut self) {
        let mut out = Vec::new();
        link::encode_end(&mut out, false);
        self.send(&out);
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        self.send(&frame(data, false));
    }
}

/// A DATA frame.
pub(super) fn frame(data: &[u8], last: bool) -> Vec<u8> {
    let mut out = Vec::new();
    link::data_prefix(&mut out, u32::try_from(data.len()).unwrap(), last);
    out.extend_from_slice(data);
    out
}

/// A RESPONSE frame that says all.
pub(super) fn whole(status: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let mut out = head(status, lines, |response| {
        response.last = true;
        response.inline = u32::try_from(body.len()).unwrap();
    });
    out.extend_from_slice(body);
    out
}

/// A RESPONSE frame.
pub(super) fn head(status: &str, lines: &str, change: impl FnOnce(&mut Response<'_>)) -> Vec<u8> {
    let content_length = lines.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    let mut response = Response {
        code: status[..3].parse().unwrap(),
        close: false,
        app_chunked: lines.contains("chunked"),
        has_date: false,
        has_server: false,
        switched: false,
        content_length: content_length.map(|length| length.parse().unwrap()),
        last: false,
        inline: 0,
        status: status.as_bytes(),
        lines: lines.as_bytes(),
    };
    change(&mut response);
    let mut out = Vec::new();
    link::encode_response(&mut out, &response).unwrap();
    out
}

/// The value of a variable.
pub(super) fn value<'a>(vars: &'a [(String, String)], key: &str) -> &'a str {
    vars.iter().find(|(name, _)| name == key).map_or("(none)", |(_, value)| value)
}

/// A browser, as far as bytes go.
pub(super) struct Client {
    pub(super) socket: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub(super) fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    /// What may be refused on the way.
    pub(super) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    pub(super) fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    }

    /// Up to `mark`, and `mark`.
    pub(super) fn until(&mut self, mark: &str) -> String {
        loop {
            let at = self.input.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = at {
                let text = self.input.drain(..at + mark.len()).collect::<Vec<_>>();
                return String::from_utf8_lossy(&text).into_owned();
            }
            assert!(self.fill(), "closed before {mark:?}: {:?}", String::from_utf8_lossy(&self.input));
        }
    }

    /// An answer whose body ends with `mark`. The date is left out.
    pub(super) fn answer(&mut self, mark: &str) -> String {
        let head = self.until("\r\n\r\n");
        let head: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect();
        let body = if mark.is_empty() { String::new() } else { self.until(mark) };
        head.join("\n") + &body
    }

    /// The first line of the next answer, whose body is passed over if it has a length.
    pub(super) fn status(&mut self) -> String {
        let head = self.until("\r\n\r\n");
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.input.len() < length {
            assert!(self.fill(), "closed within a body");
        }
        self.input.drain(..length);
        head.lines().next().unwrap().to_owned()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(self.fill(), "closed within a body");
        }
        self.input.drain(..count).collect()
    }

    /// A chunked body.
    pub(super) fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.until("\r\n");
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            body.extend(self.bytes(size));
            assert_eq!(self.bytes(2), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    /// Everything up to the end of the connection; `Err` is a reset.
    pub(super) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.input);
        self.socket.read_to_end(&mut rest).map(|_| rest)
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65536];
        let len = self.socket.read(&mut buffer).expect("the router is silent");
        self.input.extend_from_slice(buffer.get(..len).unwrap());
        len > 0
    }
}
