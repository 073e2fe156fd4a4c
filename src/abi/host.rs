//! The core's side of the border: loads a plugin and hides its function table behind safe methods.
//!
//! Callbacks from the plugin reach the core through two traits: [`Services`] (one per process) and [`Exchange`] (one per
//! request). Panics of either are caught here and become an error code.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString, c_int, c_void};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::types::{self, AppInfo, Host, Outcome, Request, ResponseHead, Setting, Slice, Var};

/// What the core does for a plugin outside of requests.
pub trait Services: Send + Sync + 'static {
    /// Writes one log record, of one line or several; `level` is 0 error, 1 warning, 2 information.
    fn log(&self, level: u32, line: &[u8]);
    /// Takes note of an application that was loaded or failed to load.
    fn app_loaded(&self, app: App<'_>);
    /// Passes a `CONTROL_*` command to the master; `false` when it cannot.
    fn control(&self, command: u32) -> bool;
    /// Answers a `QUERY_*`; -1 when unknown.
    fn query(&self, what: u32) -> i64;
    /// Names this process in `ps` and `top`.
    fn set_title(&self, title: &str);
    /// Gives the request on the calling thread so many seconds from now on; 0 takes that back. `false`: there is none.
    fn set_deadline(&self, seconds: u32) -> bool {
        let _ = seconds;
        false
    }
    /// Sends a message to mules, without waiting.
    ///
    /// # Errors
    /// When there is no such mule, or it cannot be sent; the latter is logged.
    fn send_message(&self, to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
        let _ = (to, message);
        Err(MessageError::Nobody)
    }
    /// Waits for a message to this mule.
    fn receive_message(&self, from: Sources, timeout: Option<Duration>, buffer: &mut [u8]) -> Received {
        let _ = (from, timeout, buffer);
        Received::NotHere
    }
    /// Whether this process is a mule of the farm; of any, when the name is empty.
    fn in_farm(&self, farm: &[u8]) -> bool {
        let _ = farm;
        false
    }
    /// Writes a task for a spooler; returns the path of its file.
    ///
    /// # Errors
    /// When it cannot be written.
    fn spool(&self, vars: &[Var<'_>], body: &[u8]) -> Result<PathBuf, SpoolError> {
        let _ = (vars, body);
        Err(SpoolError::Nowhere)
    }
    /// The directory of tasks with this number, 0 first.
    fn spool_directory(&self, index: u32) -> Option<PathBuf> {
        let _ = index;
        None
    }
    /// A `DOCUMENT_*` about the instance; `None` when it is not known here.
    fn document(&self, what: u32) -> Option<Vec<u8>> {
        let _ = what;
        None
    }
    /// Does something to a lock of the application.
    fn lock(&self, action: LockAction, number: u32) -> Locked {
        let _ = (action, number);
        Locked::NoSuchLock
    }
    /// Sets the pause between looks for tasks, seconds; `false` without spoolers.
    fn set_spooler_frequency(&self, seconds: u32) -> bool {
        let _ = seconds;
        false
    }
    /// Registers the application's signal for `target`; `false` when that is too long.
    fn register_signal(&self, number: u8, target: &[u8]) -> bool {
        let _ = (number, target);
        false
    }
    /// Whether the application's signal is registered.
    fn signal_registered(&self, number: u8) -> bool {
        let _ = number;
        false
    }
    /// Raises the application's signal; `false` when the master cannot be reached from here.
    fn raise_signal(&self, number: u8) -> bool {
        let _ = number;
        false
    }
    /// Has the signal raised by itself; `false` when there is no room.
    fn add_signal_source(&self, number: u8, source: SignalSource<'_>) -> bool {
        let _ = (number, source);
        false
    }
}

/// What raises a signal by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalSource<'a> {
    /// Every so many seconds, so many times (0: for ever).
    Timer(u32, u32),
    /// At set times: minute, hour, day, month, day of the week; -1 is any, -N every N.
    Cron([i8; 5]),
    /// When the file with this path changes.
    File(&'a [u8]),
}

/// What is done to a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockAction {
    /// It is taken, and waited for.
    Take,
    /// It is given back.
    Release,
    /// It is looked at.
    Look,
}

/// What has become of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// Nobody holds it.
    No,
    /// It is held: by the caller, when that was to be.
    Yes,
    /// There is no such lock.
    NoSuchLock,
    /// It is not taken yet, and signals may have come.
    Interrupted,
    /// Locks cannot be used; logged.
    Failed,
}

/// Why a task was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolError {
    /// There is no such spooler, or its priority or time makes no sense; logged.
    Nowhere,
    /// The variables are more than a task can hold.
    TooLarge,
    /// The file cannot be written; logged.
    Failed,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It is to be tried again.
    Again,
    /// The application does not know it.
    Unknown,
}

/// Who is to get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// Any mule.
    Any,
    /// The mule with this number, 1 first.
    Mule(u32),
    /// Any mule of the farm with this name.
    Farm(&'a [u8]),
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageError {
    /// There is no such mule or farm.
    Nobody,
    /// It cannot be sent now.
    Failed,
}

/// Which messages a mule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources {
    /// Those for itself and for any mule.
    pub mule: bool,
    /// Those for its farms.
    pub farms: bool,
    /// Signals of the application are handled meanwhile.
    pub signals: bool,
}

/// What waiting for a message has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message of so many bytes.
    Message(usize),
    /// Nothing in time.
    Timeout,
    /// This process is no mule.
    NotHere,
    /// This process is to leave.
    Leave,
    /// A signal has come.
    Signal,
}

/// An application as reported while loading.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// Number, or `None` when loading failed.
    pub id: Option<u32>,
    /// Takes requests that no mountpoint claims.
    pub is_default: bool,
    /// Time that loading took, microseconds.
    pub micros: u64,
    /// Mountpoint, empty for the root.
    pub mountpoint: &'a [u8],
    /// What was loaded, as the user named it.
    pub name: &'a [u8],
    /// One line on why loading failed; empty otherwise.
    pub error: &'a [u8],
}

/// The core's side of one request. Calls come one at a time, but not always from the thread that called `handle`: an
/// application may read or write in a thread of its own.
pub trait Exchange: Send {
    /// Reads body bytes beyond those handed over with the request; 0 is the end. `wait` bounds the wait in place of the socket
    /// timeout: when nothing has come by then ([`ReadError::Timeout`]), the body can still be read.
    ///
    /// # Errors
    /// When the body cannot be read on.
    fn read_body(&mut self, buffer: &mut [u8], wait: Option<Duration>) -> Result<usize, ReadError>;
    /// Goes to `offset` of a body that was buffered as a whole; `false` when this one was not.
    fn seek_body(&mut self, offset: u64) -> bool;
    /// Sends head (first call only) and data; `last` completes the answer.
    ///
    /// # Errors
    /// When the client cannot take it; later calls are pointless then.
    fn send(&mut self, head: Option<&HeadView<'_>>, data: &[u8], last: bool) -> Result<(), SendError>;
    /// Sends a piece of a file (`None`: up to its end) as the rest of the body and completes the answer.
    ///
    /// # Errors
    /// As for `send`.
    fn send_file(
        &mut self,
        head: Option<&HeadView<'_>>,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
    ) -> Result<(), SendError>;
    /// Takes note of a value for the log line (`uwsgi.set_logvar`); of equal names the last one counts.
    fn set_log_variable(&mut self, name: &[u8], value: &[u8]) {
        let _ = (name, value);
    }

    /// Accepts the websocket that the request offers. `key`, `protocol`: in place of what the client sent, when not empty.
    ///
    /// # Errors
    /// [`NoWebsocket`]: it offers none, or the connection cannot become one. Nothing was sent then.
    fn websocket_accept(&mut self, key: &[u8], protocol: &[u8]) -> Result<(), NoWebsocket> {
        let _ = (key, protocol);
        Err(NoWebsocket)
    }

    /// Receives a message, waiting for it at most so long; `None` when none came.
    ///
    /// # Errors
    /// [`NoWebsocket`]: it is over, or has never begun.
    fn websocket_receive(&mut self, wait: Duration) -> Result<Option<&[u8]>, NoWebsocket> {
        let _ = wait;
        Err(NoWebsocket)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// As for `websocket_receive`.
    fn websocket_send(&mut self, data: &[u8], binary: bool) -> Result<(), NoWebsocket> {
        let _ = (data, binary);
        Err(NoWebsocket)
    }

    /// Closes the websocket in order; nothing without one.
    fn websocket_close(&mut self) {}

    /// The descriptor on which the request came.
    fn connection(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Whether nothing is known of the client's end.
    fn is_connected(&self) -> bool {
        false
    }
}

/// There is no websocket, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoWebsocket;

/// Why body bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// The client went away.
    Gone,
    /// Nothing came within the socket timeout.
    Timeout,
    /// The chunked framing is broken.
    Malformed,
    /// The body is larger than `limit-post`.
    TooLarge,
}

/// Why bytes could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The client went away.
    Gone,
    /// The client took nothing within the socket timeout.
    Timeout,
    /// More body than the announced Content-Length; the surplus was dropped.
    Overflow,
    /// Calls in the wrong order.
    Misuse,
}

/// A response head from the plugin.
#[derive(Debug, Clone, Copy)]
pub struct HeadView<'a> {
    /// Status code.
    pub code: u16,
    /// `HEAD_*` bits.
    pub flags: u16,
    /// Number of header lines.
    pub count: u32,
    /// Code and reason.
    pub status: &'a [u8],
    /// `Name: value\r\n` lines, checked by the plugin.
    pub lines: &'a [u8],
    /// Value of Content-Length.
    pub content_length: Option<u64>,
}

/// Why a plugin could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The dynamic loader refused the file.
    #[error("unable to load plugin {}", path.display())]
    Open {
        /// The file.
        path: OsString,
        /// What the loader said.
        source: libloading::Error,
    },
    /// The file is a library, but no plugin of rsgi.
    #[error("{} is not an rsgi plugin: it has no symbol {}", path.display(), types::ENTRY)]
    NoEntry {
        /// The file.
        path: OsString,
    },
    /// The plugin was built for another version of the border.
    #[error("{} speaks plugin border version {theirs}, this rsgi speaks version {}: build both from one release", path.display(), types::ABI)]
    Version {
        /// The file.
        path: OsString,
        /// The plugin's version.
        theirs: u32,
    },
    /// The plugin has fewer functions than this release calls.
    #[error("{} was built from an older release of rsgi: build it again, with rsgi --build-plugin", path.display())]
    Older {
        /// The file.
        path: OsString,
    },
}

/// A loaded language plugin, seen from the process's main thread.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    table: &'static types::Plugin,
    main_thread: PhantomData<*const ()>,
}

/// The part of a plugin that any thread may use.
#[derive(Debug, Clone, Copy)]
pub struct Remote {
    table: &'static types::Plugin,
}

impl std::fmt::Debug for types::Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("abi", &self.abi).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Loads a library, its symbols global.
fn open(path: &OsStr) -> Result<Library, LoadError> {
    // SAFETY: loading runs the library's constructors; the operator named or installed this file to be run.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|source| LoadError::Open { path: path.to_owned(), source })
}

impl Language {
    /// Loads the plugin in `path` for the rest of the process's life, its symbols global.
    ///
    /// # Errors
    /// When the file cannot be loaded, is no plugin, or was built for another border.
    pub fn load(path: &OsStr) -> Result<Self, LoadError> {
        let library = open(path)?;
        // SAFETY: the symbol, when present, is declared with this type by every version of the border.
        let entry = unsafe { library.get::<types::Entry>(types::ENTRY) }
            .map_err(|_| LoadError::NoEntry { path: path.to_owned() })?;
        // SAFETY: the entry function takes nothing and returns a table that lives for ever.
        let table = unsafe { entry().as_ref() }.ok_or_else(|| LoadError::NoEntry { path: path.to_owned() })?;
        std::mem::forget(library);
        Self::check(table, path)
    }

    /// Loads the library of an interpreter for the rest of the process's life, for a plugin that is not linked to it.
    ///
    /// # Errors
    /// When it is not there or cannot be loaded.
    pub fn load_library(path: &OsStr) -> Result<(), LoadError> {
        open(path).map(std::mem::forget)
    }

    /// Uses a plugin that is part of this binary.
    ///
    /// # Errors
    /// When it was built for another border.
    pub fn embedded(table: &'static types::Plugin) -> Result<Self, LoadError> {
        Self::check(table, OsStr::new("the embedded plugin"))
    }

    fn check(table: &'static types::Plugin, path: &OsStr) -> Result<Self, LoadError> {
        if table.abi != types::ABI {
            return Err(LoadError::Version { path: path.to_owned(), theirs: table.abi });
        }
        if (table.size as usize) < size_of::<types::Plugin>() {
            return Err(LoadError::Older { path: path.to_owned() });
        }
        Ok(Self { table, main_thread: PhantomData })
    }

    /// Name of the language.
    #[must_use]
    pub fn name(self) -> String {
        // SAFETY: valid for ever by the field's contract.
        String::from_utf8_lossy(unsafe { self.table.name.bytes() }).into_owned()
    }

    /// Version of the language, for people.
    #[must_use]
    pub fn version(self) -> String {
        // SAFETY: valid for ever by the field's contract.
        String::from_utf8_lossy(unsafe { self.table.version.bytes() }).into_owned()
    }

    /// Starts the interpreter; this thread becomes its main thread. Call once per process, before anything else.
    ///
    /// # Errors
    /// The process exit code that fits the failure, after the plugin has logged the reason.
    pub fn init(
        self,
        services: &'static dyn Services,
        known: &[&'static str],
        settings: &[(String, String)],
    ) -> Result<(), i32> {
        SERVICES.get_or_init(|| services);
        let names: Vec<Slice> = known.iter().map(|name| Slice::new(name.as_bytes())).collect();
        let names: &'static [Slice] = names.leak();
        let host: &'static Host = Box::leak(Box::new(host_table(names)));
        let settings: Vec<Setting<'static>> = settings
            .iter()
            .map(|(key, value)| {
                let (key, value): (&'static str, &'static str) = (key.clone().leak(), value.clone().leak());
                Setting::new(key.as_bytes(), value.as_bytes(), types::UNKNOWN)
            })
            .collect();
        let settings = settings.leak();
        // SAFETY: table and settings live for ever (leaked once per process, by design of the border).
        match unsafe { (self.table.init)(host, settings.as_ptr(), settings.len()) } {
            0 => Ok(()),
            code => Err(code),
        }
    }

    /// Loads the applications.
    ///
    /// # Errors
    /// The plugin's negative number when loading must not go on.
    pub fn load_apps(self) -> Result<u32, i32> {
        // SAFETY: `init` came first: `Language` is only handed on by code that called it.
        let loaded = unsafe { (self.table.load_apps)() };
        u32::try_from(loaded).map_err(|_| loaded)
    }

    /// The directories and files that language and application are read from.
    #[must_use]
    pub fn places(self) -> Vec<PathBuf> {
        let mut text = vec![0; 16 << 10];
        loop {
            // SAFETY: main thread by type, and `init` came first; the room is ours.
            let len = unsafe { (self.table.places)(text.as_mut_ptr(), text.len()) };
            if let Some(text) = text.get(..len) {
                let paths = text.split(|&byte| byte == 0).filter(|path| !path.is_empty());
                return paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
            }
            text.resize(len, 0);
        }
    }

    /// Runs `fork` between the plugin's fork hooks. It returns `true` in the child, which then is worker `worker`.
    pub fn around_fork<T>(self, worker: u32, fork: impl FnOnce() -> T, is_child: impl FnOnce(&T) -> bool) -> T {
        // SAFETY: main thread (the type is neither Send nor Sync); the pair of hooks is completed below on every path.
        unsafe { (self.table.before_fork)() };
        let forked = fork();
        if is_child(&forked) {
            // SAFETY: in the child, once.
            unsafe { (self.table.after_fork_child)(worker) };
        } else {
            // SAFETY: in the parent, once.
            unsafe { (self.table.after_fork_parent)() };
        }
        forked
    }

    /// Runs signal handlers of the application. Call when a wait was interrupted.
    pub fn check_signals(self) {
        // SAFETY: main thread by type.
        unsafe { (self.table.check_signals)() };
    }

    /// Ends the interpreter.
    pub fn shutdown(self, grace_ms: u32) {
        // SAFETY: main thread by type; callers end the process afterwards.
        unsafe { (self.table.shutdown)(grace_ms) };
    }

    /// Lives as a mule, in a process that has become one; returns the exit code.
    pub fn mule(self, program: &str) -> i32 {
        // SAFETY: main thread by type; the program's name lives during the call.
        unsafe { (self.table.mule)(Slice::new(program.as_bytes())) }
    }

    /// Prepares a process that has become a spooler.
    pub fn spooler(self) {
        // SAFETY: main thread by type.
        unsafe { (self.table.spooler)() };
    }

    /// Runs one task.
    pub fn run_task(self, name: &[u8], vars: &[Var<'_>], body: &[u8]) -> Verdict {
        let list = vars.as_ptr().cast::<Var<'static>>();
        // SAFETY: main thread by type; everything lives during the call.
        match unsafe { (self.table.run_task)(Slice::new(name), list, vars.len(), Slice::new(body)) } {
            types::TASK_DONE => Verdict::Done,
            types::TASK_UNKNOWN => Verdict::Unknown,
            _ => Verdict::Again,
        }
    }

    /// The part that other threads may use.
    #[must_use]
    pub const fn remote(self) -> Remote {
        Remote { table: self.table }
    }
}

impl Remote {
    /// Makes the calling thread the server of core `core`.
    #[must_use]
    pub fn start_core(self, core: u32) -> Option<Core> {
        // SAFETY: called once per thread by the engine; core 0 on the main thread.
        let ready = unsafe { (self.table.core_start)(core) } == 0;
        ready.then_some(Core { table: self.table, core, flags: 0, thread: PhantomData })
    }

    /// Writes the stacks of all threads to `fd`.
    pub fn dump_traceback(self, fd: BorrowedFd<'_>) {
        // SAFETY: callable from any thread at any moment by its contract.
        unsafe { (self.table.dump_traceback)(fd.as_raw_fd()) };
    }

    /// Writes where the calling thread is in the application: `FILE:LINE FUNCTION`, without lock or allocation. One thread
    /// of a process at a time. Returns the length, 0: nowhere.
    pub fn locate(self, text: &mut [u8]) -> usize {
        // SAFETY: callable from any thread at any moment by its contract; the room is ours.
        let len = unsafe { (self.table.locate)(text.as_mut_ptr(), text.len()) };
        len.min(text.len())
    }

    /// Runs the handler of the application's signal on this thread, which is in no request; `false` when it has failed.
    pub fn signal(self, number: u8) -> bool {
        // SAFETY: callable from any thread by its contract.
        (unsafe { (self.table.signal)(number.into()) }) == 0
    }

    /// Raises the deadline exception in the thread of `core`.
    #[must_use]
    pub fn interrupt(self, core: u32) -> bool {
        // SAFETY: callable from any thread by its contract.
        (unsafe { (self.table.interrupt)(core) }) == 0
    }
}

/// A serving thread's access to the plugin; tied to that thread.
#[derive(Debug)]
pub struct Core {
    table: &'static types::Plugin,
    core: u32,
    /// `REQUEST_*` bits of each request.
    flags: u32,
    thread: PhantomData<*const ()>,
}

impl Core {
    /// Runs the handler of the application's signal, between two requests; `false` when it has failed.
    pub fn signal(&self, number: u8) -> bool {
        Remote { table: self.table }.signal(number)
    }

    /// Has the wait of each request for the interpreter lock measured, from now on.
    pub const fn measure_lock(&mut self) {
        self.flags |= types::REQUEST_TIMED;
    }

    /// Answers one request. `body` are its first bytes; `body_length` is `None` for a chunked body.
    pub fn handle<E: Exchange>(
        &mut self,
        vars: &[Var<'_>],
        body_length: Option<u64>,
        body: &[u8],
        exchange: &mut E,
    ) -> Outcome {
        let mut exchange: &mut dyn Exchange = exchange;
        let request = Request {
            size: size_of::<Request>() as u32,
            flags: self.flags,
            context: std::ptr::from_mut(&mut exchange).cast::<c_void>(),
            vars: vars.as_ptr().cast::<Var<'static>>(),
            vars_len: vars.len(),
            body_length: body_length.map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX)),
            body: Slice::new(body),
        };
        let mut outcome = Outcome::NONE;
        // SAFETY: this is the thread of `core_start` (not Send); request and context outlive the call.
        unsafe { (self.table.handle)(self.core, &raw const request, &raw mut outcome) };
        outcome
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // SAFETY: same thread as `core_start`.
        unsafe { (self.table.core_stop)(self.core) };
    }
}

static SERVICES: OnceLock<&'static dyn Services> = OnceLock::new();

pub(crate) fn host_table(names: &'static [Slice]) -> Host {
    Host {
        abi: types::ABI,
        size: size_of::<Host>() as u32,
        known_names: names.as_ptr(),
        known_names_len: names.len(),
        log,
        app_loaded,
        read_body,
        seek_body,
        send,
        send_file,
        control,
        query,
        set_log_variable,
        set_title,
        set_deadline,
        send_message,
        receive_message,
        in_farm,
        websocket_accept,
        websocket_receive,
        websocket_send,
        websocket_close,
        connection_fd,
        is_connected,
        spool,
        spool_directory,
        set_spooler_frequency,
        outcome_size: size_of::<Outcome>() as u32,
        register_signal,
        signal_registered,
        raise_signal,
        add_timer,
        add_cron,
        add_file_monitor,
        document,
        lock,
        read_body_within,
    }
}

/// The one place where a panic of the core's callbacks is stopped before it reaches foreign frames.
fn guarded<T>(on_panic: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(on_panic)
}

unsafe extern "C" fn log(level: u32, line: Slice) {
    guarded((), || {
        if let Some(services) = SERVICES.get() {
            // SAFETY: the plugin keeps the line alive during this call.
            services.log(level, unsafe { line.bytes() });
        }
    });
}

unsafe extern "C" fn app_loaded(info: *const AppInfo) {
    guarded((), || {
        // SAFETY: the plugin passes a complete AppInfo whose slices live during this call.
        let (Some(services), Some(info)) = (SERVICES.get(), unsafe { info.as_ref() }) else { return };
        // SAFETY: as above.
        let (mountpoint, name, error) = unsafe { (info.mountpoint.bytes(), info.name.bytes(), info.error.bytes()) };
        let id = u32::try_from(info.id).ok();
        services.app_loaded(App { id, is_default: info.is_default != 0, micros: info.micros, mountpoint, name, error });
    });
}

unsafe extern "C" fn control(command: u32) -> c_int {
    guarded(-1, || SERVICES.get().map_or(-1, |services| if services.control(command) { 0 } else { -1 }))
}

unsafe extern "C" fn query(what: u32) -> i64 {
    guarded(-1, || SERVICES.get().map_or(-1, |services| services.query(what)))
}

unsafe extern "C" fn set_deadline(seconds: u32) -> c_int {
    guarded(-1, || SERVICES.get().map_or(-1, |services| if services.set_deadline(seconds) { 0 } else { -1 }))
}

unsafe extern "C" fn send_message(to: u32, number: u32, farm: Slice, message: Slice) -> c_int {
    guarded(-2, || {
        let Some(services) = SERVICES.get() else { return -2 };
        // SAFETY: the plugin keeps both alive during this call.
        let (farm, message) = unsafe { (farm.bytes(), message.bytes()) };
        let to = match to {
            types::TO_MULE => Recipient::Mule(number),
            types::TO_FARM => Recipient::Farm(farm),
            _ => Recipient::Any,
        };
        match services.send_message(to, message) {
            Ok(()) => 0,
            Err(MessageError::Nobody) => -1,
            Err(MessageError::Failed) => -2,
        }
    })
}

unsafe extern "C" fn receive_message(from: u32, timeout_ms: i64, buffer: *mut u8, len: usize) -> isize {
    guarded(types::RECEIVE_TIMEOUT, || {
        let Some(services) = SERVICES.get() else { return types::RECEIVE_NOT_HERE };
        let buffer = match len {
            0 => &mut [][..],
            // SAFETY: the plugin passes writable, initialised memory of `len` bytes.
            len => unsafe { std::slice::from_raw_parts_mut(buffer, len) },
        };
        let signals = from & types::FROM_SIGNALS != 0;
        let from = Sources { mule: from & types::FROM_MULE != 0, farms: from & types::FROM_FARMS != 0, signals };
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        match services.receive_message(from, timeout, buffer) {
            Received::Message(count) => isize::try_from(count).unwrap_or(isize::MAX),
            Received::Timeout => types::RECEIVE_TIMEOUT,
            Received::NotHere => types::RECEIVE_NOT_HERE,
            Received::Leave => types::RECEIVE_LEAVE,
            Received::Signal => types::RECEIVE_SIGNAL,
        }
    })
}

unsafe extern "C" fn in_farm(farm: Slice) -> c_int {
    guarded(0, || {
        // SAFETY: the plugin keeps the name alive during this call.
        SERVICES.get().map_or(0, |services| c_int::from(services.in_farm(unsafe { farm.bytes() })))
    })
}

/// Fills in a text, as far as there is room; the bytes written.
///
/// # Safety
/// `room` bytes may be written at `place`.
unsafe fn fill(text: &[u8], place: *mut u8, room: usize) -> isize {
    let len = text.len().min(room);
    // SAFETY: `len` is within both, and memory of the plugin does not overlap ours.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), place, len) };
    isize::try_from(len).unwrap_or(isize::MAX)
}

unsafe extern "C" fn lock(action: u32, number: u32) -> c_int {
    guarded(types::LOCKED_FAILED, || {
        let action = match action {
            types::LOCK_TAKE => LockAction::Take,
            types::LOCK_RELEASE => LockAction::Release,
            _ => LockAction::Look,
        };
        match SERVICES.get().map_or(Locked::NoSuchLock, |services| services.lock(action, number)) {
            Locked::No => types::LOCKED_NO,
            Locked::Yes => types::LOCKED_YES,
            Locked::NoSuchLock => types::LOCKED_NONE,
            Locked::Interrupted => types::LOCKED_INTERRUPTED,
            Locked::Failed => types::LOCKED_FAILED,
        }
    })
}

unsafe extern "C" fn document(what: u32, text: *mut u8, room: usize) -> isize {
    guarded(-1, || {
        let Some(document) = SERVICES.get().and_then(|services| services.document(what)) else { return -1 };
        // SAFETY: the plugin passes room for that many bytes.
        unsafe { fill(&document, text, room) };
        isize::try_from(document.len()).unwrap_or(-1)
    })
}

unsafe extern "C" fn spool(vars: *const Var<'static>, len: usize, body: Slice, path: *mut u8, room: usize) -> isize {
    guarded(types::SPOOL_FAILED, || {
        let Some(services) = SERVICES.get() else { return types::SPOOL_NOWHERE };
        let vars = match len {
            0 => &[][..],
            // SAFETY: the plugin passes that many variables, which live during this call.
            len => unsafe { std::slice::from_raw_parts(vars, len) },
        };
        // SAFETY: the body lives during this call.
        match services.spool(vars, unsafe { body.bytes() }) {
            // SAFETY: the plugin passes room for that many bytes.
            Ok(written) => unsafe { fill(written.as_os_str().as_bytes(), path, room) },
            Err(SpoolError::Nowhere) => types::SPOOL_NOWHERE,
            Err(SpoolError::TooLarge) => types::SPOOL_TOO_LARGE,
            Err(SpoolError::Failed) => types::SPOOL_FAILED,
        }
    })
}

unsafe extern "C" fn spool_directory(index: u32, path: *mut u8, room: usize) -> isize {
    guarded(-1, || {
        let directory = SERVICES.get().and_then(|services| services.spool_directory(index));
        // SAFETY: the plugin passes room for that many bytes.
        directory.map_or(-1, |directory| unsafe { fill(directory.as_os_str().as_bytes(), path, room) })
    })
}

unsafe extern "C" fn set_spooler_frequency(seconds: u32) -> c_int {
    guarded(-1, || SERVICES.get().map_or(-1, |services| if services.set_spooler_frequency(seconds) { 0 } else { -1 }))
}

unsafe extern "C" fn set_title(title: Slice) {
    guarded((), || {
        if let Some(services) = SERVICES.get() {
            // SAFETY: the plugin keeps the title alive during this call.
            services.set_title(&String::from_utf8_lossy(unsafe { title.bytes() }));
        }
    });
}

/// The exchange behind a context pointer.
///
/// # Safety
/// `context` is the one handed out by [`Core::handle`], which has not returned yet.
unsafe fn exchange<'a>(context: *mut c_void) -> &'a mut dyn Exchange {
    // SAFETY: `handle` made the pointer from a `&mut &mut dyn Exchange` and waits in the plugin meanwhile.
    unsafe { &mut **context.cast::<&mut dyn Exchange>() }
}

unsafe extern "C" fn read_body(context: *mut c_void, buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the caller keeps what both functions ask of it.
    unsafe { read_into(context, buffer, len, None) }
}

unsafe extern "C" fn read_body_within(context: *mut c_void, buffer: *mut u8, len: usize, wait: u32) -> isize {
    // SAFETY: the caller keeps what both functions ask of it.
    unsafe { read_into(context, buffer, len, Some(Duration::from_millis(wait.into()))) }
}

/// # Safety
/// Within `handle`; `buffer` is writable and initialised for `len` bytes.
unsafe fn read_into(context: *mut c_void, buffer: *mut u8, len: usize, wait: Option<Duration>) -> isize {
    guarded(types::READ_GONE, || {
        if len == 0 {
            return 0;
        }
        // SAFETY: the plugin passes writable, initialised memory of `len` bytes.
        let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, len) };
        // SAFETY: called within `handle`.
        match unsafe { exchange(context) }.read_body(buffer, wait) {
            Ok(count) => isize::try_from(count).unwrap_or(isize::MAX),
            Err(ReadError::Gone) => types::READ_GONE,
            Err(ReadError::Timeout) => types::READ_TIMEOUT,
            Err(ReadError::Malformed) => types::READ_MALFORMED,
            Err(ReadError::TooLarge) => types::READ_TOO_LARGE,
        }
    })
}

unsafe extern "C" fn seek_body(context: *mut c_void, offset: u64) -> c_int {
    // SAFETY: called within `handle`.
    guarded(-1, || if unsafe { exchange(context) }.seek_body(offset) { 0 } else { -1 })
}

/// # Safety
/// `head` is null or a complete head whose slices live during the call.
unsafe fn head_view<'a>(head: *const ResponseHead) -> Option<HeadView<'a>> {
    // SAFETY: by this function's contract.
    let head = unsafe { head.as_ref() }?;
    // SAFETY: as above.
    let (status, lines) = unsafe { (head.status.bytes(), head.lines.bytes()) };
    let content_length = u64::try_from(head.content_length).ok();
    Some(HeadView { code: head.code, flags: head.flags, count: head.count, status, lines, content_length })
}

const fn send_code(result: Result<(), SendError>) -> c_int {
    match result {
        Ok(()) => types::SEND_OK,
        Err(SendError::Gone) => types::SEND_GONE,
        Err(SendError::Timeout) => types::SEND_TIMEOUT,
        Err(SendError::Overflow) => types::SEND_OVERFLOW,
        Err(SendError::Misuse) => types::SEND_MISUSE,
    }
}

unsafe extern "C" fn send(context: *mut c_void, head: *const ResponseHead, data: Slice, last: u32) -> c_int {
    guarded(types::SEND_GONE, || {
        // SAFETY: called within `handle`; head and data live during the call.
        let (exchange, head, data) = unsafe { (exchange(context), head_view(head), data.bytes()) };
        send_code(exchange.send(head.as_ref(), data, last != 0))
    })
}

unsafe extern "C" fn send_file(
    context: *mut c_void,
    head: *const ResponseHead,
    fd: c_int,
    offset: u64,
    len: u64,
) -> c_int {
    guarded(types::SEND_GONE, || {
        if fd < 0 {
            return types::SEND_MISUSE;
        }
        // SAFETY: called within `handle`; the head lives and the descriptor stays open during the call.
        let (exchange, head, file) = unsafe { (exchange(context), head_view(head), BorrowedFd::borrow_raw(fd)) };
        send_code(exchange.send_file(head.as_ref(), file, offset, (len != u64::MAX).then_some(len)))
    })
}

unsafe extern "C" fn set_log_variable(context: *mut c_void, name: Slice, value: Slice) {
    guarded((), || {
        // SAFETY: called within `handle`; both slices live during the call.
        let (exchange, name, value) = unsafe { (exchange(context), name.bytes(), value.bytes()) };
        exchange.set_log_variable(name, value);
    });
}

unsafe extern "C" fn websocket_accept(context: *mut c_void, key: Slice, protocol: Slice) -> c_int {
    guarded(-1, || {
        // SAFETY: called within `handle`; the slices live during the call.
        let (exchange, key, protocol) = unsafe { (exchange(context), key.bytes(), protocol.bytes()) };
        if exchange.websocket_accept(key, protocol).is_ok() { 0 } else { -1 }
    })
}

unsafe extern "C" fn websocket_receive(context: *mut c_void, wait: u32, message: *mut Slice) -> c_int {
    guarded(-1, || {
        // SAFETY: called within `handle`; the plugin passes room for one slice.
        let (exchange, message) = unsafe { (exchange(context), message.as_mut()) };
        match exchange.websocket_receive(Duration::from_millis(u64::from(wait))) {
            Ok(Some(bytes)) => {
                if let Some(message) = message {
                    *message = Slice::new(bytes);
                }
                1
            }
            Ok(None) => 0,
            Err(NoWebsocket) => -1,
        }
    })
}

unsafe extern "C" fn websocket_send(context: *mut c_void, data: Slice, binary: u32) -> c_int {
    guarded(-1, || {
        // SAFETY: called within `handle`; the data lives during the call.
        let (exchange, data) = unsafe { (exchange(context), data.bytes()) };
        if exchange.websocket_send(data, binary != 0).is_ok() { 0 } else { -1 }
    })
}

unsafe extern "C" fn websocket_close(context: *mut c_void) {
    // SAFETY: called within `handle`.
    guarded((), || unsafe { exchange(context) }.websocket_close());
}

unsafe extern "C" fn connection_fd(context: *mut c_void) -> c_int {
    // SAFETY: called within `handle`.
    guarded(-1, || unsafe { exchange(context) }.connection().map_or(-1, |fd| fd.as_raw_fd()))
}

unsafe extern "C" fn is_connected(context: *mut c_void) -> c_int {
    // SAFETY: called within `handle`.
    guarded(0, || c_int::from(unsafe { exchange(context) }.is_connected()))
}

/// What `yes` says of a signal's number.
fn with_signal(number: u32, yes: impl FnOnce(&dyn Services, u8) -> bool) -> bool {
    let services = SERVICES.get().zip(u8::try_from(number).ok());
    guarded(false, || services.is_some_and(|(services, number)| yes(*services, number)))
}

const fn code(is_done: bool) -> c_int {
    if is_done { 0 } else { -1 }
}

unsafe extern "C" fn register_signal(number: u32, target: Slice) -> c_int {
    // SAFETY: the plugin keeps the target alive during this call.
    code(with_signal(number, |services, number| services.register_signal(number, unsafe { target.bytes() })))
}

unsafe extern "C" fn signal_registered(number: u32) -> c_int {
    c_int::from(with_signal(number, |services, number| services.signal_registered(number)))
}

unsafe extern "C" fn raise_signal(number: u32) -> c_int {
    code(with_signal(number, |services, number| services.raise_signal(number)))
}

unsafe extern "C" fn add_timer(number: u32, seconds: u32, times: u32) -> c_int {
    let source = SignalSource::Timer(seconds, times);
    code(with_signal(number, |services, number| services.add_signal_source(number, source)))
}

unsafe extern "C" fn add_cron(number: u32, times: *const i8) -> c_int {
    // SAFETY: the plugin passes five numbers.
    let Some(times) = (unsafe { times.cast::<[i8; 5]>().as_ref() }) else { return -1 };
    code(with_signal(number, |services, number| services.add_signal_source(number, SignalSource::Cron(*times))))
}

unsafe extern "C" fn add_file_monitor(number: u32, path: Slice) -> c_int {
    // SAFETY: the plugin keeps the path alive during this call.
    let source = SignalSource::File(unsafe { path.bytes() });
    code(with_signal(number, |services, number| services.add_signal_source(number, source)))
}
