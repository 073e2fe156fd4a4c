//! The plugin's side of the border: safe views of the core's callbacks and of a request.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::head::Head;
use crate::host::{NoWebsocket, ReadError, SendError};
use crate::types::{self, AppInfo, Setting, Slice, Var};

pub use crate::host::{App, LockAction, Locked, MessageError, Received, Recipient, Sources, SpoolError};

/// Room for a path.
const PATH: usize = 4096;

/// Room for a document, at first.
const DOCUMENT: usize = 16 << 10;

/// The core, as a plugin sees it.
#[derive(Clone, Copy)]
pub struct Host(&'static types::Host);

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Host").field(&self.0.abi).finish()
    }
}

impl Host {
    /// Takes the table that `init` received. `None` when the core speaks another border.
    ///
    /// # Safety
    /// `table` is the pointer given to [`types::Plugin::init`].
    #[must_use]
    pub unsafe fn new(table: *const types::Host) -> Option<Self> {
        // SAFETY: by contract valid for ever; version and size are checked before any other field is used.
        let table = unsafe { table.as_ref() }?;
        // Read only behind the size that has it; outcomes are written into the core's memory.
        let fits = table.abi == types::ABI
            && table.size as usize >= size_of::<types::Host>()
            && table.outcome_size as usize >= size_of::<types::Outcome>();
        fits.then_some(Self(table))
    }

    /// Names that [`Var::known`] counts.
    pub fn known_names(self) -> impl Iterator<Item = &'static [u8]> {
        // SAFETY: valid for ever by the field's contract.
        let names = unsafe { std::slice::from_raw_parts(self.0.known_names, self.0.known_names_len) };
        // SAFETY: as above.
        names.iter().map(|name| unsafe { name.bytes() })
    }

    /// Writes one log record, of one line or several; `level` is 0 error, 1 warning, 2 information.
    pub fn log(self, level: u32, line: &[u8]) {
        // SAFETY: the line lives during the call.
        unsafe { (self.0.log)(level, Slice::new(line)) };
    }

    /// Reports a loaded application, or one that failed to load.
    pub fn app_loaded(self, app: &App<'_>) {
        let info = AppInfo {
            size: size_of::<AppInfo>() as u32,
            id: app.id.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1),
            is_default: u32::from(app.is_default),
            micros: app.micros,
            mountpoint: Slice::new(app.mountpoint),
            name: Slice::new(app.name),
            error: Slice::new(app.error),
        };
        // SAFETY: everything lives during the call.
        unsafe { (self.0.app_loaded)(&raw const info) };
    }

    /// Asks the master for a `CONTROL_*`; `false` when it cannot be passed on.
    #[must_use]
    pub fn control(self, command: u32) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.control)(command) }) == 0
    }

    /// A `QUERY_*` number, `None` when it is not known here.
    #[must_use]
    pub fn query(self, what: u32) -> Option<u64> {
        // SAFETY: callable at any time.
        u64::try_from(unsafe { (self.0.query)(what) }).ok()
    }

    /// Gives the request on the calling thread so many seconds from now on; 0 takes that back. `false`: there is none.
    #[must_use]
    pub fn set_deadline(self, seconds: u32) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.set_deadline)(seconds) }) == 0
    }

    /// Sends a message to mules, without waiting.
    ///
    /// # Errors
    /// When there is no such mule or farm, or it cannot be sent; the latter is logged.
    pub fn send_message(self, to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
        let (kind, number, farm) = match to {
            Recipient::Any => (types::TO_ANY, 0, &[][..]),
            Recipient::Mule(number) => (types::TO_MULE, number, &[][..]),
            Recipient::Farm(name) => (types::TO_FARM, 0, name),
        };
        // SAFETY: name and message live during the call.
        match unsafe { (self.0.send_message)(kind, number, Slice::new(farm), Slice::new(message)) } {
            0 => Ok(()),
            -1 => Err(MessageError::Nobody),
            _ => Err(MessageError::Failed),
        }
    }

    /// Waits for a message to this mule; `None` waits for ever.
    pub fn receive_message(self, from: Sources, timeout: Option<Duration>, buffer: &mut [u8]) -> Received {
        let sum = u32::from(from.mule) * types::FROM_MULE
            + u32::from(from.farms) * types::FROM_FARMS
            + u32::from(from.signals) * types::FROM_SIGNALS;
        let timeout = timeout.map_or(-1, |timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        // SAFETY: the buffer is writable for its length.
        match unsafe { (self.0.receive_message)(sum, timeout, buffer.as_mut_ptr(), buffer.len()) } {
            types::RECEIVE_NOT_HERE => Received::NotHere,
            types::RECEIVE_LEAVE => Received::Leave,
            types::RECEIVE_SIGNAL => Received::Signal,
            count => usize::try_from(count).map_or(Received::Timeout, Received::Message),
        }
    }

    /// Whether this process is a mule of the farm; of any, when the name is empty.
    #[must_use]
    pub fn in_farm(self, farm: &[u8]) -> bool {
        // SAFETY: the name lives during the call.
        (unsafe { (self.0.in_farm)(Slice::new(farm)) }) != 0
    }

    /// Writes a task for a spooler; returns the path of its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn spool(self, vars: &[Var<'_>], body: &[u8]) -> Result<Vec<u8>, SpoolError> {
        let mut path = vec![0; PATH];
        let list = vars.as_ptr().cast::<Var<'static>>();
        // SAFETY: variables and body live during the call; there is that much room for the path.
        let len = unsafe { (self.0.spool)(list, vars.len(), Slice::new(body), path.as_mut_ptr(), path.len()) };
        match len {
            types::SPOOL_NOWHERE => Err(SpoolError::Nowhere),
            types::SPOOL_TOO_LARGE => Err(SpoolError::TooLarge),
            len => {
                path.truncate(usize::try_from(len).map_err(|_| SpoolError::Failed)?);
                Ok(path)
            }
        }
    }

    /// The directories of tasks.
    #[must_use]
    pub fn spool_directories(self) -> Vec<Vec<u8>> {
        let directory = |index| {
            let mut path = vec![0; PATH];
            // SAFETY: there is that much room for the path.
            let len = unsafe { (self.0.spool_directory)(index, path.as_mut_ptr(), path.len()) };
            path.truncate(usize::try_from(len).ok()?);
            Some(path)
        };
        (0..).map_while(directory).collect()
    }

    /// Does something to a lock of the application. Taking it blocks.
    #[must_use]
    pub fn lock(self, action: LockAction, number: u32) -> Locked {
        let action = match action {
            LockAction::Take => types::LOCK_TAKE,
            LockAction::Release => types::LOCK_RELEASE,
            LockAction::Look => types::LOCK_LOOK,
        };
        // SAFETY: callable at any time.
        match unsafe { (self.0.lock)(action, number) } {
            types::LOCKED_NO => Locked::No,
            types::LOCKED_YES => Locked::Yes,
            types::LOCKED_NONE => Locked::NoSuchLock,
            types::LOCKED_INTERRUPTED => Locked::Interrupted,
            _ => Locked::Failed,
        }
    }

    /// A `DOCUMENT_*` about the instance; `None` when it is not known here.
    #[must_use]
    pub fn document(self, what: u32) -> Option<Vec<u8>> {
        let mut text = vec![0; DOCUMENT];
        loop {
            // SAFETY: there is that much room.
            let len = unsafe { (self.0.document)(what, text.as_mut_ptr(), text.len()) };
            let len = usize::try_from(len).ok()?;
            if len <= text.len() {
                text.truncate(len);
                return Some(text);
            }
            // It may have grown by the next look.
            text.resize(len.saturating_mul(2), 0);
        }
    }

    /// Sets the pause between looks for tasks, seconds; `false` without spoolers.
    #[must_use]
    pub fn set_spooler_frequency(self, seconds: u32) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.set_spooler_frequency)(seconds) }) == 0
    }

    /// Names this process in `ps` and `top`.
    pub fn set_title(self, title: &[u8]) {
        // SAFETY: the title lives during the call.
        unsafe { (self.0.set_title)(Slice::new(title)) };
    }

    /// Registers the application's signal for `target`; `false` when that is too long.
    #[must_use]
    pub fn register_signal(self, number: u8, target: &[u8]) -> bool {
        // SAFETY: the target lives during the call.
        (unsafe { (self.0.register_signal)(number.into(), Slice::new(target)) }) == 0
    }

    /// Whether the application's signal is registered.
    #[must_use]
    pub fn signal_registered(self, number: u8) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.signal_registered)(number.into()) }) != 0
    }

    /// Raises the application's signal; `false` when the master cannot be reached from here.
    #[must_use]
    pub fn raise_signal(self, number: u8) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.raise_signal)(number.into()) }) == 0
    }

    /// Has the signal raised every so many seconds, so many times (0: for ever); `false` when there is no room.
    #[must_use]
    pub fn add_timer(self, number: u8, seconds: u32, times: u32) -> bool {
        // SAFETY: callable at any time.
        (unsafe { (self.0.add_timer)(number.into(), seconds, times) }) == 0
    }

    /// Has the signal raised at set times: minute, hour, day, month, day of the week; `false` when there is no room.
    #[must_use]
    pub fn add_cron(self, number: u8, times: &[i8; 5]) -> bool {
        // SAFETY: five numbers, which live during the call.
        (unsafe { (self.0.add_cron)(number.into(), times.as_ptr()) }) == 0
    }

    /// Has the signal raised when a file changes; `false` when there is no room, or the path is too long.
    #[must_use]
    pub fn add_file_monitor(self, number: u8, path: &[u8]) -> bool {
        // SAFETY: the path lives during the call.
        (unsafe { (self.0.add_file_monitor)(number.into(), Slice::new(path)) }) == 0
    }

    /// The view of a request inside `handle`.
    ///
    /// # Safety
    /// `request` is the pointer given to [`types::Plugin::handle`], which must not return while the view is used.
    #[must_use]
    pub unsafe fn request<'a>(self, request: *const types::Request) -> Option<Request<'a>> {
        // SAFETY: by this function's contract.
        unsafe { request.as_ref() }.map(|raw| Request { raw, host: self })
    }
}

/// The variables and the body of a task inside `run_task`.
///
/// # Safety
/// The arguments are those of [`types::Plugin::run_task`], which must not return while the result is used.
#[must_use]
pub unsafe fn task<'a>(name: Slice, vars: *const Var<'static>, len: usize, body: Slice) -> Task<'a> {
    let vars = match len {
        0 => &[][..],
        // SAFETY: by this function's contract.
        len => unsafe { std::slice::from_raw_parts(vars.cast::<Var<'a>>(), len) },
    };
    // SAFETY: as above.
    let (name, body) = unsafe { (name.bytes(), body.bytes()) };
    Task { name, vars, body }
}

/// A task of a spooler.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// Name of its file.
    pub name: &'a [u8],
    /// Its variables.
    pub vars: &'a [Var<'a>],
    /// What follows them.
    pub body: &'a [u8],
}

/// The settings given to `init`.
///
/// # Safety
/// `settings` and `len` are those of [`types::Plugin::init`].
#[must_use]
pub unsafe fn settings(settings: *const Setting<'static>, len: usize) -> &'static [Setting<'static>] {
    if len == 0 {
        return &[];
    }
    // SAFETY: by contract valid for ever.
    unsafe { std::slice::from_raw_parts(settings, len) }
}

impl<'a> Var<'a> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        // SAFETY: made from a `&'a [u8]`.
        unsafe { self.key.bytes() }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        // SAFETY: made from a `&'a [u8]`.
        unsafe { self.value.bytes() }
    }

    /// Index of the key in the host's known names.
    #[must_use]
    pub fn known(&self) -> Option<usize> {
        (self.known != types::UNKNOWN).then_some(self.known as usize)
    }
}

/// One request inside `handle`. The blocking methods must be called without the interpreter lock.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    raw: &'a types::Request,
    host: Host,
}

impl<'a> Request<'a> {
    /// CGI variables; of equal keys the last one counts.
    #[must_use]
    pub fn vars(&self) -> &'a [Var<'a>] {
        if self.raw.vars_len == 0 {
            return &[];
        }
        // SAFETY: the core keeps the list alive during `handle`.
        unsafe { std::slice::from_raw_parts(self.raw.vars.cast::<Var<'a>>(), self.raw.vars_len) }
    }

    /// Length of the body, `None` when only its end will tell.
    #[must_use]
    pub fn body_length(&self) -> Option<u64> {
        u64::try_from(self.raw.body_length).ok()
    }

    /// Whether the core wants to know how long the request waits for the interpreter lock.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        self.raw.flags & types::REQUEST_TIMED != 0
    }

    /// The body's first bytes, already here.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        // SAFETY: the core keeps them alive during `handle`.
        unsafe { self.raw.body.bytes() }
    }

    /// Reads body bytes that follow [`Self::body`]; 0 is the end. Blocks.
    ///
    /// # Errors
    /// When the body cannot be read on.
    pub fn read_body(&self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        // SAFETY: within `handle`; the buffer is writable for its length.
        read(unsafe { (self.host.0.read_body)(self.raw.context, buffer.as_mut_ptr(), buffer.len()) })
    }

    /// [`Self::read_body`] that waits at most so many milliseconds.
    ///
    /// # Errors
    /// As there; after [`ReadError::Timeout`] the body can still be read.
    pub fn read_body_within(&self, buffer: &mut [u8], wait: u32) -> Result<usize, ReadError> {
        // SAFETY: within `handle`; the buffer is writable for its length.
        read(unsafe { (self.host.0.read_body_within)(self.raw.context, buffer.as_mut_ptr(), buffer.len(), wait) })
    }

    /// Goes to `offset` of a body that is buffered as a whole (after that, `read_body` gives bytes from there).
    #[must_use]
    pub fn seek_body(&self, offset: u64) -> bool {
        // SAFETY: within `handle`.
        (unsafe { (self.host.0.seek_body)(self.raw.context, offset) }) == 0
    }

    /// Gives this request a value for its log line.
    pub fn set_log_variable(&self, name: &[u8], value: &[u8]) {
        // SAFETY: within `handle`; name and value live during the call.
        unsafe { (self.host.0.set_log_variable)(self.raw.context, Slice::new(name), Slice::new(value)) };
    }

    /// Sends the head (first call only) and body bytes; `last` completes the answer. Blocks.
    ///
    /// # Errors
    /// When the client cannot take it.
    pub fn send(&self, head: Option<&Head>, data: &[u8], last: bool) -> Result<(), SendError> {
        let head = head.map(Head::as_abi);
        let head = head.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: within `handle`; head and data live during the call.
        sent(unsafe { (self.host.0.send)(self.raw.context, head, Slice::new(data), u32::from(last)) })
    }

    /// Sends a piece of a file (`None`: to its end) and completes the answer. Blocks.
    ///
    /// # Errors
    /// When the client cannot take it.
    pub fn send_file(
        &self,
        head: Option<&Head>,
        file: BorrowedFd<'_>,
        offset: u64,
        len: Option<u64>,
    ) -> Result<(), SendError> {
        let head = head.map(Head::as_abi);
        let head = head.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let len = len.unwrap_or(u64::MAX);
        // SAFETY: within `handle`; the head lives and the descriptor is open during the call.
        sent(unsafe { (self.host.0.send_file)(self.raw.context, head, file.as_raw_fd(), offset, len) })
    }

    /// Accepts the websocket that the request offers. `key`, `protocol`: in place of what the client sent, when not empty.
    ///
    /// # Errors
    /// It offers none, or the connection cannot become one; nothing was sent.
    pub fn websocket_accept(&self, key: &[u8], protocol: &[u8]) -> Result<(), NoWebsocket> {
        // SAFETY: within `handle`; the slices live during the call.
        websocket(unsafe { (self.host.0.websocket_accept)(self.raw.context, Slice::new(key), Slice::new(protocol)) })
    }

    /// Receives a message, waiting for it at most so many milliseconds; `None` when none came. Blocks.
    ///
    /// # Errors
    /// The websocket is over, or has never begun.
    pub fn websocket_receive(&self, wait: u32) -> Result<Option<Vec<u8>>, NoWebsocket> {
        let mut message = Slice::EMPTY;
        // SAFETY: within `handle`; the slice outlives the call.
        match unsafe { (self.host.0.websocket_receive)(self.raw.context, wait, &raw mut message) } {
            // SAFETY: the bytes stay until the next call for this request, which comes after they are copied.
            1 => Ok(Some(unsafe { message.bytes() }.to_vec())),
            0 => Ok(None),
            _ => Err(NoWebsocket),
        }
    }

    /// Sends a message, as bytes or as text. Blocks.
    ///
    /// # Errors
    /// As for [`Self::websocket_receive`].
    pub fn websocket_send(&self, data: &[u8], binary: bool) -> Result<(), NoWebsocket> {
        // SAFETY: within `handle`; the data lives during the call.
        websocket(unsafe { (self.host.0.websocket_send)(self.raw.context, Slice::new(data), u32::from(binary)) })
    }

    /// Closes the websocket in order; nothing without one. Blocks.
    pub fn websocket_close(&self) {
        // SAFETY: within `handle`.
        unsafe { (self.host.0.websocket_close)(self.raw.context) };
    }

    /// Number of the descriptor on which the request came: to wait with, and for nothing else.
    #[must_use]
    pub fn connection_fd(&self) -> Option<c_int> {
        // SAFETY: within `handle`.
        Some(unsafe { (self.host.0.connection_fd)(self.raw.context) }).filter(|fd| *fd >= 0)
    }

    /// Whether nothing is known of the client's end.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        // SAFETY: within `handle`.
        (unsafe { (self.host.0.is_connected)(self.raw.context) }) != 0
    }
}

const fn websocket(code: c_int) -> Result<(), NoWebsocket> {
    if code == 0 { Ok(()) } else { Err(NoWebsocket) }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("vars", &self.raw.vars_len).finish_non_exhaustive()
    }
}

fn read(count: isize) -> Result<usize, ReadError> {
    match count {
        types::READ_TIMEOUT => Err(ReadError::Timeout),
        types::READ_MALFORMED => Err(ReadError::Malformed),
        types::READ_TOO_LARGE => Err(ReadError::TooLarge),
        count => usize::try_from(count).map_err(|_| ReadError::Gone),
    }
}

const fn sent(code: c_int) -> Result<(), SendError> {
    match code {
        types::SEND_OK => Ok(()),
        types::SEND_TIMEOUT => Err(SendError::Timeout),
        types::SEND_OVERFLOW => Err(SendError::Overflow),
        types::SEND_MISUSE => Err(SendError::Misuse),
        _ => Err(SendError::Gone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(change: impl FnOnce(&mut types::Host)) -> Option<Host> {
        let mut table = crate::host::host_table(&[]);
        change(&mut table);
        // SAFETY: leaked, so valid for ever.
        unsafe { Host::new(Box::leak(Box::new(table))) }
    }

    #[test]
    fn a_core_that_has_less_than_this_build_is_refused() {
        assert!(take(|_| ()).is_some());
        assert!(take(|table| table.outcome_size += 8).is_some(), "a larger one has room");
        assert!(take(|table| table.abi += 1).is_none());
        assert!(take(|table| table.size -= 8).is_none());
        assert!(take(|table| table.outcome_size -= 8).is_none());
        // SAFETY: null points to no table.
        assert!(unsafe { Host::new(std::ptr::null()) }.is_none());
    }
}
