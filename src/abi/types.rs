//! The tables that cross the border. Everything is `repr(C)`; strings are pointer + length, never NUL-terminated.
//!
//! Rules: `abi` and `size` are the first fields of both tables for ever; new fields are appended, and a reader looks at
//! `size` before it touches one; who allocates frees; no unwinding crosses (each side catches its own panics).

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

/// Version of the border. Raised only when an existing field changes its meaning.
pub const ABI: u32 = 1;

/// Name of the one exported symbol: `extern "C" fn() -> *const Plugin`.
pub const ENTRY: &str = "rsgi_plugin";

/// Type of the function behind [`ENTRY`].
pub type Entry = unsafe extern "C" fn() -> *const Plugin;

/// Bytes owned by somebody else, valid as long as the call they came with (or for ever, where a field says so).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// First byte; may dangle when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl Slice {
    /// The empty slice.
    pub const EMPTY: Self = Self { ptr: std::ptr::NonNull::dangling().as_ptr(), len: 0 };

    /// Points at `bytes`; the caller keeps them alive for as long as the receiver may look.
    #[must_use]
    pub const fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// `ptr` and `len` must describe initialised memory that stays unchanged for `'a`.
    #[allow(unsafe_code)]
    #[must_use]
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller vouches for the memory; zero length was handled above, so `ptr` is not dangling.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// `Var::known` of a key that is not in [`Host::known_names`].
pub const UNKNOWN: u32 = u32::MAX;

/// One CGI variable of a request, borrowed for `'a`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Var<'a> {
    pub(crate) key: Slice,
    pub(crate) value: Slice,
    pub(crate) known: u32,
    borrow: PhantomData<&'a [u8]>,
}

impl<'a> Var<'a> {
    /// A variable; `known` is the key's index in the host's known names, or [`UNKNOWN`].
    #[must_use]
    pub const fn new(key: &'a [u8], value: &'a [u8], known: u32) -> Self {
        Self { key: Slice::new(key), value: Slice::new(value), known, borrow: PhantomData }
    }
}

#[allow(unsafe_code)]
// SAFETY: a variable is two `&'a [u8]` and a number.
unsafe impl Send for Var<'_> {}
#[allow(unsafe_code)]
// SAFETY: as above.
unsafe impl Sync for Var<'_> {}

/// One setting for the plugin: an option of the configuration as the user wrote it, in order, repeats included.
pub type Setting<'a> = Var<'a>;

/// What a plugin offers. All functions but `dump_traceback` and `locate` are called from threads of the core only.
///
/// Order of life: `init` → `load_apps` (here, or after the fork when loading is lazy) → (`before_fork`, `fork`,
/// `after_fork_parent` | `after_fork_child`)* → per serving thread `core_start`, `handle`*, `core_stop` → `shutdown`.
/// Between calls the plugin holds no interpreter lock, so that threads of the application run.
#[repr(C)]
pub struct Plugin {
    /// [`ABI`].
    pub abi: u32,
    /// `size_of::<Plugin>()` of the plugin's build.
    pub size: u32,
    /// Language and name, e.g. `python`. Valid for ever.
    pub name: Slice,
    /// Version of the language for people, e.g. `3.12.1 (main, …)`. Valid for ever.
    pub version: Slice,
    /// Starts the interpreter on this thread, which becomes its main thread. 0, or a process exit code after the reason
    /// has been logged through the host.
    pub init: unsafe extern "C" fn(*const Host, *const Setting<'static>, usize) -> c_int,
    /// Loads every application that the settings name, reporting each through [`Host::app_loaded`]. Returns how many
    /// serve now (0 is not an error here: the core decides), or a negative number when loading must not go on.
    pub load_apps: unsafe extern "C" fn() -> c_int,
    /// Called before each fork, on the main thread; the interpreter lock is held until one of the next two.
    pub before_fork: unsafe extern "C" fn(),
    /// In the parent, after a fork that succeeded or failed.
    pub after_fork_parent: unsafe extern "C" fn(),
    /// In the child: the number of the worker (1…) that it is now.
    pub after_fork_child: unsafe extern "C" fn(worker: u32),
    /// Prepares the calling thread to serve as core `core` (0…). Core 0 is the main thread; the others need a stack of
    /// 8 MiB, as the C library gives it to threads: interpreters bound their recursion by that. 0 when ready.
    pub core_start: unsafe extern "C" fn(core: u32) -> c_int,
    /// Undoes `core_start` on the same thread.
    pub core_stop: unsafe extern "C" fn(core: u32),
    /// Answers one request on the thread of `core`.
    pub handle: unsafe extern "C" fn(core: u32, request: *const Request, outcome: *mut Outcome),
    /// Runs signal handlers the application has set. Main thread only, after a wait was interrupted.
    pub check_signals: unsafe extern "C" fn(),
    /// Writes the stacks of all threads to a descriptor. Takes no lock and allocates nothing: any thread, any moment.
    pub dump_traceback: unsafe extern "C" fn(fd: c_int),
    /// Raises the language's "deadline passed" exception in the thread of `core`. 0 when it was delivered.
    pub interrupt: unsafe extern "C" fn(core: u32) -> c_int,
    /// Ends the interpreter in this process: joins non-daemon threads for at most `grace_ms`, runs exit handlers,
    /// flushes buffers. Main thread only; nothing is called afterwards.
    pub shutdown: unsafe extern "C" fn(grace_ms: u32),
    /// In a forked process that is a mule, on the main thread: runs `program` (a file or `module:function`, as the user
    /// wrote it), or, when it is empty, handles messages until [`RECEIVE_LEAVE`]. Returns the exit code.
    pub mule: unsafe extern "C" fn(program: Slice) -> c_int,
    /// In a forked process that is a spooler, on the main thread: imports what settings name for spoolers.
    pub spooler: unsafe extern "C" fn(),
    /// Runs one task on the main thread of a spooler. Returns what the application has: [`TASK_DONE`], [`TASK_AGAIN`] or
    /// [`TASK_UNKNOWN`].
    pub run_task: unsafe extern "C" fn(name: Slice, vars: *const Var<'static>, len: usize, body: Slice) -> c_int,
    /// Writes where the calling thread is in the application, as `FILE:LINE FUNCTION`, and returns the length; 0 when it is
    /// nowhere. The end of a text that is too long for the room is what remains. Takes no lock and allocates nothing: it is
    /// called in the handler of a signal. One thread of a process at a time.
    pub locate: unsafe extern "C" fn(text: *mut u8, room: usize) -> usize,
    /// Runs the handler of the application's signal `number` on the calling thread, which is in no request. What leaves it is
    /// logged. 0, or -1 when it has failed or there is none.
    pub signal: unsafe extern "C" fn(number: u32) -> c_int,
    /// Writes the directories and files that language and application are read from, absolute, each with a NUL behind it, and
    /// returns the length of them all; nothing is written when there is no room for that. After `init`, on the main thread.
    pub places: unsafe extern "C" fn(text: *mut u8, room: usize) -> usize,
}

/// Level of a record about a defect of the plugin itself, its place in the second line: the core counts it, and gives it an identifier.
pub const LEVEL_PANIC: u32 = 3;

/// What the core offers to a plugin. The pointer given to `init` stays valid for ever.
#[repr(C)]
pub struct Host {
    /// [`ABI`].
    pub abi: u32,
    /// `size_of::<Host>()` of the core's build.
    pub size: u32,
    /// Keys a request's variables usually have; `Var::known` indexes this. Valid for ever.
    pub known_names: *const Slice,
    /// Length of `known_names`.
    pub known_names_len: usize,
    /// Writes one log record: a line, or lines that belong together (without the last newline). `level`: 0 error, 1 warning, 2 information,
    /// or [`LEVEL_PANIC`].
    pub log: unsafe extern "C" fn(level: u32, line: Slice),
    /// Reports an application that was loaded, or failed to.
    pub app_loaded: unsafe extern "C" fn(*const AppInfo),
    /// Reads body bytes that `Request::body` did not hold, waiting for them. Returns a count (0: the end), or a
    /// `READ_*` error. Call it without the interpreter lock.
    pub read_body: unsafe extern "C" fn(context: *mut c_void, buffer: *mut u8, len: usize) -> isize,
    /// Goes back to `offset` of a body that was buffered as a whole. 0, or -1 when this body cannot.
    pub seek_body: unsafe extern "C" fn(context: *mut c_void, offset: u64) -> c_int,
    /// Sends the head (first call only, null afterwards) and body bytes; `last` = 1 completes the answer. Returns 0 or a
    /// `SEND_*` code. Call it without the interpreter lock.
    pub send: unsafe extern "C" fn(context: *mut c_void, head: *const ResponseHead, data: Slice, last: u32) -> c_int,
    /// Sends `len` bytes (or, with `u64::MAX`, all there is) of `fd` from `offset` as the rest of the body and completes
    /// the answer. Head and result as in `send`.
    pub send_file: unsafe extern "C" fn(
        context: *mut c_void,
        head: *const ResponseHead,
        fd: c_int,
        offset: u64,
        len: u64,
    ) -> c_int,
    /// Asks the master for something: one of `CONTROL_*`. 0 when the request was passed on.
    pub control: unsafe extern "C" fn(command: u32) -> c_int,
    /// A number about this server: one of `QUERY_*`; -1 when it is not known here.
    pub query: unsafe extern "C" fn(what: u32) -> i64,
    /// Gives the request a value for its log line (`%(name)` of `log-format`). Of equal names the last one counts.
    pub set_log_variable: unsafe extern "C" fn(context: *mut c_void, name: Slice, value: Slice),
    /// Names this process in `ps` and `top`.
    pub set_title: unsafe extern "C" fn(title: Slice),
    /// Gives the request on the calling thread so many seconds from now on (0: takes that back). 0, or -1 when this thread
    /// serves none.
    pub set_deadline: unsafe extern "C" fn(seconds: u32) -> c_int,
    /// Sends a message to mules. `to` is one of `TO_*`; with [`TO_MULE`] `number` tells which one (1…), with [`TO_FARM`]
    /// `farm` is its name. 0, or -1 when there is no such mule or farm, or -2 when it could not be sent (the reason has
    /// been logged). Never waits.
    pub send_message: unsafe extern "C" fn(to: u32, number: u32, farm: Slice, message: Slice) -> c_int,
    /// Waits for a message to this mule; `from` is a sum of `FROM_*`, `timeout_ms` is negative for ever. Returns its
    /// length (what does not fit into the buffer is lost), or a `RECEIVE_*` code. The message before it counts as done.
    /// Call it without the interpreter lock.
    pub receive_message: unsafe extern "C" fn(from: u32, timeout_ms: i64, buffer: *mut u8, len: usize) -> isize,
    /// Whether this process is a mule of the farm: 1, or 0. An empty name asks for any farm.
    pub in_farm: unsafe extern "C" fn(farm: Slice) -> c_int,
    /// Accepts the websocket that the request offers: answers 101. `key` and `protocol` stand in for what the client sent;
    /// empty: what it sent. 0, or -1 when it offers none, or this connection cannot become one.
    pub websocket_accept: unsafe extern "C" fn(context: *mut c_void, key: Slice, protocol: Slice) -> c_int,
    /// Receives a message: 1 and its bytes, which stay valid until the next call for this request; 0 when none came within
    /// `wait` milliseconds; -1 when the websocket is over. Ask again at least every second: pings, and the wish to leave,
    /// are seen to by these calls. Call it without the interpreter lock.
    pub websocket_receive: unsafe extern "C" fn(context: *mut c_void, wait: u32, message: *mut Slice) -> c_int,
    /// Sends a message, as bytes (`binary` = 1) or as text. 0, or -1 when the websocket is over. Call it without the
    /// interpreter lock.
    pub websocket_send: unsafe extern "C" fn(context: *mut c_void, data: Slice, binary: u32) -> c_int,
    /// Closes the websocket in order; nothing without one. Call it without the interpreter lock.
    pub websocket_close: unsafe extern "C" fn(context: *mut c_void),
    /// The descriptor on which the request came, to wait for input with; -1 without one. It stays the core's.
    pub connection_fd: unsafe extern "C" fn(context: *mut c_void) -> c_int,
    /// 1 as long as nothing is known of the client's end, else 0.
    pub is_connected: unsafe extern "C" fn(context: *mut c_void) -> c_int,
    /// Writes a task for a spooler; the variables `spooler`, `priority` and `at` say where it goes. Fills in the path of the
    /// task's file and returns its length, or a `SPOOL_*` code.
    pub spool:
        unsafe extern "C" fn(vars: *const Var<'static>, len: usize, body: Slice, path: *mut u8, room: usize) -> isize,
    /// Fills in the path of the directory of tasks with number `index` (0…) and returns its length; -1 behind the last one.
    pub spool_directory: unsafe extern "C" fn(index: u32, path: *mut u8, room: usize) -> isize,
    /// Sets the pause between looks for tasks. 0, or -1 without spoolers.
    pub set_spooler_frequency: unsafe extern "C" fn(seconds: u32) -> c_int,
    /// `size_of::<Outcome>()` of the core's build. A plugin whose own is larger must not write outcomes, and refuses the table.
    pub outcome_size: u32,
    /// Registers the application's signal `number` (0…255) for `target`. 0, or -1 when the target is too long.
    pub register_signal: unsafe extern "C" fn(number: u32, target: Slice) -> c_int,
    /// Whether the signal is registered: 1, or 0.
    pub signal_registered: unsafe extern "C" fn(number: u32) -> c_int,
    /// Raises the signal. 0, or -1 when the master cannot be reached from here.
    pub raise_signal: unsafe extern "C" fn(number: u32) -> c_int,
    /// Raises the signal every so many seconds, so many times (0: for ever). 0, or -1 when there is no room.
    pub add_timer: unsafe extern "C" fn(number: u32, seconds: u32, times: u32) -> c_int,
    /// Raises the signal at set times; `times` are five: minute, hour, day, month, day of the week; -1 is any, -N every N.
    /// 0, or -1 when there is no room.
    pub add_cron: unsafe extern "C" fn(number: u32, times: *const i8) -> c_int,
    /// Raises the signal when a file changes. 0, or -1 when there is no room, or the path is too long.
    pub add_file_monitor: unsafe extern "C" fn(number: u32, path: Slice) -> c_int,
    /// Writes a document about the instance, one of `DOCUMENT_*`, as far as there is room. Returns its whole length, which
    /// may be more than the room; -1 when it is not known here.
    pub document: unsafe extern "C" fn(what: u32, text: *mut u8, room: usize) -> isize,
    /// Does something to a lock of the application: `action` is one of `LOCK_*`. Returns one of `LOCKED_*`. Call
    /// [`LOCK_TAKE`] without the interpreter lock.
    pub lock: unsafe extern "C" fn(action: u32, number: u32) -> c_int,
    /// [`Self::read_body`] that waits at most `wait` milliseconds; [`READ_TIMEOUT`] when nothing has come by then, and the
    /// body can still be read.
    pub read_body_within: unsafe extern "C" fn(context: *mut c_void, buffer: *mut u8, len: usize, wait: u32) -> isize,
}

/// `Host::lock`: takes it, waiting for it.
pub const LOCK_TAKE: u32 = 1;
/// `Host::lock`: gives it back; nothing when this process does not hold it.
pub const LOCK_RELEASE: u32 = 2;
/// `Host::lock`: tells whether anybody holds it.
pub const LOCK_LOOK: u32 = 3;

/// Nobody holds the lock.
pub const LOCKED_NO: c_int = 0;
/// The lock is held: by the caller, after [`LOCK_TAKE`].
pub const LOCKED_YES: c_int = 1;
/// There is no such lock.
pub const LOCKED_NONE: c_int = -1;
/// The lock is not taken yet: run the application's handlers, then ask again.
pub const LOCKED_INTERRUPTED: c_int = -2;
/// Locks cannot be used (the reason has been logged).
pub const LOCKED_FAILED: c_int = -3;

/// `Host::document`: the workers, as the stats tell of them but without their cores: a list in JSON.
pub const DOCUMENT_WORKERS: u32 = 1;

/// The client went away while its body was read.
pub const READ_GONE: isize = -1;
/// The body did not go on within the socket timeout.
pub const READ_TIMEOUT: isize = -2;
/// The body's framing is broken (a bad chunk).
pub const READ_MALFORMED: isize = -3;
/// The body is larger than `limit-post`.
pub const READ_TOO_LARGE: isize = -4;

/// Sent.
pub const SEND_OK: c_int = 0;
/// The client went away: further sends are pointless.
pub const SEND_GONE: c_int = -1;
/// The client took nothing for the socket timeout.
pub const SEND_TIMEOUT: c_int = -2;
/// More bytes than the announced Content-Length: the surplus was dropped.
pub const SEND_OVERFLOW: c_int = -3;
/// Calls in the wrong order (a second head, bytes after the end).
pub const SEND_MISUSE: c_int = -4;

/// `Host::control`: a graceful reload.
pub const CONTROL_RELOAD: u32 = 1;
/// `Host::control`: a graceful stop of the whole instance.
pub const CONTROL_STOP: u32 = 2;

/// `Host::query`: number of the worker this process is, 0 outside of workers.
pub const QUERY_WORKER: u32 = 1;
/// `Host::query`: process id of the master.
pub const QUERY_MASTER_PID: u32 = 2;
/// `Host::query`: configured number of workers.
pub const QUERY_PROCESSES: u32 = 3;
/// `Host::query`: cores (threads) of each worker.
pub const QUERY_CORES: u32 = 4;
/// `Host::query`: requests answered by this worker.
pub const QUERY_WORKER_REQUESTS: u32 = 5;
/// `Host::query`: requests answered by the whole instance.
pub const QUERY_TOTAL_REQUESTS: u32 = 6;
/// `Host::query`: start of the instance, seconds since the epoch.
pub const QUERY_STARTED: u32 = 7;
/// `Host::query`: `buffer-size` in bytes.
pub const QUERY_BUFFER_SIZE: u32 = 8;
/// `Host::query`: the generation of this process (0 before the first reload).
pub const QUERY_GENERATION: u32 = 9;

/// `Host::query`: number of the mule this process is, 0 outside of mules.
pub const QUERY_MULE: u32 = 10;

/// `Host::query`: number of the spooler this process is, 0 outside of spoolers.
pub const QUERY_SPOOLER: u32 = 11;
/// `Host::query`: process id of the first spooler (0: it does not run); of the next ones by the numbers that follow; -1
/// behind the last one.
pub const QUERY_FIRST_SPOOLER_PID: u32 = 0x1_0000;

/// `Host::query`: 1 when some worker takes requests, else 0.
pub const QUERY_READY: u32 = 12;
/// `Host::query`: descriptor of the workers' first listening socket; of the next ones by the numbers that follow; -1 behind
/// the last one.
pub const QUERY_FIRST_SOCKET: u32 = 0x2_0000;
/// `Host::query`: connections that wait in the queue of the first listening socket, and so on as above.
pub const QUERY_FIRST_QUEUE: u32 = 0x3_0000;

/// The task is done.
pub const TASK_DONE: c_int = -2;
/// The task is to be tried again.
pub const TASK_AGAIN: c_int = -1;
/// The application does not know the task.
pub const TASK_UNKNOWN: c_int = 0;

/// There is no such spooler, or its priority or time makes no sense (the reason has been logged).
pub const SPOOL_NOWHERE: isize = -1;
/// The variables are more than a task can hold.
pub const SPOOL_TOO_LARGE: isize = -2;
/// The file cannot be written (the reason has been logged).
pub const SPOOL_FAILED: isize = -3;

/// `Host::send_message`: any mule.
pub const TO_ANY: u32 = 0;
/// `Host::send_message`: the mule with a number.
pub const TO_MULE: u32 = 1;
/// `Host::send_message`: any mule of a farm.
pub const TO_FARM: u32 = 2;

/// `Host::receive_message`: what is for this mule, and what is for any.
pub const FROM_MULE: u32 = 1;
/// `Host::receive_message`: what is for a farm of this mule.
pub const FROM_FARMS: u32 = 2;
/// `Host::receive_message`: signals of the application; their handlers run meanwhile.
pub const FROM_SIGNALS: u32 = 4;

/// No message came in time.
pub const RECEIVE_TIMEOUT: isize = -1;
/// This process is no mule.
pub const RECEIVE_NOT_HERE: isize = -2;
/// This process is to leave.
pub const RECEIVE_LEAVE: isize = -3;
/// A signal has come: run the application's handlers, then wait on.
pub const RECEIVE_SIGNAL: isize = -4;

/// How far below the last real-time signal the one is that the core sends to the main thread of a mule that is to leave and
/// does not wait for messages there: the plugin raises the language's "exit" in it.
pub const LEAVE_SIGNAL_BELOW_MAX: c_int = 3;

/// One request, valid during `handle`.
#[repr(C)]
pub struct Request {
    /// `size_of::<Request>()` of the core's build.
    pub size: u32,
    /// `REQUEST_*` bits.
    pub flags: u32,
    /// Handed back in every callback.
    pub context: *mut c_void,
    /// CGI variables in the order received; of equal keys the last one counts.
    pub vars: *const Var<'static>,
    /// Length of `vars`.
    pub vars_len: usize,
    /// Length of the body: 0 none, -1 known only when it ends (chunked).
    pub body_length: i64,
    /// The body's first bytes, already here: consumed first, without a callback.
    pub body: Slice,
}

/// The core wants to know [`Outcome::lock_wait`] and what follows it.
pub const REQUEST_TIMED: u32 = 1;

/// Status and header lines of an answer, made by [`crate::head::Head`].
#[repr(C)]
pub struct ResponseHead {
    /// `size_of::<ResponseHead>()` of the plugin's build.
    pub size: u32,
    /// Status code, 100…999.
    pub code: u16,
    /// `HEAD_*` bits.
    pub flags: u16,
    /// Number of header lines of the application.
    pub count: u32,
    /// Code and reason, e.g. `200 OK`.
    pub status: Slice,
    /// `Name: value\r\n` for each header, checked: no control characters, names are tokens.
    pub lines: Slice,
    /// Value of Content-Length, or -1.
    pub content_length: i64,
}

/// The application gave a Date header.
pub const HEAD_DATE: u16 = 1;
/// The application gave a Server header.
pub const HEAD_SERVER: u16 = 2;
/// The application asked for the connection to be closed.
pub const HEAD_CLOSE: u16 = 4;
/// The application frames its own body as chunked (the header is among the lines).
pub const HEAD_CHUNKED: u16 = 8;

/// How a request ended, filled in by `handle`. The host presets it to "nothing happened".
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Number of the application that answered, -1 when none did.
    pub app: i32,
    /// Steps of the answer's iterator.
    pub switches: u32,
    /// Exceptions that left the application.
    pub exceptions: u32,
    /// One of `NEXT_*`.
    pub next: u32,
    /// With [`NEXT_EXIT`]: the exit code that the application asked for.
    pub exit_code: i32,
    /// With [`REQUEST_TIMED`]: how long the request waited for the interpreter lock before the application was called,
    /// nanoseconds.
    pub lock_wait: u64,
    /// With [`REQUEST_TIMED`]: how long the application had the request, nanoseconds.
    pub inside: u64,
    /// With [`REQUEST_TIMED`]: threads of other requests that waited for the interpreter lock when this one gave it back.
    pub waiting: u32,
}

/// `Outcome::next`: serve on.
pub const NEXT_SERVE: u32 = 0;
/// `Outcome::next`: the application asked for the end of this process (`sys.exit`).
pub const NEXT_EXIT: u32 = 1;

impl Outcome {
    /// Nothing happened yet.
    pub const NONE: Self = Self {
        app: -1,
        switches: 0,
        exceptions: 0,
        next: NEXT_SERVE,
        exit_code: 0,
        lock_wait: 0,
        inside: 0,
        waiting: 0,
    };
}

/// One application, reported by `load_apps`.
#[repr(C)]
pub struct AppInfo {
    /// `size_of::<AppInfo>()` of the plugin's build.
    pub size: u32,
    /// Number of the application, 0 first; -1 when loading failed.
    pub id: i32,
    /// 1 when requests without a mountpoint of their own come here.
    pub is_default: u32,
    /// Time that loading took, microseconds.
    pub micros: u64,
    /// Mountpoint, empty for the root.
    pub mountpoint: Slice,
    /// What was loaded, as the user named it (`shop.wsgi:application`, `foobar.py`).
    pub name: Slice,
    /// Empty, or the reason why loading failed, in one line. The traceback has been logged before.
    pub error: Slice,
}

#[allow(unsafe_code)]
// SAFETY: the tables are immutable once published; their pointers are to memory that lives for ever.
unsafe impl Sync for Plugin {}
#[allow(unsafe_code)]
// SAFETY: as for `Plugin`.
unsafe impl Sync for Host {}
