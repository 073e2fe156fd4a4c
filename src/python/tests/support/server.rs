//! A process with a started interpreter, its applications, and its core 0.

use std::path::{Path, PathBuf};

use rsgi_abi::host::{Core, Language, ReadError};
use rsgi_abi::types::{UNKNOWN, Var};

use super::exchange::{Answer, Feed};
use super::host::{Host, KNOWN};

/// The plugin at work. The case's directory is the working directory, as after `chdir`.
pub(crate) struct Server {
    pub(crate) language: Language,
    pub(crate) host: &'static Host,
    core: Option<Core>,
    pub(crate) directory: PathBuf,
}

/// Writes a file below the working directory.
pub(crate) fn write(path: &str, text: &str) {
    if let Some(parent) = Path::new(path).parent() {
        std::fs::create_dir_all(parent).expect("a directory");
    }
    std::fs::write(path, text).expect("a file");
}

impl Server {
    /// Starts the interpreter in an empty directory, without loading anything.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Result<Self, (i32, &'static Host)> {
        static HOST: Host = Host::new();
        let language = Language::embedded(&rsgi_python::PLUGIN).expect("the plugin speaks this border");
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match language.init(&HOST, KNOWN, &settings) {
            Ok(()) => Ok(Self {
                language,
                host: &HOST,
                core: None,
                directory: std::env::current_dir().expect("a working directory"),
            }),
            Err(code) => Err((code, &HOST)),
        }
    }

    /// A new empty working directory for this process; it goes with the process's end.
    pub(crate) fn enter_directory() -> PathBuf {
        let directory = tempfile::tempdir().expect("a temporary directory").keep();
        std::env::set_current_dir(&directory).expect("a directory to work in");
        directory
    }

    /// The usual case: `app.py` with this source is the application, core 0 serves.
    pub(crate) fn with_app(source: &str, settings: &[(&str, &str)]) -> Self {
        Self::enter_directory();
        write("app.py", source);
        let mut all = vec![("wsgi-file", "app.py")];
        all.extend_from_slice(settings);
        let mut server = Self::start(&all).expect("an interpreter");
        assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
        server.serve();
        server
    }

    /// Makes this thread core 0.
    pub(crate) fn serve(&mut self) {
        self.core = Some(self.language.remote().start_core(0).expect("core 0"));
    }

    /// Has core 0 measure the wait for the interpreter lock.
    pub(crate) fn measure_lock(&mut self) {
        self.core.as_mut().expect("core 0 serves").measure_lock();
    }

    /// Ends core 0.
    pub(crate) fn stop_serving(&mut self) {
        self.core = None;
    }

    /// Answers one request on core 0.
    pub(crate) fn ask(&mut self, request: Request<'_>) -> Answer {
        request.ask(self.core.as_mut().expect("core 0 serves"))
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(Request::get(path))
    }

    /// The body of `GET path`.
    pub(crate) fn text(&mut self, path: &str) -> String {
        self.get(path).text()
    }
}

/// A request in the making.
pub(crate) struct Request<'a> {
    vars: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
    body_length: Option<u64>,
    feed: Vec<Feed>,
    buffered: Option<Vec<u8>>,
    patience: usize,
}

impl<'a> Request<'a> {
    /// A request without a single variable.
    pub(crate) fn empty() -> Self {
        let (vars, feed, patience) = (Vec::new(), Vec::new(), usize::MAX);
        Self { vars, body: b"", body_length: Some(0), feed, buffered: None, patience }
    }

    pub(crate) fn get(path: &'a str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self::empty()
            .var("REQUEST_METHOD", "GET")
            .var("PATH_INFO", path)
            .var("QUERY_STRING", query)
            .var("SERVER_PROTOCOL", "HTTP/1.1")
            .var("SERVER_NAME", "localhost")
            .var("SERVER_PORT", "80")
            .var("REMOTE_ADDR", "127.0.0.1")
            .var("HTTP_HOST", "localhost")
    }

    /// A POST whose body is here, with its length.
    pub(crate) fn post(path: &'a str, body: &'a [u8]) -> Self {
        let mut this = Self::get(path).var("REQUEST_METHOD", "POST");
        this.body = body;
        this.body_length = Some(body.len() as u64);
        this
    }

    pub(crate) fn var(self, key: &'a str, value: &'a str) -> Self {
        self.raw(key.as_bytes(), value.as_bytes())
    }

    pub(crate) fn raw(mut self, key: &'a [u8], value: &'a [u8]) -> Self {
        self.vars.push((key, value));
        self
    }

    /// Length of the body; `None` for a chunked one.
    pub(crate) fn length(mut self, length: Option<u64>) -> Self {
        self.body_length = length;
        self
    }

    /// A piece that arrives later.
    pub(crate) fn then(mut self, bytes: &[u8]) -> Self {
        self.feed.push(Feed::Bytes(bytes.to_vec()));
        self
    }

    /// How the body breaks off.
    pub(crate) fn then_fails(mut self, error: ReadError) -> Self {
        self.feed.push(Feed::Error(error));
        self
    }

    /// The whole body, buffered by the core.
    pub(crate) fn buffered(mut self, whole: &[u8]) -> Self {
        self.buffered = Some(whole.to_vec());
        self
    }

    /// The client goes away after so many sends.
    pub(crate) fn leaves_after(mut self, sends: usize) -> Self {
        self.patience = sends;
        self
    }

    pub(crate) fn ask(self, core: &mut Core) -> Answer {
        let known = |key: &[u8]| {
            let at = KNOWN.iter().position(|name| name.as_bytes() == key);
            at.and_then(|at| u32::try_from(at).ok()).unwrap_or(UNKNOWN)
        };
        let vars: Vec<Var<'_>> = self.vars.iter().map(|(key, value)| Var::new(key, value, known(key))).collect();
        let mut answer = Answer::new(self.feed);
        answer.buffered = self.buffered;
        answer.patience = self.patience;
        answer.outcome = core.handle(&vars, self.body_length, self.body, &mut answer);
        answer
    }
}
