//! Options, configuration sources and the resolved configuration of rsgi.
//!
//! Reads the command line, the environment and configuration files, and nothing else: no socket is opened, no process is
//! changed here.
#![forbid(unsafe_code)]

mod address;
mod config;

pub use address::{Address, AddressError};
pub use config::*;
