//! One file a group of lines, one test or more a line. All that uWSGI can do too was proved on it first:
//! `RSGI_UNDER_TEST=uwsgi cargo nextest run quickstart::` runs them there.

mod harakiri;
mod line_01_router;
mod line_02_processes;
mod line_03_http_socket;
mod line_04_nginx;
mod line_05_django;
mod line_06_flask;
mod line_07_web2py;
mod line_08_ini;
mod line_09_options;
mod line_10_signals;
mod line_11_log;
mod stats;
