//! Clients of a router that speak TLS.

use std::sync::Arc;

use rustls::ClientConfig;

use super::stage::Stage;

pub(super) use crate::tls::testing::{Authority, Encrypted, ask, rest};

/// Opens a connection and asks for the server `name`.
pub(super) fn open(stage: &Stage, config: Arc<ClientConfig>, name: &str) -> Encrypted {
    crate::tls::testing::open(stage.address, config, name)
}
