//! Log lines.

pub mod request;
