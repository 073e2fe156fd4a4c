//! PEP 3333 through every door: `http-socket`, the router, and a `uwsgi` socket. The cases are in `tests/apps/pep.py`.

mod answer;
mod answers;
mod behaviours;
mod big;
mod bodies;
mod door;
mod endings;
mod environ;
mod files;
