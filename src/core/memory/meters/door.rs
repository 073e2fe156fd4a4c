//! Where requests come in.

use rsgi_config::Protocol;

/// Where requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `http-socket`
    HttpSocket,
    /// `https-socket`
    HttpsSocket,
    /// `socket`, `uwsgi-socket`
    UwsgiSocket,
    /// `suwsgi-socket`
    SuwsgiSocket,
    /// `fastcgi-socket`
    FastcgiSocket,
    /// `scgi-socket`
    ScgiSocket,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Http,
        Self::Https,
        Self::HttpSocket,
        Self::HttpsSocket,
        Self::UwsgiSocket,
        Self::SuwsgiSocket,
        Self::FastcgiSocket,
        Self::ScgiSocket,
    ];

    /// The door of a worker's socket.
    #[must_use]
    pub const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http | Protocol::Http11 => Self::HttpSocket,
            Protocol::Https => Self::HttpsSocket,
            Protocol::Uwsgi | Protocol::Puwsgi | Protocol::Raw => Self::UwsgiSocket,
            Protocol::Suwsgi => Self::SuwsgiSocket,
            Protocol::Fastcgi | Protocol::FastcgiNph => Self::FastcgiSocket,
            Protocol::Scgi | Protocol::ScgiNph => Self::ScgiSocket,
        }
    }

    /// The option that opens it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::HttpSocket => "http-socket",
            Self::HttpsSocket => "https-socket",
            Self::UwsgiSocket => "uwsgi-socket",
            Self::SuwsgiSocket => "suwsgi-socket",
            Self::FastcgiSocket => "fastcgi-socket",
            Self::ScgiSocket => "scgi-socket",
        }
    }
}
