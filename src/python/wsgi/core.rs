//! What one serving thread keeps between requests: its environ template, its interned keys, the objects of a request.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;
use rsgi_abi::guest::Request;
use rsgi_abi::types::Outcome;

use super::environ;
use super::input::Input;
use super::keys::Keys;
use super::references::references;
use super::start_response::StartResponse;
use super::transaction::Transaction;
use super::{answer, failure};
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
    catch_exceptions: bool,
}

/// The Python objects of one request.
pub(crate) struct Objects {
    pub(crate) transaction: Arc<Transaction>,
    input: Py<Input>,
    starter: Py<StartResponse>,
    start_response: Py<PyAny>,
}

/// What other threads need to know of a core, to interrupt it.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Python's identifier of the thread.
    pub(crate) thread: std::ffi::c_long,
    /// A request is being worked on. Written with the interpreter lock held.
    busy: AtomicBool,
    /// An exception was thrown in from outside and may still be pending.
    interrupted: AtomicBool,
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
        self.seat.busy.store(true, Ordering::Relaxed);
        let mut rest = self.respond(py, &objects, request, outcome);
        if let Some(hook) = api::after_request_hook(py) {
            if let Some(bytes) = rest.take() {
                py.detach(|| answer::finish(&objects.transaction, &bytes, outcome));
            }
            if let Err(error) = hook.call0() {
                failure::record(py, &error, outcome);
            }
        }
        self.leave();
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

    /// The request is done: an exception that was thrown in and has not been raised yet must not hit the next one.
    fn leave(&self) {
        self.seat.busy.store(false, Ordering::Relaxed);
        if self.seat.interrupted.swap(false, Ordering::Relaxed) {
            crate::threads::forget_interrupt(self.seat.thread);
        }
    }
}

impl Objects {
    /// New objects, of which `template` gets the input.
    fn new(template: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = template.py();
        let transaction = Arc::<Transaction>::default();
        let input = Py::new(py, Input(Arc::clone(&transaction)))?;
        let starter = Py::new(py, StartResponse::new(py, Arc::clone(&transaction))?)?;
        // A bound built-in method: the interpreter calls it by vectorcall, without a tuple of arguments.
        let start_response = starter.getattr(py, "start_response")?;
        environ::set_input(template, input.bind(py))?;
        Ok(Self { transaction, input, starter, start_response })
    }

    fn are_unshared(&self, py: Python<'_>) -> bool {
        // The template holds the second reference to the input, the bound method that to its object.
        references(py, &self.input) == 2
            && references(py, &self.start_response) == 1
            && references(py, &self.starter) == 2
            && self.starter.get().is_unshared(py)
    }
}

impl Seat {
    pub(crate) const fn new(thread: std::ffi::c_long) -> Self {
        Self { thread, busy: AtomicBool::new(false), interrupted: AtomicBool::new(false) }
    }

    /// Marks the request as interrupted; `false` when there is none. The interpreter lock must be held.
    pub(crate) fn mark_interrupted(&self) -> bool {
        let busy = self.busy.load(Ordering::Relaxed);
        if busy {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        busy
    }
}
