//! Tells whether the application has kept an object that the next request would use again.
#![allow(unsafe_code)]

use pyo3::prelude::*;

/// Number of references to an object. With the interpreter lock held it cannot change meanwhile.
pub(crate) fn references<T>(_py: Python<'_>, object: &Py<T>) -> isize {
    // SAFETY: a live object.
    unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) }
}
