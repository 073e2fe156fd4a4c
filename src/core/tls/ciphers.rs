//! OpenSSL's words for ciphers: every cipher we have is a strong one, so most of them say what is so anyway.

use rsgi_config::Config;

use super::Side;

/// Words that our choice meets.
const MET: &[&str] = &[
    "HIGH",
    "DEFAULT",
    "ALL",
    "SECURE128",
    "SECURE256",
    "EECDH",
    "ECDHE",
    "ECDH",
    "EDH",
    "DHE",
    "AESGCM",
    "AES",
    "CHACHA20",
    "ECDSA",
    "RSA",
    "TLSV1.2",
    "TLSV1.3",
    "SHA256",
    "SHA384",
    "@STRENGTH",
];

/// Says once what becomes of `ciphers`.
pub(super) fn remark(config: &Config) {
    let doors = [Side::Router, Side::Workers].into_iter().flat_map(|side| side.doors(config)).flatten();
    for tls in doors.chain(config.router.sni.iter().map(|(_, tls)| tls)) {
        let Some(text) = &tls.ciphers else { continue };
        let unknown: Vec<_> = unknown(text).collect();
        if unknown.is_empty() {
            tracing::info!("ciphers {text}: all of them are strong here, tls-profile chooses");
        } else {
            tracing::warn!("ciphers {text}: {} is not looked at, tls-profile chooses", unknown.join(", "));
        }
    }
}

/// Words that ask for something else. Those that forbid are met: nothing weak is there.
fn unknown(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([':', ',', ' ']).filter(|word| !word.is_empty());
    words.filter(|word| {
        let forbids = word.starts_with(['!', '-']);
        let mut parts = word.trim_start_matches('+').split('+');
        !forbids && !parts.all(|part| MET.contains(&part.to_ascii_uppercase().as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_words_are_met_and_others_named() {
        assert_eq!(unknown("HIGH:!aNULL:!MD5").count(), 0);
        assert_eq!(unknown("EECDH+AESGCM:EDH+AESGCM").count(), 0);
        assert_eq!(unknown("HIGH:RC4-SHA").collect::<Vec<_>>(), ["RC4-SHA"]);
    }
}
