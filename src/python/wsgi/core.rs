//! What one serving thread keeps between requests: its environ template, its interned keys, the objects of a request.

use std::cell::RefCell;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;
use rsgi_abi::guest::Request;
use rsgi_abi::types::Outcome;

use super::environ;
use super::keys::Keys;
use super::objects::Objects;
use super::seat::Seat;
use super::transaction::Transaction;
use super::{answer, child, failure};
use crate::settings::Settings;
use crate::{api, apps, log};

/// One serving thread.
pub(crate) struct Core {
    template: Py<PyDict>,
    keys: Keys,
    /// The objects of the last request, when the application kept none of them.
    spare: Option<Objects>,
    /// The last bytes of the answer before: sent already, to be released with the interpreter lock held.
    pub(super) sent: Option<PyBackedBytes>,
    seat: Arc<Seat>,
    /// `catch-exceptions`: exceptions are shown to the client.
    catch_exceptions: bool,
}

thread_local! {
    static MINE: RefCell<Option<Core>> = const { RefCell::new(None) };
    static CURRENT: RefCell<Option<Arc<Transaction>>> = const { RefCell::new(None) };
}

/// The transaction of the request on this thread; `None` on threads that serve nothing.
pub(crate) fn current() -> Option<Arc<Transaction>> {
    CURRENT.with_borrow(Clone::clone)
}

impl Core {
    /// Prepares the calling thread to serve as core `number`.
    pub(crate) fn install(py: Python<'_>, number: u32, settings: &Settings, seat: Arc<Seat>) -> PyResult<()> {
        let template = environ::template(py, number, settings)?;
        let core = Self {
            spare: Some(Objects::new(&template)?),
            template: template.unbind(),
            keys: Keys::default(),
            sent: None,
            seat,
            catch_exceptions: settings.flag("catch-exceptions"),
        };
        MINE.set(Some(core));
        Ok(())
    }

    /// Forgets it. The interpreter lock is held, so that its objects go at once.
    pub(crate) fn uninstall(_py: Python<'_>) {
        MINE.take();
        CURRENT.take();
    }

    /// Runs `work` with the calling thread's core.
    pub(crate) fn with_mine(work: impl FnOnce(&mut Self)) {
        MINE.with(|mine| match mine.try_borrow_mut().as_deref_mut() {
            Ok(Some(core)) => work(core),
            Ok(None) | Err(_) => log::error("a request came to a thread that is no core: nobody answers it"),
        });
    }

    /// The objects for the next request.
    pub(crate) fn objects(&mut self) -> Objects {
        let objects = self.spare.take();
        let objects = objects.unwrap_or_else(|| {
            Python::attach(|py| Objects::new(self.template.bind(py)))
                .expect("an interpreter that cannot make three small objects has no memory left")
        });
        CURRENT.with_borrow_mut(|current| {
            if !current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &objects.transaction)) {
                *current = Some(Arc::clone(&objects.transaction));
            }
        });
        objects
    }

    /// Works on a request; what is returned is the rest of its body.
    pub(crate) fn run(
        &mut self,
        py: Python<'_>,
        objects: Objects,
        request: Request<'_>,
        outcome: &mut Outcome,
    ) -> Option<PyBackedBytes> {
        self.sent = None;
        self.seat.enter();
        let mut rest = self.respond(py, &objects, request, outcome);
        child::leave(py);
        if let Some(hook) = api::after_request_hook(py) {
            if let Some(bytes) = rest.take() {
                py.detach(|| answer::finish(&objects.transaction, &bytes, outcome));
            }
            if let Err(error) = hook.call0() {
                failure::record(py, &error, outcome);
            }
            child::leave(py);
        }
        self.seat.leave();
        self.spare = objects.are_unshared(py).then_some(objects);
        rest
    }

    fn respond(
        &mut self,
        py: Python<'_>,
        objects: &Objects,
        request: Request<'_>,
        outcome: &mut Outcome,
    ) -> Option<PyBackedBytes> {
        let mut kept = None;
        let answered = self.call(py, objects, request, outcome, &mut kept);
        answered.unwrap_or_else(|error| {
            failure::record(py, &error, outcome);
            if let Some(environ) = kept {
                failure::show(py, &error, &environ, &objects.transaction, outcome);
            }
            None
        })
    }

    fn call<'py>(
        &mut self,
        py: Python<'py>,
        objects: &Objects,
        request: Request<'_>,
        outcome: &mut Outcome,
        kept: &mut Option<Bound<'py, PyDict>>,
    ) -> PyResult<Option<PyBackedBytes>> {
        let environ = self.template.bind(py).copy()?;
        let target = self.keys.fill(&environ, request.vars())?;
        let Some(choice) = apps::choose(target) else {
            log::error("--- no python application found, check your startup logs for errors ---");
            return Ok(None);
        };
        outcome.app = i32::try_from(choice.number).unwrap_or(-1);
        if let Some(at) = choice.split {
            environ::split(&environ, target.path_info, at)?;
        }
        if self.catch_exceptions {
            *kept = Some(environ.clone());
        }
        let result = choice.app.callable.bind(py).call1((environ, objects.start_response.bind(py)))?;
        answer::deliver(py, &objects.transaction, result, outcome)
    }
}
