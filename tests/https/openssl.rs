//! What `openssl s_client` and curl see of `https`: versions, protocols, chains, clients with certificates.

use std::path::Path;

use crate::support::openssl::{curl, make_certificate, openssl, run};
use crate::support::{Kind, Running, Server};

const APP: &str = "--wsgi-file {lab}/hello/foobar.py --master";

/// What `openssl s_client` tells about a handshake.
fn handshake(server: &Running, options: &str) -> String {
    let address = server.address(9090);
    let shown = run(server.dir(), "openssl", &format!("s_client -connect {address} {options}"));
    String::from_utf8_lossy(&shown.stdout).into_owned() + &String::from_utf8_lossy(&shown.stderr)
}

#[test]
fn versions_and_protocols() {
    let server = Server::of(Kind::Rsgi, &format!("--https {{ip}}:9090,foobar.crt,foobar.key {APP}"));
    make_certificate(server.dir());
    let server = server.start();
    for (options, expected) in [
        ("-tls1_3", "New, TLSv1.3, Cipher is TLS_AES_"),
        ("-tls1_2", "New, TLSv1.2, Cipher is ECDHE-RSA-"),
        ("-alpn h2,http/1.1", "ALPN protocol: h2"),
        ("-alpn http/1.1,h2", "ALPN protocol: h2"),
        ("-alpn http/1.1", "ALPN protocol: http/1.1"),
        ("-tls1_2 -alpn h2", "ALPN protocol: h2"),
        ("", "No ALPN negotiated"),
    ] {
        let shown = handshake(&server, options);
        assert!(shown.contains(expected), "{options}: {shown}");
    }
    for old in ["-tls1", "-tls1_1"] {
        let shown = handshake(&server, &format!("{old} -cipher DEFAULT@SECLEVEL=0"));
        assert!(shown.contains("Cipher is (NONE)") && shown.contains("alert"), "{old}: {shown}");
    }
    // Nothing in common.
    let shown = handshake(&server, "-alpn spdy/1");
    assert!(shown.contains("no application protocol"), "{shown}");
}

/// A root, an authority below it, and a leaf: `root.crt`, and `chain.crt` with its key `leaf.key`.
fn make_chain(folder: &Path) {
    std::fs::write(folder.join("ca.ext"), "basicConstraints=critical,CA:TRUE\n").expect("written");
    std::fs::write(folder.join("leaf.ext"), "subjectAltName=DNS:localhost\n").expect("written");
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -subj /CN=root -days 9");
    for (name, issuer, extensions) in [("middle", "root", "ca"), ("leaf", "middle", "leaf")] {
        openssl(folder, &format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -CA {issuer}.crt -CAkey {issuer}.key -CAcreateserial -days 9 -out {name}.crt -extfile {extensions}.ext"
            ),
        );
    }
    let pem = |name: &str| std::fs::read_to_string(folder.join(name)).expect("made");
    std::fs::write(folder.join("chain.crt"), pem("leaf.crt") + &pem("middle.crt")).expect("written");
}

#[test]
fn a_chain_is_sent_whole() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--https {{ip}}:9090,chain.crt,leaf.key {APP}"));
        make_chain(server.dir());
        let server = server.start();
        let shown = handshake(&server, "-CAfile root.crt -verify_return_error -showcerts");
        assert!(shown.contains("Verify return code: 0 (ok)"), "{kind:?}: {shown}");
        assert_eq!(shown.matches("BEGIN CERTIFICATE").count(), 2, "{kind:?}: leaf and authority: {shown}");
    }
}

/// `https = ADDRESS,CERT,KEY,CIPHERS,!CA`: only who has a certificate of that authority comes in.
#[test]
fn clients_with_certificates() {
    for kind in Kind::each() {
        let server = Server::of(kind, &format!("--https {{ip}}:9090,chain.crt,leaf.key,HIGH,!root.crt {APP}"));
        make_chain(server.dir());
        openssl(server.dir(), "req -newkey rsa:2048 -nodes -keyout ada.key -out ada.csr -subj /CN=ada");
        openssl(
            server.dir(),
            "x509 -req -in ada.csr -CA root.crt -CAkey root.key -CAcreateserial -days 9 -out ada.crt -extfile leaf.ext",
        );
        let server = server.start();
        let url = format!("https://{}/", server.address(9090));
        assert_eq!(curl(server.dir(), &format!("--cert ada.crt --key ada.key {url}")), "Hello World");
        for stranger in ["", "--cert foreign.crt --key foreign.key"] {
            openssl(
                server.dir(),
                "req -x509 -newkey rsa:2048 -nodes -keyout foreign.key -out foreign.crt -subj /CN=eve -days 9",
            );
            let refused = run(server.dir(), "curl", &format!("-sk --max-time 10 {stranger} {url}"));
            assert!(!refused.status.success() && refused.stdout.is_empty(), "{kind:?} {stranger}: {refused:?}");
        }
    }
}
