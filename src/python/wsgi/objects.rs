//! The Python objects of a request, used again when the application has kept none of them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::environ;
use super::input::Input;
use super::references::references;
use super::start_response::StartResponse;
use super::transaction::Transaction;

/// The Python objects of one request.
pub(crate) struct Objects {
    pub(crate) transaction: Arc<Transaction>,
    input: Py<Input>,
    starter: Py<StartResponse>,
    pub(super) start_response: Py<PyAny>,
}

impl Objects {
    /// New objects, of which `template` gets the input.
    pub(super) fn new(template: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = template.py();
        let transaction = Arc::<Transaction>::default();
        let input = Py::new(py, Input(Arc::clone(&transaction)))?;
        let starter = Py::new(py, StartResponse::new(py, Arc::clone(&transaction))?)?;
        // A bound built-in method: the interpreter calls it by vectorcall, without a tuple of arguments.
        let start_response = starter.getattr(py, "start_response")?;
        environ::set_input(template, input.bind(py))?;
        Ok(Self { transaction, input, starter, start_response })
    }

    /// Whether the application has kept nothing.
    pub(super) fn are_unshared(&self, py: Python<'_>) -> bool {
        // The template holds the second reference to the input, the bound method that to its object.
        references(py, &self.input) == 2
            && references(py, &self.start_response) == 1
            && references(py, &self.starter) == 2
            && self.starter.get().is_unshared(py)
    }
}
