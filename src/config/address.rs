//! Where to listen or connect: parses uWSGI's address forms and prints them back. Opens nothing and resolves no name.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place to listen on or to connect to.
///
/// Source: uWSGI 2.0, "Socket addresses". `Display` gives text that parses to the same address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// TCP.
    Tcp {
        /// An IPv4 or IPv6 literal (without brackets), a host name, or `192.168.*` (the first local address that starts
        /// so); empty means all interfaces.
        host: String,
        /// 0 lets the kernel choose.
        port: u16,
    },
    /// A unix stream socket.
    Unix(PathBuf),
    /// A socket of Linux's abstract namespace, without the leading `@`.
    Abstract(String),
    /// A descriptor that is open already.
    Fd(i32),
    /// The n-th `shared-socket`, counted from 0 in the order written.
    Shared(usize),
}

/// Why a text is no address. Says what to write instead where that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct AddressError {
    problem: String,
    /// What to write instead, if known.
    pub help: Option<String>,
}

impl AddressError {
    fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { problem: problem.into(), help: Some(help.into()) }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::new("an address is missing", "write :9090, 127.0.0.1:9090 or /run/app.sock"));
        }
        if let Some(number) = text.strip_prefix('=') {
            let help = "write =0 for the first shared-socket, =1 for the second";
            return number.parse().map(Self::Shared).map_err(|_| {
                AddressError::new(format!("expected the number of a shared socket after =, found \"{number}\""), help)
            });
        }
        if let Some(number) = text.strip_prefix("fd://") {
            return number.parse().ok().filter(|fd| *fd >= 0).map(Self::Fd).ok_or_else(|| {
                AddressError::new(format!("expected a descriptor number, found \"{number}\""), "write fd://3")
            });
        }
        if let Some(name) = text.strip_prefix('@').or_else(|| text.strip_prefix("\\0")) {
            return Ok(Self::Abstract(name.into()));
        }
        if text == "::" {
            return Ok(Self::Fd(0));
        }
        match text.rsplit_once(':') {
            Some((host, port)) => tcp(text, host, port),
            None => Ok(Self::Unix(text.into())),
        }
    }
}

fn tcp(text: &str, host: &str, port: &str) -> Result<Address, AddressError> {
    if let Some(path) = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:")) {
        return Err(AddressError::new("a unix socket is written as its path alone", format!("write {path}")));
    }
    let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(inner)) if is_ipv6(inner) => inner,
        Some(Some(inner)) => {
            let problem = format!("expected an IPv6 address in brackets, found \"{inner}\"");
            return Err(AddressError::new(problem, "write [::1]:9090; names and IPv4 addresses have no brackets"));
        }
        Some(None) => {
            return Err(AddressError::new("the bracket of the IPv6 address does not close", "write [::1]:9090"));
        }
        None if host.contains(':') => {
            return Err(AddressError::new("an IPv6 address needs brackets", format!("write [{host}]:{port}")));
        }
        None => host,
    };
    let port = match port {
        "" => 0,
        digits => digits.parse().map_err(|_| {
            AddressError::new(
                format!("expected a port from 0 to 65535, found \"{digits}\""),
                format!("write {host}:9090"),
            )
        })?,
    };
    Ok(Address::Tcp { host: host.into(), port })
}

/// Whether this is an IPv6 address, or one with a zone (`fe80::1%eth0`, RFC 4007 section 11).
fn is_ipv6(text: &str) -> bool {
    text.split_once('%').map_or(text, |(address, _)| address).parse::<Ipv6Addr>().is_ok()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Abstract(name) => write!(f, "@{name}"),
            Self::Fd(fd) => write!(f, "fd://{fd}"),
            Self::Shared(number) => write!(f, "={number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    #[test]
    fn every_form_parses_and_prints_back() {
        for (text, address) in [
            (":9090", tcp("", 9090)),
            ("127.0.0.1:3031", tcp("127.0.0.1", 3031)),
            ("localhost:3031", tcp("localhost", 3031)),
            ("[::1]:3031", tcp("::1", 3031)),
            ("[fe80::1%eth0]:3031", tcp("fe80::1%eth0", 3031)),
            ("192.168.*:3031", tcp("192.168.*", 3031)),
            ("127.0.0.1:0", tcp("127.0.0.1", 0)),
            ("/run/app.sock", Address::Unix("/run/app.sock".into())),
            ("app.sock", Address::Unix("app.sock".into())),
            ("@app", Address::Abstract("app".into())),
            ("=1", Address::Shared(1)),
            ("fd://3", Address::Fd(3)),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address, "{text}");
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn other_spellings_mean_the_same() {
        for (text, address) in [
            ("127.0.0.1:", tcp("127.0.0.1", 0)),
            ("\\0app", Address::Abstract("app".into())),
            ("::", Address::Fd(0)),
            (" :80", tcp("", 80)),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_says_what_to_write() {
        for (text, problem, help) in [
            (":99999", "expected a port from 0 to 65535, found \"99999\"", "write :9090"),
            ("::1:80", "an IPv6 address needs brackets", "write [::1]:80"),
            (
                "[ a]:80",
                "expected an IPv6 address in brackets, found \" a\"",
                "write [::1]:9090; names and IPv4 addresses have no brackets",
            ),
            ("unix:/tmp/a.sock", "a unix socket is written as its path alone", "write /tmp/a.sock"),
            (
                "=x",
                "expected the number of a shared socket after =, found \"x\"",
                "write =0 for the first shared-socket, =1 for the second",
            ),
            ("fd://-1", "expected a descriptor number, found \"-1\"", "write fd://3"),
            ("", "an address is missing", "write :9090, 127.0.0.1:9090 or /run/app.sock"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!((error.to_string().as_str(), error.help.as_deref()), (problem, Some(help)), "{text}");
        }
    }
}
