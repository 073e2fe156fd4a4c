//! Who may connect: networks in the usual notation, and unix sockets.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A set of peers: `10.0.0.0/8`, `::1`, `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Whoever connects to a unix socket.
    Unix,
    /// The addresses that share the first `bits` bits with this one.
    Ip {
        /// One of them.
        address: IpAddr,
        /// 0 to 32, or to 128.
        bits: u8,
    },
}

impl Network {
    /// Whether a peer is meant by a list in which nothing means everybody.
    #[must_use]
    pub fn is_listed(list: &[Self], peer: Option<IpAddr>) -> bool {
        list.is_empty() || list.iter().any(|network| network.contains(peer))
    }

    /// Whether a peer belongs to it; `None` is the peer of a unix socket.
    #[must_use]
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer.map(|peer| peer.to_canonical())) {
            (Self::Unix, None) => true,
            (Self::Ip { address: IpAddr::V4(address), bits }, Some(IpAddr::V4(peer))) => {
                let other = address.to_bits() ^ peer.to_bits();
                other.checked_shr(32 - u32::from(*bits)).unwrap_or(0) == 0
            }
            (Self::Ip { address: IpAddr::V6(address), bits }, Some(IpAddr::V6(peer))) => {
                let other = address.to_bits() ^ peer.to_bits();
                other.checked_shr(128 - u32::from(*bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(drop)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(drop)?;
        if bits > most { Err(()) } else { Ok(Self::Ip { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::Ip { address, bits } => write!(f, "{address}/{bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_belong_or_do_not() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1/31", "127.0.0.0", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
            ("::1", "::1", true),
            ("::1", "::2", false),
        ];
        for (network, peer, belongs) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(Some(peer.parse().unwrap())), belongs, "{peer} in {network}");
            assert!(!network.contains(None));
        }
        assert!(Network::Unix.contains(None) && !Network::Unix.contains(Some("::1".parse().unwrap())));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "example.org", "UNIX", "/8"] {
            assert_eq!(text.parse::<Network>(), Err(()), "{text}");
        }
    }
}
