//! All cases, by name.

mod answers;

/// A case: a function that panics when something is wrong.
pub(crate) type Case = fn();

/// Every case.
pub(crate) const ALL: &[(&str, Case)] = &[("hello", answers::hello)];
