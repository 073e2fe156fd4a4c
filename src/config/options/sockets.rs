//! Options about the sockets that workers serve.

use crate::config::Protocol;
use crate::option::{Act, Arg, Group, OPT, Opt, Tier};
use crate::value::{Fault, Value};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "socket",
        short: Some('s'),
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "socket = 127.0.0.1:3031",
        doc: "Listens for a web server that speaks the uwsgi protocol, such as nginx with `uwsgi_pass`.\n\nThe address is `host:port`, `:port`, `[::1]:port`, a path (unix socket), `@name` (abstract socket), `=N` (shared socket) or `fd://N`. May be given several times. `protocol` chooses another protocol.",
        act: Act::Set(|d, v| {
            d.add_socket(None, v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "uwsgi-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "uwsgi-socket = :3031",
        doc: "Listens for the uwsgi protocol, whatever `protocol` says.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Uwsgi), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "http-socket = 127.0.0.1:8080",
        differs: "connections are kept and chunked bodies are decoded",
        doc: "Listens for HTTP that the workers speak themselves, without a router process.\n\nConnections are kept, requests may be pipelined, chunked bodies are decoded.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Http), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http11-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "http11-socket = :8080",
        doc: "Listens for HTTP as `http-socket` does.\n\nuWSGI keeps connections on this one only; here both do.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Http11), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "ADDRESS,CERTIFICATE,KEY",
        default: "none",
        field: "/sockets",
        example: "https-socket = :8443,server.crt,server.key",
        doc: "Listens for HTTPS that the workers speak themselves, HTTP/1.1 over TLS.\n\nThe value is an address, a certificate and a key, then perhaps ciphers and a client CA, as for `https`; `sni`, `sni-dir`, `tls-profile` and `https-export-cert` count here too. The keys are in the memory of the processes that run the application; with `https` they are not.",
        act: Act::Set(|d, v| {
            d.add_tls_socket(Protocol::Https, v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "fastcgi-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "fastcgi-socket = :9000",
        doc: "Listens for FastCGI.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Fastcgi), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "fastcgi-nph-socket",
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "fastcgi-nph-socket = :9000",
        doc: "Listens for FastCGI and answers with a full status line.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::FastcgiNph), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "scgi-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "scgi-socket = :4000",
        doc: "Listens for SCGI.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Scgi), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "scgi-nph-socket",
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "scgi-nph-socket = :4000",
        doc: "Listens for SCGI and answers with a full status line.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::ScgiNph), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "puwsgi-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "puwsgi-socket = :3031",
        doc: "Listens for the uwsgi protocol with several requests on one connection.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Puwsgi), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "suwsgi-socket",
        aliases: &["ssl-socket"],
        group: Group::Sockets,
        unit: "ADDRESS,CERTIFICATE,KEY",
        default: "none",
        field: "/sockets",
        example: "suwsgi-socket = :3031,server.crt,server.key",
        doc: "Listens for the uwsgi protocol over TLS.\n\nThe value is that of `https-socket`.",
        act: Act::Set(|d, v| {
            d.add_tls_socket(Protocol::Suwsgi, v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "raw-socket",
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/sockets",
        example: "raw-socket = :7000",
        built: false,
        doc: "Listens for connections that go to the application as they are.",
        act: Act::Set(|d, v| {
            d.add_socket(Some(Protocol::Raw), v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "protocol",
        aliases: &["socket-protocol"],
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "protocol",
        default: "uwsgi",
        example: "protocol = http",
        doc: "Chooses what is spoken on sockets declared with plain `socket`.\n\nOne of `uwsgi`, `http`, `http11`, `https`, `suwsgi`, `fastcgi`, `fastcgi-nph`, `scgi`, `scgi-nph`, `puwsgi`, `raw`.",
        act: Act::Set(|d, v| {
            d.protocol = Some(protocol(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "shared-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/shared_sockets",
        example: "shared-socket = :443",
        doc: "Binds an address before rights are dropped, for other options to name as `=0`, `=1`… in the order written.",
        act: Act::Set(|d, v| {
            d.config.shared_sockets.push(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "undeferred-shared-socket",
        tier: Tier::Quickstart,
        group: Group::Sockets,
        unit: "address",
        default: "none",
        field: "/shared_sockets",
        example: "undeferred-shared-socket = :443",
        differs: "the same as shared-socket: no socket waits for the first byte",
        doc: "Binds a shared address and hands connections over before their first byte.",
        act: Act::Set(|d, v| {
            d.config.shared_sockets.push(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "abstract-socket",
        short: Some('a'),
        arg: Arg::None,
        tier: Tier::Rare,
        group: Group::Sockets,
        default: "off",
        field: "/abstract_sockets",
        example: "abstract-socket = true",
        doc: "Takes every path that is given for a socket for a name of the abstract name space, without a file.",
        act: Act::Set(|d, v| {
            d.config.abstract_sockets = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "listen",
        short: Some('l'),
        group: Group::Sockets,
        unit: "number",
        default: "100",
        field: "/limits/listen",
        example: "listen = 1024",
        doc: "Sets how many connections may wait to be accepted on each socket.\n\nThe kernel's `net.core.somaxconn` is the upper bound; a larger value stops the start.",
        act: Act::Set(|d, v| {
            d.config.limits.listen = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reuse-port",
        arg: Arg::None,
        group: Group::Sockets,
        default: "off",
        field: "/limits/reuse_port",
        example: "reuse-port = true",
        doc: "Lets several instances bind the same address (`SO_REUSEPORT`).",
        act: Act::Set(|d, v| {
            d.config.limits.reuse_port = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "so-keepalive",
        arg: Arg::None,
        group: Group::Sockets,
        default: "off",
        field: "/limits/so_keepalive",
        example: "so-keepalive = true",
        doc: "Probes idle client connections (`SO_KEEPALIVE`).",
        act: Act::Set(|d, v| {
            d.config.limits.so_keepalive = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "tcp-nodelay",
        arg: Arg::None,
        group: Group::Sockets,
        default: "on",
        field: "/limits/tcp_nodelay",
        example: "tcp-nodelay = false",
        differs: "on unless turned off",
        doc: "Sends small packets at once (`TCP_NODELAY`).",
        act: Act::Set(|d, v| {
            d.config.limits.tcp_nodelay = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-defer-accept",
        arg: Arg::None,
        group: Group::Sockets,
        default: "off",
        field: "/limits/no_defer_accept",
        example: "no-defer-accept = true",
        differs: "always so",
        doc: "Hands connections over before their first byte (no `TCP_DEFER_ACCEPT`).",
        act: Act::Set(|d, v| {
            d.config.limits.no_defer_accept = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "freebind",
        arg: Arg::None,
        group: Group::Sockets,
        default: "off",
        field: "/limits/freebind",
        example: "freebind = true",
        doc: "Allows binding an address that the machine does not have yet (`IP_FREEBIND`).",
        act: Act::Set(|d, v| {
            d.config.limits.freebind = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "tcp-fast-open",
        aliases: &["tcp-fastopen"],
        group: Group::Sockets,
        unit: "number",
        default: "off",
        field: "/limits/tcp_fast_open",
        example: "tcp-fast-open = 16",
        doc: "Sets the queue of `TCP_FASTOPEN`.",
        act: Act::Set(|d, v| {
            d.config.limits.tcp_fast_open = v.count_or_off_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "socket-sndbuf",
        group: Group::Sockets,
        unit: "bytes",
        default: "off",
        field: "/limits/socket_sndbuf",
        example: "socket-sndbuf = 262144",
        doc: "Sets the kernel's send buffer of each connection.",
        act: Act::Set(|d, v| {
            d.config.limits.socket_sndbuf = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "socket-rcvbuf",
        group: Group::Sockets,
        unit: "bytes",
        default: "off",
        field: "/limits/socket_rcvbuf",
        example: "socket-rcvbuf = 262144",
        doc: "Sets the kernel's receive buffer of each connection.",
        act: Act::Set(|d, v| {
            d.config.limits.socket_rcvbuf = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chmod-socket",
        aliases: &["chmod"],
        short: Some('C'),
        arg: Arg::Optional,
        group: Group::Sockets,
        unit: "mode",
        default: "none",
        field: "/process/chmod_socket",
        example: "chmod-socket = 660",
        doc: "Sets the mode of unix sockets; without a value 666.",
        act: Act::Set(|d, v| {
            d.config.process.chmod_socket = Some(v.mode()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "chown-socket",
        group: Group::Sockets,
        unit: "USER[:GROUP]",
        default: "none",
        field: "/process/chown_socket",
        example: "chown-socket = www-data:www-data",
        doc: "Gives unix sockets to a user, or a user and a group.",
        act: Act::Set(|d, v| {
            d.config.process.chown_socket = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-socket-modifier1",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        field: "/limits/http_modifier1",
        example: "http-socket-modifier1 = 0",
        differs: "a modifier that no plugin has is answered with 501 instead of a bare close",
        doc: "Sets the first modifier of requests of HTTP sockets, which names the plugin; there is only 0.",
        act: Act::Set(|d, v| {
            d.config.limits.http_modifier1 = v.modifier()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-socket-modifier2",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        example: "http-socket-modifier2 = 0",
        doc: "Sets the second modifier of requests of HTTP sockets, which means nothing to plugin 0.",
        act: Act::Set(|_, v| v.count_as::<u8>().map(drop)),
        ..OPT
    },
    Opt {
        name: "https-socket-modifier1",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        field: "/limits/https_modifier1",
        example: "https-socket-modifier1 = 0",
        differs: "a modifier that no plugin has is answered with 501 instead of a bare close",
        doc: "Sets the first modifier of requests of HTTPS sockets, which names the plugin; there is only 0.",
        act: Act::Set(|d, v| {
            d.config.limits.https_modifier1 = v.modifier()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https-socket-modifier2",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        example: "https-socket-modifier2 = 0",
        doc: "Sets the second modifier of requests of HTTPS sockets, which means nothing to plugin 0.",
        act: Act::Set(|_, v| v.count_as::<u8>().map(drop)),
        ..OPT
    },
    Opt {
        name: "fastcgi-modifier1",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        field: "/limits/fastcgi_modifier1",
        example: "fastcgi-modifier1 = 0",
        differs: "a modifier that no plugin has is answered with 501 instead of a bare close",
        doc: "Sets the first modifier of requests of FastCGI sockets, which names the plugin; there is only 0.",
        act: Act::Set(|d, v| {
            d.config.limits.fastcgi_modifier1 = v.modifier()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "fastcgi-modifier2",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        example: "fastcgi-modifier2 = 0",
        doc: "Sets the second modifier of requests of FastCGI sockets, which means nothing to plugin 0.",
        act: Act::Set(|_, v| v.count_as::<u8>().map(drop)),
        ..OPT
    },
    Opt {
        name: "scgi-modifier1",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        field: "/limits/scgi_modifier1",
        example: "scgi-modifier1 = 0",
        differs: "a modifier that no plugin has is answered with 501 instead of a bare close",
        doc: "Sets the first modifier of requests of SCGI sockets, which names the plugin; there is only 0.",
        act: Act::Set(|d, v| {
            d.config.limits.scgi_modifier1 = v.modifier()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "scgi-modifier2",
        group: Group::Sockets,
        unit: "number",
        default: "0",
        example: "scgi-modifier2 = 0",
        doc: "Sets the second modifier of requests of SCGI sockets, which means nothing to plugin 0.",
        act: Act::Set(|_, v| v.count_as::<u8>().map(drop)),
        ..OPT
    },
    Opt {
        name: "enable-proxy-protocol",
        arg: Arg::None,
        group: Group::Sockets,
        default: "off",
        field: "/limits/proxy_protocol",
        example: "enable-proxy-protocol = true",
        differs: "a connection without a header, or with a wrong one, is refused; version 2 is read too",
        doc: "Takes the client's address from the PROXY header, version 1 or 2, with which every connection to an HTTP socket has to begin.\n\nOn `https-socket` it comes before the handshake. `proxy-protocol-from` says who sends it; without, everybody has to. REMOTE_ADDR and REMOTE_PORT are what the header says; LOCAL, UNKNOWN and unix addresses leave them as they are.",
        act: Act::Set(|d, v| {
            d.config.limits.proxy_protocol = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "proxy-protocol-from",
        group: Group::Sockets,
        unit: "networks",
        default: "none",
        field: "/limits/proxy_protocol_from",
        example: "proxy-protocol-from = 10.0.0.0/8, unix",
        own: true,
        doc: "Names the peers that send PROXY headers: addresses, networks, or `unix` for unix sockets.\n\nUnless given, everybody has to send one. Those named have to; all others speak without, and a header of theirs is refused with 400. Counts for `enable-proxy-protocol` and `http-enable-proxy-protocol`, which turn it on. May be given several times.",
        act: Act::Set(|d, v| {
            d.config.limits.proxy_protocol_from.extend(v.networks()?);
            Ok(())
        }),
        ..OPT
    },
];

/// The protocol of plain sockets, by uWSGI's names.
fn protocol(value: &Value<'_>) -> Result<Protocol, Fault> {
    Ok(match value.text() {
        "uwsgi" => Protocol::Uwsgi,
        "http" => Protocol::Http,
        "http11" => Protocol::Http11,
        "https" => Protocol::Https,
        "suwsgi" => Protocol::Suwsgi,
        "fastcgi" => Protocol::Fastcgi,
        "fastcgi-nph" => Protocol::FastcgiNph,
        "scgi" => Protocol::Scgi,
        "scgi-nph" => Protocol::ScgiNph,
        "puwsgi" => Protocol::Puwsgi,
        "raw" => Protocol::Raw,
        other => {
            return Err(Fault::new(format!("there is no protocol \"{other}\""), "write uwsgi, http, fastcgi or scgi"));
        }
    })
}
