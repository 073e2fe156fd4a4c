//! The core's side.
