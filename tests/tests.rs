//! The tests that start the built server: one binary, one module a theme.
#![forbid(unsafe_code)]

/// The WSGI contract.
mod pep3333;
/// Each numbered line of the quickstart, as written there.
mod quickstart;
mod support;
