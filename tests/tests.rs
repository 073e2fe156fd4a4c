//! The tests that start the built server: one binary, one module a theme.
#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "what fails here fails in the hands of a developer")]

/// Functions of the module `uwsgi`.
mod api;
/// Signals of the application, timers, file monitors.
mod api_signals;
/// Processes beside the workers.
mod aside;
/// Broken clients, applications and configurations.
mod bad_input;
/// What docs/deploy/behind-nginx.md says.
mod behind_nginx;
/// What a service manager sees.
mod boot;
/// A person with a browser: headless Chromium.
mod browser;
/// One case on uWSGI and on rsgi, the answers compared.
mod compat;
/// Where options come from, in every style.
mod configuration;
/// Pipes, touched files, pid files, signals.
mod control;
/// Many instances, one emperor.
mod emperor;
/// System calls that fail for a while.
mod faults;
/// A file system without room.
mod full_disk;
/// Broken packets and garbage where web servers and proxies speak.
mod hostile;
/// HTTP/1.1 byte by byte.
mod http1;
/// HTTP/2 by clients that mean harm, and by those of the field.
mod http2;
/// HTTPS from outside: curl, openssl.
mod https;
/// Where the log goes, and how it looks.
mod logs;
/// What a worker holds.
mod memory;
/// Metrics, health checks, traces.
mod monitoring;
/// Options, each seen from outside.
mod options;
/// More is asked than can be served.
mod overload;
/// The WSGI contract.
mod pep3333;
/// The language-free server and its plugins.
mod plugins;
/// Every protocol, behind a real nginx.
mod protocols;
/// Each row of uWSGI's quickstart, as written there.
mod quickstart;
/// Workers that are replaced.
mod recycling;
/// Reloads with a gate, and what triggers them.
mod reload;
/// The start-up lines and the request line.
mod request_log;
/// User, group and capabilities.
mod rights;
/// What applications and routers cannot do any more.
mod sandbox;
/// A number of workers that follows the load.
mod scaling;
/// What stops and reloads, and with which exit code.
mod signals;
/// Clients that hold what they have for as long as they may.
mod slow;
/// Where a server listens, in every form.
mod sockets;
/// Files that no application sees.
mod statics;
/// Zygote, generations, supervision.
mod supervision;
mod support;
/// Threads of the server and of the application.
mod threads;
/// `rsgi top` and its kin.
mod tools;
/// Another program in place of the running one.
mod upgrade;
/// Websockets, from the handshake to the last Close.
mod websockets;
