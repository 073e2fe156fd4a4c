//! PEP 3333 through every door: `http-socket`, the router, and a `uwsgi` socket. The cases are in `tests/apps/pep.py`.

mod answers;
mod bodies;
mod door;
mod environ;
mod files;
