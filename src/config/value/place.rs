//! Addresses, and values made of two parts.

use super::{Fault, Value};
use crate::address::Address;
use crate::config::Tls;
use crate::network::Network;

impl Value<'_> {
    /// Where to listen or connect.
    pub(crate) fn address(&self) -> Result<Address, Fault> {
        self.address_in(self.text)
    }

    fn address_in(&self, text: &str) -> Result<Address, Fault> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let help = format!("write :{text} for a port");
            self.remark(Fault::new(format!("\"{text}\" is the name of a unix socket, not a port"), help));
        }
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            let help = format!("write {text}:9090");
            self.remark(Fault::new(format!("\"{text}\" is the name of a unix socket: it has no port"), help));
        }
        let mut text = text;
        if let Some((before, _)) = text.split_once([';', '#']).filter(|(before, _)| before.ends_with([' ', '\t'])) {
            let before = before.trim();
            let help = format!("a comment must stand on a line of its own; write {before}");
            // uWSGI takes the digits of a port and leaves the rest; a path it takes as it stands.
            let found = match before.parse() {
                Ok(Address::Tcp { .. }) => {
                    let found = format!("expected an address, found \"{text}\", which counts as {before}");
                    text = before;
                    found
                }
                _ => format!("the comment is part of the socket's name \"{text}\""),
            };
            self.remark(Fault::new(found, help));
        }
        text.parse()
            .map_err(|error: crate::AddressError| Fault { problem: error.to_string(), help: error.help.clone() })
    }

    /// The path of a URL, as requests have it once it is decoded.
    pub(crate) fn absolute(&self) -> Result<String, Fault> {
        let help = "write a path such as /healthz";
        match self.text {
            text if text.starts_with('/') && !text.contains(['?', '#']) => Ok(text.into()),
            text => Err(Fault::new(format!("expected a path that begins with /, found \"{text}\""), help)),
        }
    }

    /// `ADDRESS,CERTIFICATE,KEY[,CIPHERS[,[!]CLIENT-CA]]`.
    pub(crate) fn tls_address(&self) -> Result<(Address, Tls), Fault> {
        let mut parts = self.text.split(',').map(str::trim);
        let address = self.address_in(parts.next().unwrap_or_default())?;
        let (Some(certificate), Some(key)) = (parts.next(), parts.next()) else {
            let help = "write :443,server.crt,server.key";
            return Err(Fault::new("expected an address, a certificate and a key, separated by commas", help));
        };
        let mut tls = Tls { certificate: certificate.into(), key: key.into(), ..Tls::default() };
        tls.ciphers = parts.next().filter(|text| !text.is_empty()).map(String::from);
        if let Some(ca) = parts.next().filter(|text| !text.is_empty()) {
            tls.client_required = ca.starts_with('!');
            tls.client_ca = Some(ca.trim_start_matches('!').into());
        }
        Ok((address, tls))
    }

    /// Networks and `unix`, separated by commas.
    pub(crate) fn networks(&self) -> Result<Vec<Network>, Fault> {
        let words = self.list()?;
        let network = |word: &String| {
            let help = "write addresses such as 10.0.0.0/8 or ::1, or unix, separated by commas";
            word.parse().map_err(|()| Fault::new(format!("\"{word}\" is no network"), help))
        };
        words.iter().map(network).collect()
    }

    /// `KEY=VALUE`; only the first `=` splits.
    pub(crate) fn pair(&self) -> Result<(String, String), Fault> {
        match self.text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.trim().into())),
            _ => Err(Fault::new(
                format!("expected KEY=VALUE, found \"{}\"", self.text),
                "write the key, = and the value",
            )),
        }
    }

    /// `PATTERN SECONDS`.
    pub(crate) fn pattern_and_seconds(&self) -> Result<(String, u64), Fault> {
        let split = self.text.rsplit_once([' ', '\t', '=']);
        split.and_then(|(pattern, seconds)| Some((pattern.trim().to_owned(), seconds.parse().ok()?))).ok_or_else(|| {
            Fault::new(format!("expected a pattern and seconds, found \"{}\"", self.text), "write /static/.* 3600")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_as_address_is_remarked() {
        let value = Value::new("9090");
        assert_eq!(value.address(), Ok(Address::Unix("9090".into())));
        assert_eq!(value.into_remarks()[0].help.as_deref(), Some("write :9090 for a port"));
    }

    #[test]
    fn tls_addresses_carry_their_files() {
        let (address, tls) = Value::new("=1,a.crt,a.key,HIGH,!ca.crt").tls_address().unwrap();
        assert_eq!(address, Address::Shared(1));
        assert_eq!((tls.certificate.to_str(), tls.key.to_str()), (Some("a.crt"), Some("a.key")));
        assert_eq!(tls.ciphers.as_deref(), Some("HIGH"));
        assert_eq!((tls.client_ca, tls.client_required), (Some("ca.crt".into()), true));
        assert!(Value::new(":443,a.crt").tls_address().is_err());
    }

    #[test]
    fn pairs_split_at_the_first_equals_sign() {
        assert_eq!(Value::new("A=b=c").pair(), Ok(("A".into(), "b=c".into())));
        assert!(Value::new("A").pair().is_err());
        assert!(Value::new("=x").pair().is_err());
    }
}
