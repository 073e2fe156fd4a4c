//! Encrypted connections: handshakes, certificates by name and of clients, renewal, and what is told about all that.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rsgi_config::{Config, Tls, TlsProfile};

use super::identities::{Authority, ask, open, rest};
use super::stage::{Stage, value};
use crate::tls;

fn stage(config: &Config) -> Stage {
    Stage::of(config.clone(), |_| {})
}

/// The serial number of the certificate that the server shows.
fn shown(stage: &Stage, authority: &Authority, name: &str) -> String {
    let mut stream = open(stage, authority.client(&[], None), name);
    stream.conn.complete_io(&mut stream.sock).map(|_| ()).unwrap();
    let first = stream.conn.peer_certificates().unwrap()[0].clone();
    let (_, parsed) = x509_parser::parse_x509_certificate(&first).unwrap();
    parsed.raw_serial_as_string()
}

#[test]
fn http1_goes_over_tls_and_the_application_knows() {
    let authority = Authority::new();
    let stage = Stage::of(authority.config(authority.vouch("localhost")), |settings| settings.hsts = Some(60));
    let mut core = stage.core();
    let mut stream = open(&stage, authority.client(&[b"http/1.1"], None), "localhost");
    ask(&mut stream, "/a").unwrap();
    let (_, vars) = core.request();
    let told = ["HTTPS", "SERVER_PROTOCOL", "SERVER_PORT", "PATH_INFO", "HTTPS_DN"].map(|key| value(&vars, key));
    assert_eq!(told, ["on", "HTTP/1.1", &stage.address.port().to_string(), "/a", "(none)"]);
    core.reply("hello");
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    assert!(answer.contains("\r\nStrict-Transport-Security: max-age=60\r\n"), "{answer}");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn plain_http_is_told_to_use_https() {
    let authority = Authority::new();
    let stage = stage(&authority.config(authority.vouch("localhost")));
    let mut client = stage.client();
    client.get("/");
    let mut answer = String::new();
    client.socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("use https://"), "{body}");
}

#[test]
fn a_silent_client_is_closed_in_time_and_keeps_nobody_waiting() {
    let authority = Authority::new();
    let config = authority.config(authority.vouch("localhost"));
    let stage = Stage::of(config, |settings| settings.headers_timeout = Duration::from_millis(400));
    let mut core = stage.core();
    let began = Instant::now();
    let mut silent = stage.client();
    silent.socket.write_all(&[22, 3, 1]).unwrap();
    let mut stream = open(&stage, authority.client(&[], None), "localhost");
    ask(&mut stream, "/").unwrap();
    assert_eq!(core.path(), "/");
    core.reply("x");
    assert!(rest(&mut stream).ends_with('x'));
    assert_eq!(silent.socket.read(&mut [0; 64]).unwrap(), 0);
    assert!(began.elapsed() >= Duration::from_millis(400));
}

#[test]
fn certificates_are_chosen_by_name() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    // The closest name counts, whichever was written first.
    config.router.sni.push((r"~^(www\.)?(shop\d+|example)\.(org|de)$".into(), authority.vouch("shop7.de")));
    config.router.sni.push(("*.example.org".into(), authority.vouch_as("star", "*.example.org")));
    config.router.sni.push(("Example.org".into(), authority.vouch("example.org")));
    std::fs::create_dir(authority.path("names")).unwrap();
    authority.vouch_as("names/example.net", "example.net");
    config.router.sni_dir = Some("names".into());
    let stage = stage(&config);
    // Each handshake succeeds only with a certificate of that very name.
    for name in ["localhost", "example.org", "www.example.org", "example.net", "shop7.de"] {
        shown(&stage, &authority, name);
    }
    let mut stream = open(&stage, authority.client(&[], None), "elsewhere.org");
    assert!(ask(&mut stream, "/").unwrap_err().to_string().contains("not valid for name"));
}

#[test]
fn client_certificates_are_checked_and_told() {
    let authority = Authority::new();
    let client_ca = Some("ca.crt".into());
    let mut tls = Tls { client_ca, ..authority.vouch("localhost") };
    authority.vouch("alice");
    let stranger = Authority::new();
    stranger.vouch("mallory");
    for required in [false, true] {
        tls.client_required = required;
        let mut config = authority.config(tls.clone());
        config.router.export_cert = true;
        let stage = stage(&config);
        let mut core = stage.core();
        let mut stream = open(&stage, authority.client(&[], Some("alice")), "localhost");
        ask(&mut stream, "/").unwrap();
        let (_, vars) = core.request();
        assert!(value(&vars, "HTTPS_DN").ends_with("/CN=alice"), "{vars:?}");
        assert_eq!(
            value(&vars, "HTTPS_CC"),
            std::fs::read_to_string(authority.path("alice.crt")).unwrap().replace('\r', "")
        );
        core.reply("x");
        rest(&mut stream);

        let mut without = open(&stage, authority.client(&[], None), "localhost");
        let answer =
            ask(&mut without, "/").and_then(|()| without.sock.set_read_timeout(Some(Duration::from_millis(300))));
        if required {
            let end = answer.and_then(|()| without.read(&mut [0; 64]).map(drop));
            assert!(end.unwrap_err().to_string().contains("CertificateRequired"));
        } else {
            answer.unwrap();
            let (_, vars) = core.request();
            assert_eq!(value(&vars, "HTTPS_DN"), "(none)");
            core.reply("x");
        }
        std::fs::copy(stranger.path("mallory.crt"), authority.path("mallory.crt")).unwrap();
        std::fs::copy(stranger.path("mallory.key"), authority.path("mallory.key")).unwrap();
        let mut foreign = open(&stage, authority.client(&[], Some("mallory")), "localhost");
        let end = ask(&mut foreign, "/").and_then(|()| foreign.read(&mut [0; 64]).map(drop));
        assert!(end.is_err(), "a stranger's certificate is refused");
    }
}

#[test]
fn sessions_are_taken_up_again_by_ticket() {
    let authority = Authority::new();
    let stage = stage(&authority.config(authority.vouch("localhost")));
    let mut core = stage.core();
    let client = authority.client(&[], None);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let mut stream = open(&stage, client.clone(), "localhost");
        ask(&mut stream, "/").unwrap();
        core.request();
        core.reply("x");
        rest(&mut stream);
        kinds.push(stream.conn.handshake_kind().unwrap());
    }
    assert_eq!(kinds, [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]);
}

#[test]
fn the_modern_profile_is_tls_1_3() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    let old = |stage: &Stage| {
        let client = (*authority.client(&[], None)).clone();
        let provider = std::sync::Arc::clone(client.crypto_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        let ca = std::fs::read(authority.path("ca.crt")).unwrap();
        let ca = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(&ca);
        roots.add(ca.unwrap()).unwrap();
        let client = builder.with_root_certificates(roots).with_no_client_auth();
        let mut stream = open(stage, client.into(), "localhost");
        stream.conn.complete_io(&mut stream.sock).map(|_| ())
    };
    old(&stage(&config)).unwrap();
    config.router.tls_profile = TlsProfile::Modern;
    assert!(old(&stage(&config)).unwrap_err().to_string().contains("ProtocolVersion"));
}

#[test]
fn changed_files_are_shown_to_those_who_come_and_open_connections_go_on() {
    let authority = Authority::new();
    let config = authority.config(authority.vouch("localhost"));
    let stage = stage(&config);
    let mut core = stage.core();
    let mut before = open(&stage, authority.client(&[], None), "localhost");
    before.conn.complete_io(&mut before.sock).unwrap();
    let first = shown(&stage, &authority, "localhost");

    authority.write("localhost.key", "not yet whole");
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(shown(&stage, &authority, "localhost"), first, "what does not do is not taken");

    authority.vouch("localhost");
    let end = Instant::now() + Duration::from_secs(10);
    while shown(&stage, &authority, "localhost") == first {
        assert!(Instant::now() < end, "the new certificate is never shown");
        std::thread::sleep(Duration::from_millis(100));
    }
    ask(&mut before, "/").unwrap();
    assert_eq!(core.path(), "/");
    core.reply("still here");
    assert!(rest(&mut before).ends_with("still here"));
}

#[test]
fn one_bad_certificate_keeps_no_other_from_being_renewed() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    std::fs::create_dir(authority.path("names")).unwrap();
    for name in ["broken.test", "gone.test", "good.test"] {
        authority.vouch_as(&format!("names/{name}"), name);
    }
    config.router.sni_dir = Some("names".into());
    let stage = stage(&config);
    let names = ["localhost", "broken.test", "gone.test", "good.test"];
    let before = names.map(|name| shown(&stage, &authority, name));
    let renewed = |name: &str, before: &str| {
        let end = Instant::now() + Duration::from_secs(10);
        while shown(&stage, &authority, name) == before {
            assert!(Instant::now() < end, "the new certificate of {name} is never shown");
            std::thread::sleep(Duration::from_millis(100));
        }
    };

    authority.write("names/broken.test.key", "not a key");
    std::fs::write(authority.path("names/gone.test.crt"), [0xFF; 9]).unwrap();
    // One that was not there before, and does not do either.
    authority.vouch_as("names/new.test", "new.test");
    std::fs::copy(authority.path("localhost.key"), authority.path("names/new.test.key")).unwrap();
    authority.vouch_as("names/good.test", "good.test");
    authority.vouch("localhost");
    renewed("localhost", &before[0]);
    renewed("good.test", &before[3]);
    for (name, before) in names.iter().zip(&before).skip(1).take(2) {
        assert_eq!(shown(&stage, &authority, name), *before, "{name} stays as it was");
    }
    let mut stream = open(&stage, authority.client(&[], None), "new.test");
    assert!(ask(&mut stream, "/").unwrap_err().to_string().contains("not valid for name"));

    // What is mended is taken up.
    authority.vouch_as("names/broken.test", "broken.test");
    authority.vouch_as("names/new.test", "new.test");
    renewed("broken.test", &before[1]);
    let mut stream = open(&stage, authority.client(&[], None), "new.test");
    stream.conn.complete_io(&mut stream.sock).unwrap();
}

#[test]
fn files_that_do_not_do_are_named() {
    let authority = Authority::new();
    let good = authority.vouch("localhost");
    authority.vouch("other");
    authority.write("empty", "");
    authority.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    authority.write("odd.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let mut lines = String::new();
    let cases = [
        ("missing.crt", "localhost.key", None),
        ("localhost.crt", "missing.key", None),
        ("localhost.crt", "other.key", None),
        ("empty", "localhost.key", None),
        ("localhost.crt", "empty", None),
        ("localhost.crt", "localhost.crt", None),
        ("localhost.crt", "locked.key", None),
        ("odd.crt", "localhost.key", None),
        ("localhost.crt", "localhost.key", Some("empty")),
        ("localhost.crt", "localhost.key", Some("odd.crt")),
    ];
    for (certificate, key, ca) in cases {
        let tls =
            Tls { certificate: certificate.into(), key: key.into(), client_ca: ca.map(Into::into), ..good.clone() };
        let error = tls::read(&authority.config(tls), None).unwrap_err();
        let folder = authority.folder.path().to_str().unwrap();
        lines += &format!("{}\n", crate::logging::chain(&error)).replace(folder, "DIR");
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn requests_are_sent_on_to_https() {
    let authority = Authority::new();
    let mut config = authority.config(authority.vouch("localhost"));
    config.router.binds[0].tls = None;
    config.router.binds[0].to_https = true;
    let stage = stage(&config);
    let mut client = stage.client();
    client.send("GET /a%20b?c HTTP/1.1\r\nHost: example.org\r\n\r\n");
    insta::assert_snapshot!(client.answer(""));
    client.send("GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(client.answer("").contains("Location: https://example.org/x"));
    // A port that is not ours is another's way to us: https has its own there.
    for (host, place) in [("example.org:8080", "example.org"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]")] {
        client.send(&format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let answer = client.answer("");
        assert!(answer.contains(&format!("Location: https://{place}/x\n")), "{host}: {answer}");
    }
}

/// Two sites that ask for certificates, of different authorities, and two that do not.
fn guarded(authority: &Authority) -> Config {
    let stranger = Authority::new();
    authority.write("other.crt", &std::fs::read_to_string(stranger.path("ca.crt")).unwrap());
    authority.write("again.crt", &std::fs::read_to_string(authority.path("ca.crt")).unwrap());
    let mut config = authority.config(authority.vouch("localhost"));
    let mut site = |name: &str, ca: &str| {
        let client_ca = Some(ca).filter(|ca| !ca.is_empty()).map(Into::into);
        config.router.sni.push((name.into(), Tls { client_ca, client_required: true, ..authority.vouch(name) }));
    };
    site("secret.test", "ca.crt");
    site("twin.test", "again.crt");
    site("foreign.test", "other.crt");
    site("open.test", "");
    config
}

#[test]
fn a_connection_serves_no_site_with_other_client_certificates() {
    let authority = Authority::new();
    let config = guarded(&authority);
    authority.vouch("alice");
    let stage = stage(&config);
    let mut core = stage.core();
    for (name, host, served) in [
        ("localhost", "localhost", true),
        ("localhost", "open.test", true),
        ("localhost", "nowhere.test", true),
        ("localhost", "secret.test", false),
        ("localhost", "SECRET.test.:443", false),
        ("open.test", "secret.test", false),
        ("secret.test", "secret.test:9443", true),
        ("secret.test", "twin.test", true),
        ("secret.test", "foreign.test", false),
        ("secret.test", "open.test", false),
        ("secret.test", "nowhere.test", false),
    ] {
        for target in ["/".to_owned(), format!("https://{host}/")] {
            let mut stream = open(&stage, authority.client(&[], Some("alice")), name);
            // What stands in the target counts, not the Host beside it.
            let said = if target == "/" { host } else { name };
            let text = format!("GET {target} HTTP/1.1\r\nHost: {said}\r\nConnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).unwrap();
            if served {
                core.path();
                core.reply("x");
            }
            let answer = rest(&mut stream);
            let status = if served { "HTTP/1.1 200 OK" } else { "HTTP/1.1 421 Misdirected Request" };
            assert!(answer.starts_with(status), "{name} {host} {target}: {answer}");
        }
    }
}
