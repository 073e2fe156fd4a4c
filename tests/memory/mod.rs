//! What a worker holds: beside uWSGI's, and after many requests.

mod beside_uwsgi;
mod references;
