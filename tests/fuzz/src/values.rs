//! Values of options that are more than a word or a number: addresses, hooks, schedules, loggers, networks. The first byte chooses the
//! option, the rest is its value.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use rsgi_config::{Address, Network};

/// Options whose values have a grammar of their own.
const OPTIONS: &[&str] = &[
    "socket", "http", "https", "http-socket", "shared-socket", "stats", "http-to", "cron", "unique-cron", "cron2", "attach-daemon",
    "attach-daemon2", "smart-attach-daemon", "smart-attach-daemon2", "hook-pre-app", "hook-as-root", "exec-asap", "hook-post-fork",
    "log-route", "logger", "req-logger", "log-encoder", "log-req-encoder", "log-format", "static-map", "static-expires",
    "static-expires-uri", "mime-file", "farm", "mule", "env", "touch-reload", "worker-reload-mercy", "cpu-affinity", "chmod-socket",
    "add-header", "limit-as", "reload-on-rss", "cheaper", "cheaper-algo", "cap", "rlimit", "mount", "module", "http-auto-gzip",
    "http-modifier1", "alarm", "spooler", "emperor", "die-on-term", "master-fifo", "uid", "umask", "harakiri", "python-path", "wsgi-file",
    "http-websockets", "sni", "ssl-verify-depth", "tls-ciphers", "proxy-from", "x-sendfile", "x-accel-redirect", "metric", "buffer-size",
];

pub(crate) fn run(input: &[u8]) {
    let Some((choice, value)) = input.split_first() else { return };
    let name = OPTIONS[usize::from(*choice) % OPTIONS.len()];
    let mut word = OsString::from(format!("--{name}="));
    word.push(std::ffi::OsStr::from_bytes(value));
    crate::config::words(vec![word], &[]);
    let Ok(text) = std::str::from_utf8(value) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address), "an address is what it prints");
    }
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(network.to_string().parse().as_ref(), Ok(&network), "a network is what it prints");
    }
}
