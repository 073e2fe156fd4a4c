//! Where the control socket of an instance is: an abstract unix socket named after the process id of its master.
//!
//! Process ids are counted anew in each pid namespace, while containers may share a network, and with it all abstract names:
//! so the namespace is part of the name.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::SocketAddr;

/// The address of the instance whose master is process `pid`, as this process counts them.
///
/// # Errors
/// Never: the name is short enough.
pub fn address(pid: u32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{}{pid}", prefix()))
}

/// The masters that have a control socket in this namespace, of whichever user. Sorted.
#[must_use]
pub fn masters() -> Vec<u32> {
    let names = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let prefix = format!("@{}", prefix());
    // A connection carries the name of the listener too: each only once.
    let mut pids: Vec<_> = names.lines().filter_map(|line| pid(line, &prefix)).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

fn pid(line: &str, prefix: &str) -> Option<u32> {
    line.rsplit(' ').next()?.strip_prefix(prefix)?.parse().ok()
}

fn prefix() -> String {
    // Without /proc there is one namespace as far as we can see.
    let namespace = std::fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino());
    format!("rsgi-control/{namespace}/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_listener_is_found_by_its_number() {
        let number = u32::MAX - std::process::id();
        assert!(!masters().contains(&number));
        let _listener = UnixListener::bind_addr(&address(number).unwrap()).unwrap();
        assert!(masters().contains(&number));
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 4242 @rsgi-control/9/17";
        assert_eq!(
            (pid(line, "@rsgi-control/9/"), pid(line, "@rsgi-control/8/"), pid("", "@")),
            (Some(17), None, None)
        );
    }
}
