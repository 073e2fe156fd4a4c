//! Loopback addresses: each server gets one of its own, so that any port on it is free and tests run side by side.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::processes;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// An address in 127.0.0.0/8 on which nothing listens and that no other test draws.
pub(crate) fn fresh() -> Ipv4Addr {
    loop {
        let mut digest = DefaultHasher::new();
        (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), SystemTime::now()).hash(&mut digest);
        let [a, b, c, ..] = digest.finish().to_be_bytes();
        let ip = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
        if !processes::listeners().iter().any(|listener| *listener.ip() == ip) {
            return ip;
        }
    }
}
