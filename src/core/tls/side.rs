//! Whose encrypted addresses are meant: those of the router or those of the workers.

use rsgi_config::{Address, Config, Protocol, Tls};
use serde::{Deserialize, Serialize};

/// One of the two front doors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// `https`, `https2`.
    #[default]
    Router,
    /// `https-socket`, `suwsgi-socket`.
    Workers,
}

impl Side {
    /// Its addresses in the order of the configuration; `None` for those that are not encrypted.
    pub(super) fn doors(self, config: &Config) -> Vec<Option<&Tls>> {
        match self {
            Self::Router => config.router.binds.iter().map(|bind| bind.tls.as_ref()).collect(),
            Self::Workers => config.sockets.iter().map(|socket| socket.tls.as_ref()).collect(),
        }
    }

    /// The name of an address, which outlives a reload.
    pub(super) fn address(self, config: &Config, door: usize) -> Option<&Address> {
        match self {
            Self::Router => config.router.binds.get(door).map(|bind| &bind.address),
            Self::Workers => config.sockets.get(door).map(|socket| &socket.address),
        }
    }

    /// Whether anything of it is encrypted.
    pub(super) fn is_encrypted(self, config: &Config) -> bool {
        self.doors(config).iter().any(Option::is_some)
    }

    /// What an address offers by ALPN, the best first. None: whatever the client wants to speak is not asked.
    pub(super) fn protocols(self, config: &Config, door: usize) -> &'static [&'static [u8]] {
        match self {
            Self::Router => &[super::HTTP2, super::HTTP1, super::HTTP1_0],
            Self::Workers => match config.sockets.get(door).map(|socket| socket.protocol) {
                Some(Protocol::Https) => &[super::HTTP1, super::HTTP1_0],
                _ => &[],
            },
        }
    }
}
