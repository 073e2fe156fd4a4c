//! The stats server: the state of the instance as JSON, in uWSGI's words, for `uwsgitop` and whoever else reads them.
//!
//! [`model`] is what is told, [`collect`] where it comes from, [`text`] how it is written, [`server`] who gets it.

pub mod collect;
pub mod model;
pub mod server;
pub mod text;
