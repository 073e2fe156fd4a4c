//! What a running instance is told from outside: by pipes, touched files, pid files and signals; and what runs beside it.

mod cron;
mod daemons;
mod fifo;
mod hooks;
mod pause;
mod pidfile;
mod socket;
mod touch;
