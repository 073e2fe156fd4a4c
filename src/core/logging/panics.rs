//! Panics, which are defects of ours: each is one record with an identifier, and is counted.
//!
//! What is caught goes on, so that a request may be answered with 500 by a process that lives: its line in the log has the
//! identifier too.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Member, Weight};
use crate::identity::identity;
use crate::memory::core_slot::CoreSlot;
use crate::memory::meters::{Count, Meter};

/// What to look for in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(u64);

/// What this process is, unless it is a fork of a zygote.
static ROLE: OnceLock<String> = OnceLock::new();

/// Where this process counts.
static METER: OnceLock<Meter> = OnceLock::new();

thread_local! {
    /// The last panic on this thread that nobody has asked for.
    static LAST: Cell<Option<Id>> = const { Cell::new(None) };
    /// A panic on this thread is no defect, and expected.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    /// The core that this thread is.
    static CORE: Cell<Option<CoreSlot>> = const { Cell::new(None) };
}

/// Writes records in place of the lines that Rust would print.
pub fn watch() {
    std::panic::set_hook(Box::new(|panic| {
        if IS_QUIET.get() {
            return;
        }
        let message = panic.payload_as_str().unwrap_or("a value that is no text");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        record(message, &place);
    }));
}

/// Names this process.
pub fn be(role: String) {
    ROLE.get_or_init(|| role);
}

/// Counts here.
pub fn count_in(meter: Meter) {
    METER.get_or_init(|| meter);
}

/// This thread is a core: the request in its slot, if it is described, is named.
pub fn adopt(slot: Option<CoreSlot>) {
    CORE.set(slot);
}

/// Runs what may panic by design of a library, and catches that itself: it is not recorded.
pub fn quietly<T>(run: impl FnOnce() -> T) -> T {
    IS_QUIET.set(true);
    let done = run();
    IS_QUIET.set(false);
    done
}

/// The panic on this thread since the last call.
#[must_use]
pub fn take() -> Option<Id> {
    LAST.take()
}

/// Writes the record of a panic, and counts it. `place`: file, line and column.
pub fn record(message: &str, place: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = Id(u64::try_from(now.as_micros()).unwrap_or_default() & ((1 << 40) - 1));
    LAST.set(Some(id));
    if let Some(meter) = METER.get() {
        meter.count(Count::Panics);
    }
    let process = identity().map(|identity| format!("{} {}", identity.kind, identity.id));
    let process = process.as_ref().or_else(|| ROLE.get()).map_or("master", String::as_str);
    let request = CORE.get().and_then(request).unwrap_or_default();
    let about = if request.is_empty() { String::new() } else { format!(", {}", request.escape_debug()) };
    let calls = calls().unwrap_or_default();
    let plain = format!("panic {id} in the {process}{about}: {message} ({place})\n{calls}");
    let id = id.to_string();
    let members =
        [("panic", id.as_str()), ("process", process), ("place", place), ("request", &request), ("calls", &calls)];
    let members = members.map(|(name, text)| (name, Member::Text(text)));
    super::fact(Weight::Error, "panic", message, plain.trim_end(), &members);
}

/// The calls that led here, when `RUST_BACKTRACE` asks for them.
fn calls() -> Option<String> {
    let trace = Backtrace::capture();
    (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string().trim_end().to_owned())
}

/// Method and URI of the request on a core, when its variables are written down.
fn request(slot: CoreSlot) -> Option<String> {
    slot.busy_since()?;
    let vars = slot.variables();
    let value = |key: &[u8]| {
        let value = vars.iter().find_map(|var| var.strip_prefix(key)?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    Some(format!("{} {}", value(b"REQUEST_METHOD")?, value(b"REQUEST_URI")?))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_known_once() {
        assert_eq!(take(), None);
        record("a test's", "a.rs:1:2");
        let id = take().unwrap().to_string();
        assert!(id.len() == 10 && u64::from_str_radix(&id, 16).is_ok(), "{id}");
        assert_eq!(take(), None);
    }
}
