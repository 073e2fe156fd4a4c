//! The control socket: how an operator's tools (`rsgi top`, `rsgi reload --wait`) talk to a running master.
//!
//! One line of JSON in, one line of JSON out, as many as you like on a connection ([`protocol`]). Every master listens on an
//! abstract unix socket that its process id names ([`place`]), so nothing has to be configured and nothing lies in the file
//! system; the option `control` adds a file. [`server`] lets in root and the user that the master runs as, and hands what they
//! ask to the master (`master/verbs.rs`), which may answer when it likes. [`client`] is the other side.

pub mod client;
pub mod place;
pub mod protocol;
pub mod server;
pub mod view;
