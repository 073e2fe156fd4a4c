//! The Python plugin: interpreter, application loading and the WSGI bridge.
//!
//! A request's way: [`border`] → [`wsgi::serve`] → [`apps`] (which application) → [`wsgi::environ`] → the application,
//! which calls [`wsgi::start_response`] and reads [`wsgi::input`] → [`wsgi::answer`]. Everything a request owns lives in
//! one [`wsgi::transaction`].
//!
//! Rules of the house
//! * Nobody waits for anything but the interpreter while holding the interpreter lock: [`pyo3::Python::detach`] first.
//! * What Python objects may outlive (the request, the core's callbacks) is lent, never given: see `transaction`.
//! * The core is told what went wrong through [`log`]; nothing is printed.

mod api;
mod apps;
mod autoreload;
mod border;
mod home;
mod interpreter;
mod loader;
mod log;
mod mule;
mod origins;
mod place;
mod search_path;
mod settings;
mod shutdown;
mod spooler;
mod stacks;
mod text;
mod threads;
mod uncaught;
mod wsgi;

pub use border::{PLUGIN, rsgi_plugin};
