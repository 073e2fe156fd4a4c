//! Writes the stacks of all Python threads to a descriptor, at any moment and without any lock.
//!
//! Both ways end in the interpreter's own async-signal-safe dumper. CPython 3.11 and 3.12 export it; elsewhere the one
//! door to it is `faulthandler`, which runs it in the handler of a signal: a reserved real-time signal is raised in the
//! calling thread, and `faulthandler` writes to a reserved descriptor that stands for the caller's one meanwhile.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

type Dumper = unsafe extern "C" fn(c_int, *mut ffi::PyInterpreterState, *mut ffi::PyThreadState) -> *const c_char;

/// `_Py_DumpTracebackThreads`, where it is exported.
static DUMPER: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static INTERPRETER: AtomicPtr<ffi::PyInterpreterState> = AtomicPtr::new(std::ptr::null_mut());
/// The descriptor that `faulthandler` writes to, or -1.
static RESERVED: AtomicI32 = AtomicI32::new(-1);

/// Finds the dumper. Nothing is looked up later.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    // SAFETY: a search by name in the libraries that are loaded.
    let dumper = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_Py_DumpTracebackThreads".as_ptr()) };
    // SAFETY: the interpreter lock is held.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() }, Ordering::Release);
    DUMPER.store(dumper, Ordering::Release);
    if dumper.is_null() { reserve(py) } else { Ok(()) }
}

/// Has `faulthandler` answer the reserved signal.
fn reserve(py: Python<'_>) -> PyResult<()> {
    let sink = std::fs::OpenOptions::new().write(true).open("/dev/null")?.into_raw_fd();
    let options = PyDict::new(py);
    options.set_item("file", sink)?;
    options.set_item("all_threads", true)?;
    options.set_item("chain", false)?;
    py.import("faulthandler")?.call_method("register", (signal(),), Some(&options))?;
    RESERVED.store(sink, Ordering::Release);
    Ok(())
}

/// The reserved signal: the last but one of the real-time ones, which libraries take from the other end.
fn signal() -> c_int {
    libc::SIGRTMAX() - 1
}

/// Writes the stacks to `fd`.
pub(crate) fn dump(fd: c_int) {
    let dumper = DUMPER.load(Ordering::Acquire);
    if !dumper.is_null() {
        // SAFETY: the symbol has had this type since CPython 3.7 (pycore_traceback.h). It reads the interpreter's state
        // without a lock, by design; no current thread is named.
        unsafe {
            let dumper: Dumper = std::mem::transmute::<*mut c_void, Dumper>(dumper);
            dumper(fd, INTERPRETER.load(Ordering::Acquire), std::ptr::null_mut());
        }
        return;
    }
    let reserved = RESERVED.load(Ordering::Acquire);
    if reserved < 0 {
        return;
    }
    // SAFETY: system calls on descriptors that are open; `raise` runs faulthandler's handler before it returns.
    unsafe {
        if libc::dup2(fd, reserved) < 0 {
            return;
        }
        libc::raise(signal());
        let sink = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if sink >= 0 {
            libc::dup2(sink, reserved);
            libc::close(sink);
        }
    }
}
