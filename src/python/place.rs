//! Where a thread is in the application: its innermost frame that belongs neither to the standard library nor to a package.
//!
//! Asked in the handler of a signal, so nothing here takes a lock or allocates. Only the thread itself is looked at: it stands
//! still meanwhile, while frames of other threads may change under the reader's eyes. The interpreter's own
//! async-signal-safe dumper writes the frames into a pipe of this process, and they are read from there. CPython 3.11 and 3.12
//! export the dumper; elsewhere `faulthandler` is the door to it, in the handler of a second reserved signal.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Acquire, Ordering::Release};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

type Dumper = unsafe extern "C" fn(c_int, *mut ffi::PyThreadState);

/// `_Py_DumpTraceback`, where it is exported.
static DUMPER: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// The pipe that frames are written to, or -1.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// Its other end, or -1.
static READER: AtomicI32 = AtomicI32::new(-1);
/// Directory of the standard library.
static LIBRARY: OnceLock<String> = OnceLock::new();

/// Finds the dumper. Nothing is looked up later.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    // A module that every interpreter has loaded lies in the library.
    let library = py.import("os")?.getattr("__file__").and_then(|file| file.extract::<String>()).unwrap_or_default();
    LIBRARY.get_or_init(|| library.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default());
    let (reader, writer) = pipe()?;
    let (reader, writer) = (reader.into_raw_fd(), writer.into_raw_fd());
    READER.store(reader, Release);
    WRITER.store(writer, Release);
    // SAFETY: a search by name in the libraries that are loaded.
    let dumper = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_Py_DumpTraceback".as_ptr()) };
    DUMPER.store(dumper, Release);
    if dumper.is_null() {
        let options = PyDict::new(py);
        options.set_item("file", writer)?;
        options.set_item("all_threads", false)?;
        options.set_item("chain", false)?;
        py.import("faulthandler")?.call_method("register", (signal(),), Some(&options))?;
    }
    Ok(())
}

/// The reserved signal, before the core's own.
fn signal() -> c_int {
    libc::SIGRTMAX() - 5
}

/// Gives this process a pipe of its own, under the numbers that faulthandler knows. Without one, threads are nowhere.
pub(crate) fn after_fork_child() {
    let (reader, writer) = (READER.load(Acquire), WRITER.load(Acquire));
    let replace = |(new_reader, new_writer): (OwnedFd, OwnedFd)| {
        // SAFETY: system calls on descriptors that are ours.
        let done = unsafe { libc::dup3(new_reader.as_raw_fd(), reader, libc::O_CLOEXEC) } >= 0
            // SAFETY: as above.
            && unsafe { libc::dup3(new_writer.as_raw_fd(), writer, libc::O_CLOEXEC) } >= 0;
        if done { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    if reader < 0 || pipe().and_then(replace).is_err() {
        READER.store(-1, Release);
    }
}

/// A pipe that never waits.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1; 2];
    // SAFETY: writes two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, for us alone.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Writes where the calling thread is, as `FILE:LINE FUNCTION`; returns the length, 0: nowhere. One thread at a time.
pub(crate) fn tell(text: &mut [u8]) -> usize {
    let (writer, reader) = (WRITER.load(Acquire), READER.load(Acquire));
    if reader < 0 {
        return 0;
    }
    let dumper = DUMPER.load(Acquire);
    if dumper.is_null() {
        // SAFETY: runs faulthandler's handler before it returns.
        unsafe { libc::raise(signal()) };
    } else {
        // SAFETY: the symbol has had this type since CPython 3.3 (pycore_traceback.h). The state of this very thread, which
        // is looked up in thread-local storage.
        unsafe {
            let state = ffi::PyGILState_GetThisThreadState();
            if state.is_null() {
                return 0;
            }
            let dumper: Dumper = std::mem::transmute::<*mut c_void, Dumper>(dumper);
            dumper(writer, state);
        }
    }
    let library = LIBRARY.get().map_or("", String::as_str);
    find(
        // SAFETY: reads at most as much as there is room for, from a descriptor that never waits.
        |room| usize::try_from(unsafe { libc::read(reader, room.as_mut_ptr().cast(), room.len()) }).unwrap_or(0),
        library.as_bytes(),
        text,
    )
}

/// Reads frames, innermost first, to their end; writes the first one of the application, or else the first one of all.
fn find(mut read: impl FnMut(&mut [u8]) -> usize, library: &[u8], text: &mut [u8]) -> usize {
    let mut buffer = [0_u8; 2048];
    let (mut len, mut written, mut is_found) = (0, 0, false);
    loop {
        let count = buffer.get_mut(len..).map_or(0, &mut read);
        if count == 0 {
            return written;
        }
        len += count;
        let mut rest = buffer.get(..len).unwrap_or_default();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let Some(frame) = Frame::of(line) else { continue };
            let is_of_application = frame.is_of_application(library);
            if !is_found && (written == 0 || is_of_application) {
                written = frame.write(text);
                is_found = is_of_application;
            }
        }
        let (from, left) = (len - rest.len(), rest.len());
        buffer.copy_within(from..len, 0);
        // A line longer than the buffer is no frame that we could show.
        len = if left == buffer.len() { 0 } else { left };
    }
}

/// A line of a dump: `  File "FILE", line LINE in FUNCTION`.
struct Frame<'a> {
    file: &'a [u8],
    line: &'a [u8],
    function: &'a [u8],
}

impl<'a> Frame<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let (file, rest) = split(line.strip_prefix(b"  File \"")?, b"\", line ")?;
        let (line, function) = split(rest, b" in ")?;
        Some(Self { file, line, function })
    }

    fn is_of_application(&self, library: &[u8]) -> bool {
        let is_in = |folder: &[u8]| self.file.windows(folder.len()).any(|part| part == folder);
        let is_of_library = !library.is_empty() && self.file.starts_with(library);
        !(is_of_library || self.file.starts_with(b"<") || is_in(b"/site-packages/") || is_in(b"/dist-packages/"))
    }

    fn write(&self, text: &mut [u8]) -> usize {
        let parts = [self.file, b":", self.line, b" ", self.function];
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let bytes = parts.into_iter().flatten().skip(len.saturating_sub(text.len()));
        text.iter_mut().zip(bytes).map(|(to, from)| *to = *from).count()
    }
}

/// The parts before and behind the last `mark`.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).rposition(|part| part == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "Stack (most recent call first):\n\
        \x20 File \"/usr/lib/python3.12/socket.py\", line 706 in readinto\n\
        \x20 File \"/srv/venv/lib/python3.12/site-packages/db/wire.py\", line 9 in wait\n\
        \x20 File \"<frozen runpy>\", line 1 in run\n\
        \x20 File \"/srv/a \\xfc\", line 3 in b.py\", line 12 in index\n\
        \x20 File \"/srv/outer.py\", line 1 in <module>\n";

    fn found(dump: &str, step: usize, room: usize) -> String {
        let mut left = dump.as_bytes();
        let mut text = vec![0; room];
        let read = |room: &mut [u8]| {
            let (piece, after) = left.split_at(left.len().min(step).min(room.len()));
            left = after;
            room[..piece.len()].copy_from_slice(piece);
            piece.len()
        };
        let len = find(read, b"/usr/lib/python3.12", &mut text);
        String::from_utf8(text[..len].to_vec()).unwrap()
    }

    #[test]
    fn the_innermost_frame_of_the_application_counts() {
        for step in [1, 7, 1000] {
            assert_eq!(found(DUMP, step, 100), "/srv/a \\xfc\", line 3 in b.py:12 index");
        }
        assert_eq!(found(DUMP, 1000, 12), ".py:12 index");
    }

    #[test]
    fn without_one_the_innermost_of_all_does() {
        let head: String = DUMP.lines().take(3).map(|line| format!("{line}\n")).collect();
        assert_eq!(found(&head, 5, 100), "/usr/lib/python3.12/socket.py:706 readinto");
        assert_eq!(found("", 5, 100), "");
        assert_eq!(found("Thread 0x1\n  <no Python frame>\n", 5, 100), "");
    }

    #[test]
    fn lines_without_end_do_no_harm() {
        let long = format!("  File \"{}\", line 1 in f\n{DUMP}", "x".repeat(5000));
        assert!(found(&long, 100, 100).ends_with(":12 index"));
    }
}
