//! The language-free core of rsgi.
#![forbid(unsafe_code)]

pub mod control;
pub mod exit;
pub mod logging;
pub mod memory;
pub mod router;
pub mod worker;
