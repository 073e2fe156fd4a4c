//! The ways to an application: directly, or through nginx.

/// One of them.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) name: &'static str,
    /// Whether nginx stands before it.
    pub(crate) has_nginx: bool,
    /// Where it is open without TLS, in the container of nginx or of the application.
    pub(crate) plain: Option<u16>,
    /// Where it is open with TLS.
    pub(crate) tls: Option<u16>,
    /// Whether the application learns of the client by X-Forwarded-For and -Proto alone.
    pub(crate) is_proxied: bool,
}

const fn nginx(name: &'static str, port: u16) -> Door {
    Door { name, has_nginx: true, plain: Some(port), tls: Some(port + 400), is_proxied: false }
}

pub(crate) static DOORS: &[Door] = &[
    nginx("uwsgi-tcp", 8001),
    nginx("uwsgi-unix", 8002),
    Door { is_proxied: true, ..nginx("http-socket", 8003) },
    nginx("fastcgi", 8004),
    nginx("scgi", 8005),
    Door { name: "http", has_nginx: false, plain: Some(8081), tls: None, is_proxied: false },
    Door { name: "https", has_nginx: false, plain: None, tls: Some(8443), is_proxied: false },
];

/// Every port of the application, and of nginx, that a test connects to.
pub(crate) fn ports(of_nginx: bool) -> impl Iterator<Item = u16> {
    DOORS.iter().filter(move |door| door.has_nginx == of_nginx).flat_map(|door| [door.plain, door.tls]).flatten()
}
