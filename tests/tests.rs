//! The tests that start the built server: one binary, one module a theme.
#![forbid(unsafe_code)]

/// Broken clients, applications and configurations.
mod bad_input;
/// What a service manager sees.
mod boot;
/// One case on uWSGI and on rsgi, the answers compared.
mod compat;
/// Many instances, one emperor.
mod emperor;
/// HTTPS from outside: curl, openssl.
mod https;
/// Memory of a worker beside uWSGI's.
mod memory;
/// The WSGI contract.
mod pep3333;
/// The language-free server and its plugins.
mod plugins;
/// Every protocol, behind a real nginx.
mod protocols;
/// Each numbered line of the quickstart, as written there.
mod quickstart;
/// User, group and capabilities.
mod rights;
/// Files that no application sees.
mod statics;
/// Zygote, generations, supervision.
mod supervision;
mod support;
