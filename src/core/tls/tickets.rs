//! Session tickets: their keys come from one secret of the instance and the time, so that all processes of a side, and those
//! after a reload, take up each other's sessions.
//!
//! The secret moves on by HKDF (RFC 5869) every six hours and cannot be led back: who breaks into a process learns no key
//! of earlier tickets. Each address and name has keys of its own, so that a session cannot enter by another door.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use serde::{Deserialize, Serialize, Serializer};

/// Seconds for which tickets are made with one key. They are taken for one period more.
const PERIOD: u64 = 6 * 3600;
/// Bytes of a key's name, with which a ticket begins.
const NAME: usize = 16;

/// The secret of one period.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seed {
    period: u64,
    secret: [u8; 32],
}

/// The seed of the period before this one, from which the current one follows.
#[derive(Debug)]
pub(super) struct Keyring(Mutex<Seed>);

/// Makes and takes the tickets of one door.
pub(super) struct Ticketer {
    keyring: Arc<Keyring>,
    scope: Vec<u8>,
    keys: Mutex<Option<Keys>>,
}

struct Keys {
    period: u64,
    current: Key,
    before: Key,
}

struct Key {
    name: [u8; NAME],
    key: LessSafeKey,
}

impl Seed {
    /// A new secret; `None` when the system has no random numbers.
    pub(super) fn new() -> Option<Self> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).ok()?;
        // Tickets are never older than the instance.
        Some(Self { period: period().saturating_sub(1), secret })
    }

    /// Moves on to `period`. There is no way back.
    fn advance(&mut self, period: u64) {
        while self.period < period {
            self.secret = self.expand(&[b"rsgi tickets: next period"]);
            self.period += 1;
        }
    }

    fn next(&self) -> Self {
        let mut next = self.clone();
        next.advance(self.period.saturating_add(1));
        next
    }

    fn expand<const N: usize>(&self, info: &[&[u8]]) -> [u8; N] {
        let mut out = [0; N];
        let secret = Prk::new_less_safe(HKDF_SHA256, &self.secret);
        let done = secret.expand(info, Length(N)).and_then(|made| made.fill(&mut out));
        done.expect("HKDF makes far more bytes than these");
        out
    }

    fn key(&self, scope: &[u8]) -> Key {
        let bytes: [u8; 32] = self.expand(&[b"rsgi tickets: key", scope]);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).expect("32 bytes are a key");
        Key { name: self.expand(&[b"rsgi tickets: name", scope]), key: LessSafeKey::new(key) }
    }
}

/// Who gets a seed gets no key of the past with it.
pub(super) fn serialize<S: Serializer>(seed: &Option<Seed>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut seed = seed.clone();
    if let Some(seed) = &mut seed {
        seed.advance(period().saturating_sub(1));
    }
    seed.serialize(serializer)
}

impl Keyring {
    pub(super) fn new(seed: Seed) -> Arc<Self> {
        Arc::new(Self(Mutex::new(seed)))
    }

    /// What `scope` needs at `period`. A clock that is set back changes nothing.
    fn keys(&self, period: u64, scope: &[u8]) -> Keys {
        let mut seed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seed.advance(period.saturating_sub(1));
        Keys { period, current: seed.next().key(scope), before: seed.key(scope) }
    }
}

impl Ticketer {
    /// `scope`: what a session was allowed with, in words of any form.
    pub(super) fn new(keyring: Arc<Keyring>, scope: &str) -> Self {
        Self { keyring, scope: digest(&SHA256, scope.as_bytes()).as_ref().to_vec(), keys: Mutex::new(None) }
    }

    fn with<T>(&self, period: u64, act: impl FnOnce(&Keys) -> T) -> T {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.take().filter(|keys| keys.period >= period);
        act(keys.insert(known.unwrap_or_else(|| self.keyring.keys(period, &self.scope))))
    }

    fn seal(&self, period: u64, plain: &[u8]) -> Option<Vec<u8>> {
        self.with(period, |keys| keys.current.seal(plain))
    }

    fn open(&self, period: u64, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, sealed) = ticket.split_at_checked(NAME)?;
        self.with(period, |keys| [&keys.current, &keys.before].into_iter().find(|key| key.name == *name)?.open(sealed))
    }
}

impl Key {
    /// Name, nonce, and what is sealed.
    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let whole = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(whole, Aad::from(self.name), &mut sealed).ok()?;
        Some([&self.name[..], &nonce, &sealed].concat())
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(self.name), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    /// Seconds that a ticket may be of use.
    fn lifetime(&self) -> u32 {
        u32::try_from(2 * PERIOD).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(period(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(period(), cipher)
    }
}

/// Number of the current period.
fn period() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / PERIOD)
}

/// Bytes wanted of HKDF.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Secrets are nobody's to see, not even by accident.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").field("period", &self.period).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticketer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 80_000;

    fn seed() -> Seed {
        Seed { period: NOW - 1, secret: [7; 32] }
    }

    fn ticketer(seed: Seed, scope: &str) -> Ticketer {
        Ticketer::new(Keyring::new(seed), scope)
    }

    #[test]
    fn one_process_takes_what_another_made() {
        let (one, mut later) = (ticketer(seed(), "a"), seed());
        let ticket = one.seal(NOW, b"session").unwrap();
        assert_eq!(ticketer(seed(), "a").open(NOW, &ticket).as_deref(), Some(&b"session"[..]));
        // A process that is born in the next period has only what it needs, and that is enough.
        later.advance(NOW);
        assert_eq!(ticketer(later.clone(), "a").open(NOW + 1, &ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(one.seal(NOW, b"session").unwrap(), ticket, "no nonce comes twice");
    }

    #[test]
    fn a_ticket_ends_after_the_next_period_and_opens_no_other_door() {
        let one = ticketer(seed(), "a");
        let ticket = one.seal(NOW, b"session").unwrap();
        assert!(ticketer(seed(), "b").open(NOW, &ticket).is_none());
        assert!(ticketer(Seed { secret: [8; 32], ..seed() }, "a").open(NOW, &ticket).is_none());
        assert!(one.open(NOW + 1, &ticket).is_some());
        assert!(one.open(NOW + 2, &ticket).is_none());
        assert!(one.open(NOW, &ticket).is_none(), "what was forgotten stays forgotten when the clock is set back");
    }

    #[test]
    fn whatever_is_no_ticket_is_refused() {
        let one = ticketer(seed(), "a");
        let ticket = one.seal(NOW, b"session").unwrap();
        for at in 0..ticket.len() {
            let mut forged = ticket.clone();
            forged[at] ^= 1;
            assert!(one.open(NOW, &forged).is_none());
            assert!(one.open(NOW, &ticket[..at]).is_none());
        }
        assert!(one.open(NOW, &ticket).is_some());
    }

    #[test]
    fn a_seed_that_is_handed_on_has_left_the_past_behind() {
        #[derive(Serialize, Deserialize)]
        struct Document {
            #[serde(serialize_with = "serialize")]
            seed: Option<Seed>,
        }
        let seed = Seed { period: 0, secret: [7; 32] };
        let text = serde_json::to_string(&Document { seed: Some(seed.clone()) }).unwrap();
        let got = serde_json::from_str::<Document>(&text).unwrap().seed.unwrap();
        assert!(got.period + 1 >= period() && got.secret != seed.secret);
        let (one, two) = (ticketer(seed, "a"), ticketer(got, "a"));
        assert!(two.open(period(), &one.seal(period(), b"session").unwrap()).is_some());
    }
}
