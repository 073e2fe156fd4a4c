//! A language for tests of the core: its applications are functions in Rust, its interpreter is nothing.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::OnceLock;

use crate::guest::{Host, Request};
use crate::host::Language;
use crate::types::{self, Outcome, Plugin, Setting, Slice};

/// An application: answers one request on some core.
pub type Application = fn(core: u32, request: &Request<'_>) -> Outcome;

static HOST: OnceLock<Host> = OnceLock::new();
static APPLICATION: OnceLock<Application> = OnceLock::new();

static TABLE: Plugin = Plugin {
    abi: types::ABI,
    size: size_of::<Plugin>() as u32,
    name: Slice::new(b"test"),
    version: Slice::new(b"0"),
    init,
    load_apps,
    before_fork: nothing,
    after_fork_parent: nothing,
    after_fork_child: ignore,
    core_start: accept,
    core_stop: ignore,
    handle,
    check_signals: nothing,
    dump_traceback,
    interrupt: accept,
    shutdown: ignore,
    mule,
    spooler: nothing,
    run_task,
    locate,
    signal: accept,
    places: locate,
};

/// The language with `application`; the first one given in a process stays.
#[must_use]
pub fn language(application: Application) -> Language {
    APPLICATION.get_or_init(|| application);
    Language::embedded(&TABLE).unwrap_or_else(|error| unreachable!("the table is of this very build: {error}"))
}

unsafe extern "C" fn init(host: *const types::Host, _: *const Setting<'static>, _: usize) -> c_int {
    // SAFETY: the pointer given to `init`.
    match unsafe { Host::new(host) } {
        Some(host) => {
            HOST.get_or_init(|| host);
            0
        }
        None => 1,
    }
}

unsafe extern "C" fn load_apps() -> c_int {
    1
}

unsafe extern "C" fn nothing() {}

unsafe extern "C" fn ignore(_: u32) {}

unsafe extern "C" fn accept(_: u32) -> c_int {
    0
}

unsafe extern "C" fn mule(_: Slice) -> c_int {
    0
}

unsafe extern "C" fn run_task(_: Slice, _: *const types::Var<'static>, _: usize, _: Slice) -> c_int {
    types::TASK_DONE
}

unsafe extern "C" fn dump_traceback(_: c_int) {}

unsafe extern "C" fn locate(_: *mut u8, _: usize) -> usize {
    0
}

unsafe extern "C" fn handle(core: u32, request: *const types::Request, outcome: *mut Outcome) {
    let (Some(host), Some(application)) = (HOST.get(), APPLICATION.get()) else { return };
    // SAFETY: the pointers given to `handle`, which is not left before the application has.
    let (request, outcome) = unsafe { (host.request(request), outcome.as_mut()) };
    if let (Some(request), Some(outcome)) = (request, outcome) {
        *outcome = application(core, &request);
    }
}
