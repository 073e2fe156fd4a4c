//! Options of the HTTP router.

use crate::address::Address;
use crate::config::{Router, Seconds, Tls, TlsProfile};
use crate::option::{Act, Arg, Group, OPT, Opt, Tier};
use crate::value::{Fault, Value, pairs};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "http",
        aliases: &["httprouter"],
        tier: Tier::Quickstart,
        group: Group::Http,
        unit: "address",
        default: "none",
        field: "/router/binds",
        example: "http = :9090",
        doc: "Starts a router process that speaks HTTP on this address and hands requests to the workers.\n\nMay be given several times.",
        act: Act::Set(|d, v| {
            let address = v.address()?;
            d.add_bind(address, None, false, v.text());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https",
        tier: Tier::Quickstart,
        group: Group::Http,
        unit: "ADDRESS,CERTIFICATE,KEY",
        default: "none",
        field: "/router/binds",
        example: "https = :9443,server.crt,server.key",
        doc: "Starts a router process that speaks HTTPS on this address, HTTP/2 and HTTP/1.1.\n\nThe value is an address, a certificate and a key, then perhaps ciphers and a client CA (`!` before it: required).",
        act: Act::Set(|d, v| {
            let (address, tls) = v.tls_address()?;
            d.add_bind(address, Some(tls), false, v.text());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https2",
        tier: Tier::Quickstart,
        group: Group::Http,
        unit: "KEY=VALUE,…",
        default: "none",
        field: "/router/binds",
        example: "https2 = addr=:9443,cert=server.crt,key=server.key",
        doc: "Starts a router process that speaks HTTPS, described as `key=value` pairs.\n\nKeys: `addr`, `cert` (or `crt`), `key`, `ciphers`, `client_ca`.",
        act: Act::Set(|d, v| {
            let (address, tls) = https2(v)?;
            d.add_bind(address, Some(tls), false, v.text());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-to-https",
        tier: Tier::Quickstart,
        group: Group::Http,
        unit: "address",
        default: "none",
        field: "/router/binds",
        example: "http-to-https = :80",
        doc: "Answers every request on this address with a redirect to https.",
        act: Act::Set(|d, v| {
            let address = v.address()?;
            d.add_bind(address, None, true, v.text());
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-to",
        group: Group::Http,
        unit: "address",
        default: "none",
        field: "/router/to",
        example: "http-to = 127.0.0.1:3031",
        built: false,
        doc: "Forwards requests to this uwsgi server instead of our own workers; several take turns.",
        act: Act::Set(|d, v| {
            d.config.router.to.push(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-processes",
        aliases: &["http-workers"],
        group: Group::Http,
        unit: "number",
        default: "1",
        field: "/router/processes",
        example: "http-processes = 2",
        doc: "Sets how many router processes run.",
        act: Act::Set(|d, v| {
            d.config.router.processes = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-timeout",
        group: Group::Http,
        unit: "seconds",
        default: "60",
        field: "/router/timeout",
        example: "http-timeout = 120",
        doc: "Closes a connection of the router on which nothing moved for so long; 0 is the default.",
        act: Act::Set(|d, v| {
            // uWSGI takes 0 for its default; no limit at all would keep dead connections for ever.
            d.config.router.timeout = v.seconds_or_off()?.unwrap_or(Router::default().timeout);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-headers-timeout",
        group: Group::Http,
        unit: "seconds",
        default: "60",
        field: "/router/headers_timeout",
        example: "http-headers-timeout = 10",
        doc: "Sets the time for a whole request head; `http-timeout` unless given, or 0.",
        act: Act::Set(|d, v| {
            d.headers_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-connect-timeout",
        group: Group::Http,
        unit: "seconds",
        default: "60",
        field: "/router/connect_timeout",
        example: "http-connect-timeout = 5",
        doc: "Sets the time for reaching a backend; `http-timeout` unless given, or 0.",
        act: Act::Set(|d, v| {
            d.connect_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "queue-length",
        own: true,
        group: Group::Http,
        unit: "number",
        default: "4096",
        field: "/router/queue_length",
        example: "queue-length = 1000",
        doc: "Sets how many requests may wait in the router for an idle core; further ones are answered with 503 and `Retry-After` at once.\n\nOnly requests count, never connections that are kept. Each of several `http-processes` has a queue of its own.",
        act: Act::Set(|d, v| {
            d.config.router.queue_length = v.size()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "queue-timeout",
        own: true,
        group: Group::Http,
        unit: "seconds",
        default: "off",
        field: "/router/queue_timeout",
        example: "queue-timeout = 5",
        doc: "Sets how long a request may wait in the router for an idle core; then it is answered with 503 and `Retry-After`.\n\nA request that would wait longer, as the queue moves at the moment, is answered so at once: whoever would give up before its turn takes nobody else's time. Without it a request waits as long as `http-timeout`, and the answer is 504.",
        act: Act::Set(|d, v| {
            d.config.router.queue_timeout = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "queue-exempt",
        own: true,
        group: Group::Http,
        unit: "path",
        default: "none",
        field: "/router/queue_exempt",
        example: "queue-exempt = /health",
        doc: "Lets requests for this path always wait in the router, and go first.\n\nFor health checks that the application answers: an instance that is merely busy is not taken for dead.",
        act: Act::Set(|d, v| {
            d.config.router.queue_exempt.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-keepalive",
        arg: Arg::Optional,
        group: Group::Http,
        unit: "seconds",
        default: "75",
        field: "/router/keepalive",
        example: "http-keepalive = 30",
        differs: "on; 0 turns it off",
        doc: "Keeps client connections between requests, idle for so long at most.\n\nWithout a value, or with 1, `http-timeout` is the limit. 0 turns it off.",
        act: Act::Set(|d, v| {
            d.config.router.keepalive = keepalive(v)?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-auto-chunked",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/auto_chunked",
        example: "http-auto-chunked = true",
        differs: "always on",
        doc: "Sends answers without a length in chunks, so that the connection can be kept.",
        act: Act::Set(|d, v| {
            d.config.router.auto_chunked = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-auto-gzip",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/auto_gzip",
        example: "http-auto-gzip = true",
        doc: "Compresses answers that carry `uWSGI-Encoding: gzip`, for clients that take gzip.\n\nThe header is left out, and `Vary: Accept-Encoding` is added. Each piece of a stream leaves as soon as the application has made it.",
        act: Act::Set(|d, v| {
            d.config.router.auto_gzip = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-websockets",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/websockets",
        example: "http-websockets = true",
        doc: "Lets websockets pass the router.\n\nThe application accepts them with `uwsgi.websocket_handshake`. Each occupies one core (`threads`) as long as it is open.",
        act: Act::Set(|d, v| {
            d.config.router.websockets = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-raw-body",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/raw_body",
        example: "http-raw-body = true",
        differs: "needed for nothing",
        doc: "Forwards bodies as they come, for chunked requests.\n\nUnder uWSGI a body without Content-Length reaches the application only by this or `http-chunked-input`, and `wsgi.input` then holds the chunks as they were sent. Here it is always read, and `wsgi.input` holds what they carry; the option is accepted.",
        act: Act::Set(|d, v| {
            d.config.router.raw_body = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-chunked-input",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/chunked_input",
        example: "http-chunked-input = true",
        differs: "always on",
        doc: "Forwards chunked request bodies.\n\nThey always are here, decoded; the option is accepted.",
        act: Act::Set(|d, v| {
            d.config.router.chunked_input = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-manage-expect",
        arg: Arg::Optional,
        group: Group::Http,
        unit: "bytes",
        default: "off",
        field: "/router/manage_expect",
        example: "http-manage-expect = 1048576",
        doc: "Answers `Expect: 100-continue` in the router, and 413 to a body above this many bytes (0: any).",
        act: Act::Set(|d, v| {
            d.config.router.manage_expect = Some(if v.text().is_empty() { 0 } else { v.count()? });
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-var",
        group: Group::Http,
        unit: "KEY=VALUE",
        default: "none",
        field: "/router/vars",
        example: "http-var = DEPLOYMENT=blue",
        doc: "Adds a variable to every request of the router.",
        act: Act::Set(|d, v| {
            d.config.router.vars.push(v.pair()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-modifier1",
        group: Group::Http,
        unit: "number",
        default: "0",
        field: "/router/modifier1",
        example: "http-modifier1 = 0",
        differs: "a modifier that no plugin has is answered with 501",
        doc: "Sets the first modifier of requests to the workers, which names the plugin; there is only 0.",
        act: Act::Set(|d, v| {
            d.config.router.modifier1 = v.modifier()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-modifier2",
        group: Group::Http,
        unit: "number",
        default: "0",
        field: "/router/modifier2",
        example: "http-modifier2 = 0",
        doc: "Sets the second modifier of requests to the workers, which means nothing to plugin 0.",
        act: Act::Set(|d, v| {
            d.config.router.modifier2 = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-server-name-as-http-host",
        group: Group::Http,
        unit: "switch",
        default: "off",
        field: "/router/server_name_as_http_host",
        example: "http-server-name-as-http-host = true",
        doc: "Makes `SERVER_NAME` the Host header.",
        act: Act::Set(|d, v| {
            d.config.router.server_name_as_http_host = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-quiet",
        group: Group::Http,
        unit: "switch",
        default: "off",
        field: "/router/quiet",
        example: "http-quiet = true",
        doc: "Leaves connection errors of the router out of the log.",
        act: Act::Set(|d, v| {
            d.config.router.quiet = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-harakiri",
        group: Group::Http,
        unit: "seconds",
        default: "off",
        field: "/router/harakiri",
        example: "http-harakiri = 60",
        differs: "of each request, not of a turn of the router",
        doc: "Ends a request that takes longer than this in the router, from its head to the end of its answer.\n\nBefore the answer has begun the client gets 504, later its connection (HTTP/2: its stream) is cut. The worker is told that nobody waits any more, and lives on; `harakiri` ends it.",
        act: Act::Set(|d, v| {
            d.config.router.harakiri = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-uid",
        group: Group::Http,
        unit: "user",
        default: "none",
        field: "/router/uid",
        example: "http-uid = www-data",
        doc: "Sets the user of the router processes, `uid` unless given.\n\nOnly root can: with `uid` as well, `master-as-root` is needed. The user brings its group, unless `http-gid` names another. Certificates that change must be readable for it.",
        act: Act::Set(|d, v| {
            d.config.router.uid = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-gid",
        group: Group::Http,
        unit: "group",
        default: "none",
        field: "/router/gid",
        example: "http-gid = www-data",
        doc: "Sets the group of the router processes, `gid` unless given.\n\nOnly root can: see `http-uid`.",
        act: Act::Set(|d, v| {
            d.config.router.gid = Some(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "http-enable-proxy-protocol",
        arg: Arg::Optional,
        group: Group::Http,
        unit: "switch",
        default: "off",
        field: "/router/proxy_protocol",
        example: "http-enable-proxy-protocol = true",
        differs: "as for enable-proxy-protocol",
        doc: "Takes the client's address from the PROXY header, version 1 or 2, with which every connection to the router has to begin.\n\nOn `https` it comes before the handshake. `proxy-protocol-from` says who sends it; without, everybody has to.",
        act: Act::Set(|d, v| {
            d.config.router.proxy_protocol = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https-export-cert",
        arg: Arg::None,
        group: Group::Http,
        default: "off",
        field: "/router/export_cert",
        example: "https-export-cert = true",
        doc: "Hands client certificates to the application as `HTTPS_CC`, in PEM.",
        act: Act::Set(|d, v| {
            d.config.router.export_cert = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sni",
        group: Group::Http,
        unit: "NAME CERTIFICATE,KEY",
        default: "none",
        field: "/router/sni",
        example: "sni = example.org server.crt,server.key",
        doc: "Chooses a certificate by the server name that the client asks for.",
        act: Act::Set(|d, v| {
            d.config.router.sni.push(sni(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sni-regexp",
        tier: Tier::Rare,
        group: Group::Http,
        unit: "PATTERN CERTIFICATE,KEY",
        default: "none",
        field: "/router/sni",
        example: r"sni-regexp = \.example\.(org|net)$ server.crt,server.key",
        doc: "Chooses a certificate by a pattern of the server name, where no `sni` and no file of `sni-dir` does.",
        act: Act::Set(|d, v| {
            let (pattern, tls) = sni(v)?;
            regex::Regex::new(&pattern).map_err(|error| Fault::bare(format!("no pattern: {error}")))?;
            d.config.router.sni.push((format!("~{pattern}"), tls));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "sni-dir",
        group: Group::Http,
        unit: "directory",
        default: "none",
        field: "/router/sni_dir",
        example: "sni-dir = /etc/certificates",
        doc: "Looks for a certificate per server name in this directory.\n\n`NAME.crt` with `NAME.key`; with `NAME.ca`, clients of that name need a certificate.",
        act: Act::Set(|d, v| {
            d.config.router.sni_dir = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "tls-profile",
        own: true,
        group: Group::Http,
        unit: "modern or intermediate",
        default: "intermediate",
        field: "/router/tls_profile",
        example: "tls-profile = modern",
        doc: "Chooses what TLS handshakes may be: `intermediate` is TLS 1.2 and 1.3, `modern` is TLS 1.3 only.",
        act: Act::Set(|d, v| {
            d.config.router.tls_profile = match v.text().trim() {
                "modern" => TlsProfile::Modern,
                "intermediate" => TlsProfile::Intermediate,
                other => {
                    return Err(Fault::new(format!("unknown profile \"{other}\""), "write modern or intermediate"));
                }
            };
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "https-hsts",
        own: true,
        group: Group::Http,
        unit: "seconds",
        default: "off",
        field: "/router/hsts",
        example: "https-hsts = 31536000",
        doc: "Tells browsers behind `https` to use https only, for so long (Strict-Transport-Security).",
        act: Act::Set(|d, v| {
            d.config.router.hsts = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
];

/// Without a value, or with 1, the router's own timeout is the limit (`Seconds(0)` until it is known).
fn keepalive(value: &Value<'_>) -> Result<Option<Seconds>, Fault> {
    match value.text() {
        "" | "1" => Ok(Some(Seconds(0))),
        _ if value.on() => Ok(Some(Seconds(0))),
        _ if value.off() => Ok(None),
        _ => value.seconds_or_off(),
    }
}

/// `addr=…,cert=…,key=…`.
fn https2(value: &Value<'_>) -> Result<(Address, Tls), Fault> {
    let (mut address, mut tls) = (None, Tls::default());
    for (key, text) in pairs(value.text())? {
        match key.as_str() {
            "addr" => address = Some(Value::new(&text).address()?),
            "cert" | "crt" => tls.certificate = text.into(),
            "key" => tls.key = text.into(),
            "ciphers" => tls.ciphers = Some(text),
            "client_ca" | "clientca" => {
                tls.client_required = text.starts_with('!');
                tls.client_ca = Some(text.trim_start_matches('!').into());
            }
            "spdy" => value.remark(Fault::new("spdy is gone", "leave it out")),
            other => {
                return Err(Fault::new(
                    format!("unknown key \"{other}\""),
                    "write addr, cert, key, ciphers or client_ca",
                ));
            }
        }
    }
    match address {
        Some(address) if !tls.certificate.as_os_str().is_empty() && !tls.key.as_os_str().is_empty() => {
            Ok((address, tls))
        }
        _ => Err(Fault::new(
            "an address, a certificate and a key are needed",
            "write addr=:443,cert=server.crt,key=server.key",
        )),
    }
}

/// `NAME CERTIFICATE,KEY[,CIPHERS[,CA]]`.
fn sni(value: &Value<'_>) -> Result<(String, Tls), Fault> {
    let help = "write example.org server.crt,server.key";
    let (name, files) =
        value.text().split_once(' ').ok_or_else(|| Fault::new("a name and its files are needed", help))?;
    // The files stand as they do behind the address of `https`.
    let (_, tls) = Value::new(&format!(":0,{}", files.trim()))
        .tls_address()
        .map_err(|_| Fault::new("a certificate and a key are needed", help))?;
    Ok((name.into(), tls))
}
