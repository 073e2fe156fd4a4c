//! The WSGI bridge (PEP 3333): one request, from the core's view of it to the last byte of the answer.

mod answer;
mod body;
pub(crate) mod child;
mod core;
pub(crate) mod environ;
mod failure;
mod file_wrapper;
mod headers;
mod input;
mod keys;
mod objects;
mod plain_file;
mod references;
mod response;
mod seat;
mod start_response;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rsgi_abi::guest::Request;
use rsgi_abi::types::Outcome;

pub(crate) use self::core::{Core, current};
pub(crate) use self::failure::exit_code;
pub(crate) use self::file_wrapper::borrow;
pub(crate) use self::response::Phase;
pub(crate) use self::seat::Seat;
pub(crate) use self::transaction::{State, Transaction};

use pyo3::Python;

/// Requests that wait for the interpreter lock.
static WAITING: AtomicU32 = AtomicU32::new(0);

/// Answers one request on the calling thread, which `core_start` has prepared.
pub(crate) fn serve(request: Request<'_>, outcome: &mut Outcome) {
    Core::with_mine(|core| {
        let asked = request.is_timed().then(Instant::now);
        let mut begun = asked;
        let objects = core.objects();
        let transaction = Arc::clone(&objects.transaction);
        transaction.lend(request, || {
            if asked.is_some() {
                WAITING.fetch_add(1, Relaxed);
            }
            let rest = Python::attach(|py| {
                if let Some(asked) = asked {
                    WAITING.fetch_sub(1, Relaxed);
                    outcome.lock_wait = nanos(asked.elapsed());
                    begun = Some(Instant::now());
                }
                core.run(py, objects, request, outcome)
            });
            if let Some(begun) = begun {
                outcome.inside = nanos(begun.elapsed());
                outcome.waiting = WAITING.load(Relaxed);
            }
            // The last bytes leave without the interpreter lock; their object is released when it is taken next.
            if let Some(bytes) = rest {
                answer::finish(&transaction, &bytes, outcome);
                core.sent = Some(bytes);
            }
        });
    });
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
