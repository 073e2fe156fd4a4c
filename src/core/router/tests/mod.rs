//! The router over real sockets: a client that writes bytes, and cores played by the test, which speak link frames.

mod bodies;
mod endings;
mod failures;
mod files;
mod hostile;
mod http2;
mod https;
mod identities;
mod monitoring;
mod overtime;
mod requests;
mod stage;
mod tails;
mod tunnels;
