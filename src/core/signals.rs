//! Signals that reach every process of an instance, though they are meant for its master.

use rsgi_sys::signal::{Signal, disregard};

/// A terminal sends Ctrl-C to all, a service manager may send SIGTERM to all: a process that the master tells when to leave
/// lets them pass. Handlers of the application stay; programs started from here get the default.
pub fn disregard_all() {
    let meant_for_the_master = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGTSTP,
    ];
    for signal in meant_for_the_master {
        if let Err(errno) = disregard(signal) {
            tracing::warn!("{signal} cannot be disregarded: {errno}");
        }
    }
}
