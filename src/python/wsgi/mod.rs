//! The WSGI bridge (PEP 3333): one request, from the core's view of it to the last byte of the answer.

mod answer;
mod body;
mod child;
mod core;
pub(crate) mod environ;
mod failure;
mod file_wrapper;
mod headers;
mod input;
mod keys;
mod objects;
mod references;
mod response;
mod seat;
mod start_response;
mod transaction;

use std::sync::Arc;
use std::time::Instant;

use rsgi_abi::guest::Request;
use rsgi_abi::types::Outcome;

pub(crate) use self::child::is_worker;
pub(crate) use self::core::{Core, current};
pub(crate) use self::failure::exit_code;
pub(crate) use self::file_wrapper::borrow;
pub(crate) use self::response::Phase;
pub(crate) use self::seat::Seat;
pub(crate) use self::transaction::{State, Transaction};

use pyo3::Python;

/// Answers one request on the calling thread, which `core_start` has prepared.
pub(crate) fn serve(request: Request<'_>, outcome: &mut Outcome) {
    Core::with_mine(|core| {
        let asked = request.is_timed().then(Instant::now);
        let objects = core.objects();
        let transaction = Arc::clone(&objects.transaction);
        transaction.lend(request, || {
            let rest = Python::attach(|py| {
                if let Some(asked) = asked {
                    outcome.lock_wait = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
                }
                core.run(py, objects, request, outcome)
            });
            // The last bytes leave without the interpreter lock; their object is released when it is taken next.
            if let Some(bytes) = rest {
                answer::finish(&transaction, &bytes, outcome);
                core.sent = Some(bytes);
            }
        });
    });
}
