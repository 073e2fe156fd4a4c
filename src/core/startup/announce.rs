//! What a start says: warnings, the banner, addresses with the URL to open.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use rsgi_config::{Config, Diagnostic, Protocol};

use crate::logging;
use crate::master::sockets::Sockets;

/// Says what the configuration has to say, line by line.
pub(super) fn say(warnings: &[Diagnostic], printed: &[String]) {
    let texts = warnings.iter().map(ToString::to_string).chain(printed.iter().cloned());
    for text in texts {
        for line in text.lines() {
            logging::line(line.as_bytes());
        }
    }
}

/// The first line: who, where, from which files.
pub(super) fn banner(config: &Config) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = if cpus == 1 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") };
    let (version, machine, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS);
    let mut text = format!("rsgi {version} on {machine}-{system}, {cpus}, pid {}", std::process::id());
    for (index, file) in config.files.iter().enumerate() {
        let label = if index == 0 { ", config " } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{label}{}", file.display());
    }
    text
}

/// One line for each address, with a URL where a browser can be pointed at it.
#[must_use]
pub fn addresses(config: &Config, sockets: &Sockets) -> Vec<String> {
    let mut lines = Vec::new();
    for (bound, bind) in sockets.router.iter().zip(&config.router.binds) {
        let scheme = if bind.tls.is_some() { "https" } else { "http" };
        lines.push(format!("{scheme} {bound}{}", url(scheme, &bound.name)));
    }
    for (index, (bound, socket)) in sockets.workers.iter().zip(&config.sockets).enumerate() {
        let url = match socket.protocol {
            Protocol::Http | Protocol::Http11 => url("http", &bound.name),
            Protocol::Https => url("https", &bound.name),
            _ => String::new(),
        };
        lines.push(format!("{} socket {index}: {bound}{url}", protocol_name(socket.protocol)));
        if is_for_proxies(socket.protocol) && is_open(&bound.name) {
            lines.push(format!(
                "warning: {bound} is open to other machines: whoever reaches it is believed about who the client is; \
                 let nobody but your proxy reach it, or bind it to a private address or a unix socket"
            ));
        }
    }
    lines
}

fn url(scheme: &str, name: &str) -> String {
    let Ok(address) = name.parse::<SocketAddr>() else { return String::new() };
    let port = address.port();
    if address.ip().is_unspecified() {
        format!(" -> {scheme}://localhost:{port}/")
    } else {
        format!(" -> {scheme}://{address}/")
    }
}

/// Who speaks this says who the client is (REMOTE_ADDR, HTTPS).
const fn is_for_proxies(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Http | Protocol::Http11 | Protocol::Https)
}

/// Whether more than this machine and a private network may reach the address.
fn is_open(name: &str) -> bool {
    name.parse::<SocketAddr>().is_ok_and(|address| match address.ip().to_canonical() {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_private() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unique_local() && !ip.is_unicast_link_local(),
    })
}

const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Uwsgi | Protocol::Puwsgi | Protocol::Suwsgi => "uwsgi",
        Protocol::Http | Protocol::Http11 => "http",
        Protocol::Https => "https",
        Protocol::Fastcgi | Protocol::FastcgiNph => "fastcgi",
        Protocol::Scgi | Protocol::ScgiNph => "scgi",
        Protocol::Raw => "raw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_with_the_url_to_open() {
        assert_eq!(url("http", "127.0.0.1:9090"), " -> http://127.0.0.1:9090/");
        assert_eq!(url("https", "0.0.0.0:443"), " -> https://localhost:443/");
        assert_eq!(url("http", "[::]:80"), " -> http://localhost:80/");
        assert_eq!(url("http", "[::1]:80"), " -> http://[::1]:80/");
        assert_eq!(url("http", "/run/app.sock"), "");
    }

    #[test]
    fn open_is_what_strangers_can_reach() {
        for name in ["0.0.0.0:3031", "[::]:3031", "192.0.2.1:3031", "[2001:db8::1]:3031", "[::ffff:192.0.2.1]:3031"] {
            assert!(is_open(name), "{name}");
        }
        for name in
            ["127.0.0.1:3031", "[::1]:3031", "10.1.2.3:3031", "192.168.1.1:3031", "[fd00::1]:3031", "/run/a.sock"]
        {
            assert!(!is_open(name), "{name}");
        }
    }

    #[test]
    fn the_banner_names_the_files() {
        let config = Config { files: vec!["/srv/app.ini".into(), "/srv/common.ini".into()], ..Config::default() };
        let banner = banner(&config);
        assert!(banner.starts_with("rsgi 0.1.0 on ") && banner.ends_with(", config /srv/app.ini, /srv/common.ini"));
    }
}
