//! The plugin's table: each entry is a thin, guarded door to the module that does the work.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use rsgi_abi::guest::{self, Host};
use rsgi_abi::types::{self, ABI, Outcome, Plugin, Request, Setting, Slice, Var};

use crate::settings::Settings;
use crate::{api, interpreter, loader, log, mule, origins, place, shutdown, spooler, stacks, threads, wsgi};

/// What this plugin offers to the core.
pub static PLUGIN: Plugin = Plugin {
    abi: ABI,
    size: size_of::<Plugin>() as u32,
    name: Slice::new(b"python"),
    version: Slice::new(env!("RSGI_PYTHON_FULL_VERSION").as_bytes()),
    init,
    load_apps,
    before_fork,
    after_fork_parent,
    after_fork_child,
    core_start,
    core_stop,
    handle,
    check_signals,
    dump_traceback,
    interrupt,
    shutdown: end,
    mule: live_as_mule,
    spooler: begin_spooler,
    run_task,
    locate: tell_place,
    signal,
    places,
};

/// The one symbol that the core looks up in a plugin file.
#[unsafe(no_mangle)]
pub extern "C" fn rsgi_plugin() -> *const Plugin {
    // A file of its own has a standard library of its own, and a panic hook in that.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::panic(panic.payload_as_str().unwrap_or("a value that is no text"), &place);
    }));
    &raw const PLUGIN
}

/// What `init` received.
#[derive(Debug)]
struct Given {
    host: Host,
    settings: Settings,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

/// The core; `None` before `init`.
pub(crate) fn host() -> Option<Host> {
    GIVEN.get().map(|given| given.host)
}

/// The configuration; `None` before `init`.
pub(crate) fn settings() -> Option<&'static Settings> {
    GIVEN.get().map(|given| &given.settings)
}

/// A `QUERY_*` number of the core.
pub(crate) fn query(what: u32) -> Option<u64> {
    host()?.query(what)
}

/// The trampoline: no panic leaves the plugin.
fn guarded<T>(on_panic: T, call: impl FnOnce() -> T) -> T {
    // The hook has said what there is to say.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(on_panic)
}

unsafe extern "C" fn init(host: *const types::Host, settings: *const Setting<'static>, len: usize) -> c_int {
    guarded(1, || {
        // SAFETY: the pointer is the one given to `init`.
        let Some(host) = (unsafe { Host::new(host) }) else {
            // There is no border to log over.
            eprintln!(
                "error: the python plugin was built for a newer rsgi than this one: build it with this one's --build-plugin"
            );
            return 1;
        };
        // SAFETY: as above.
        let settings = Settings::new(unsafe { guest::settings(settings, len) });
        let given = GIVEN.get_or_init(|| Given { host, settings });
        interpreter::start(given.host, &given.settings).map_or_else(
            |reason| {
                log::error(&reason.to_string());
                1
            },
            |()| 0,
        )
    })
}

unsafe extern "C" fn load_apps() -> c_int {
    guarded(-1, || GIVEN.get().map_or(-1, |given| loader::load_all(given.host, &given.settings)))
}

unsafe extern "C" fn before_fork() {
    guarded((), threads::before_fork);
}

unsafe extern "C" fn after_fork_parent() {
    guarded((), threads::after_fork_parent);
}

unsafe extern "C" fn after_fork_child(_worker: u32) {
    guarded((), threads::after_fork_child);
}

unsafe extern "C" fn core_start(core: u32) -> c_int {
    guarded(-1, || {
        GIVEN.get().map_or(-1, |given| if threads::start(given.host, &given.settings, core) { 0 } else { -1 })
    })
}

unsafe extern "C" fn core_stop(core: u32) {
    guarded((), || threads::stop(core));
}

unsafe extern "C" fn handle(_core: u32, request: *const Request, outcome: *mut Outcome) {
    guarded((), || {
        // SAFETY: the core passes its preset outcome, and nobody else looks at it during the call.
        let (Some(given), Some(outcome)) = (GIVEN.get(), unsafe { outcome.as_mut() }) else { return };
        // SAFETY: the pointer is the one given to `handle`, and the view does not leave this call.
        if let Some(request) = unsafe { given.host.request(request) } {
            wsgi::serve(request, outcome);
        }
    });
}

unsafe extern "C" fn check_signals() {
    guarded((), threads::check_signals);
}

unsafe extern "C" fn dump_traceback(fd: c_int) {
    // Not guarded: nothing here can panic, and a signal handler must not unwind.
    stacks::dump(fd);
}

unsafe extern "C" fn tell_place(text: *mut u8, room: usize) -> usize {
    // SAFETY: the core gives room for so many bytes, which nobody else looks at meanwhile.
    let room = unsafe { std::slice::from_raw_parts_mut(text, room) };
    // Not guarded, as above.
    place::tell(room)
}

unsafe extern "C" fn signal(number: u32) -> c_int {
    guarded(-1, || api::signals::handle(number))
}

unsafe extern "C" fn places(text: *mut u8, room: usize) -> usize {
    let list = guarded(Vec::new(), || settings().map_or_else(Vec::new, origins::list));
    if list.len() <= room {
        // SAFETY: the core gives room for so many bytes, which nobody else looks at meanwhile.
        unsafe { std::slice::from_raw_parts_mut(text, list.len()) }.copy_from_slice(&list);
    }
    list.len()
}

unsafe extern "C" fn interrupt(core: u32) -> c_int {
    guarded(-1, || if threads::interrupt(core) { 0 } else { -1 })
}

unsafe extern "C" fn live_as_mule(program: Slice) -> c_int {
    // SAFETY: the core keeps the program's name alive during the call.
    let program = String::from_utf8_lossy(unsafe { program.bytes() });
    guarded(1, || GIVEN.get().map_or(1, |given| mule::run(given.host, &given.settings, &program)))
}

unsafe extern "C" fn begin_spooler() {
    guarded((), || {
        if let Some(given) = GIVEN.get() {
            loader::spooler_imports(&given.settings);
        }
    });
}

unsafe extern "C" fn run_task(name: Slice, vars: *const Var<'static>, len: usize, body: Slice) -> c_int {
    // SAFETY: the arguments of this very call, and the view does not leave it.
    guarded(types::TASK_AGAIN, || spooler::run(unsafe { guest::task(name, vars, len, body) }))
}

unsafe extern "C" fn end(grace_ms: u32) {
    guarded((), || shutdown::run(grace_ms));
}
