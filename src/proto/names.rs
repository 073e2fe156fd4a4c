//! The CGI keys that requests usually have, numbered, and the way from a header's name to its number.
//!
//! The numbers cross the plugin border and the link, so that a usual key costs no text and its string object can be made
//! once. A key that is missing here works all the same, only slower.

#![expect(
    clippy::indexing_slicing,
    reason = "tables that are made, or whose places are bounded, when this is compiled"
)]

use std::fmt;

/// Number of a key in [`KNOWN`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KnownId(u16);

impl KnownId {
    /// The key with number `index`, if there are that many.
    #[must_use]
    pub fn new(index: usize) -> Option<Self> {
        u16::try_from(index).ok().filter(|_| index < COUNT).map(Self)
    }

    /// Its index in [`KNOWN`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its number on the link and at the plugin border.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The key, e.g. `HTTP_HOST`.
    #[must_use]
    pub fn key(self) -> &'static str {
        KNOWN[self.index()]
    }
}

impl fmt::Debug for KnownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// Finds a header by its name, in any case: `Host` gives `HTTP_HOST`. Names with `_` are nobody's.
#[must_use]
pub fn from_header(name: &[u8]) -> Option<KnownId> {
    let mut slot = header_hash(name);
    loop {
        let id = BY_HEADER[slot];
        if id == FREE {
            return None;
        }
        if is_same(name, ROWS[id as usize].1.as_bytes()) {
            return Some(KnownId(id));
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Whether `name` is `known`, which is in lower case, in any case: as `eq_ignore_ascii_case`, by words, for it is on the way
/// of every header.
#[inline]
fn is_same(name: &[u8], known: &[u8]) -> bool {
    if name.len() != known.len() {
        return false;
    }
    let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) else {
        return is_same_word(load_short(name), load_short(known));
    };
    let (Some(known_first), Some(known_last)) = (known.first_chunk::<8>(), known.last_chunk::<8>()) else {
        return false;
    };
    // First and last word may overlap; only what is longer than both has a middle.
    is_same_word(u64::from_le_bytes(*first), u64::from_le_bytes(*known_first))
        && is_same_word(u64::from_le_bytes(*last), u64::from_le_bytes(*known_last))
        && (name.len() <= 16 || name.eq_ignore_ascii_case(known))
}

/// Compares eight bytes: they may differ in the bit of the case, and only where `known` has a letter.
#[inline]
const fn is_same_word(word: u64, known: u64) -> bool {
    const LETTER: u64 = 0x4040_4040_4040_4040;
    (word ^ known) & !((known & LETTER) >> 1) == 0
}

/// Fewer than eight bytes as a number.
#[inline]
fn load_short(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// Finds a CGI key: `HTTP_HOST` and not `http_host`.
#[must_use]
pub fn from_key(key: &[u8]) -> Option<KnownId> {
    let mut slot = key_hash(key);
    loop {
        let id = BY_KEY[slot];
        if id == FREE {
            return None;
        }
        if ROWS[id as usize].0.as_bytes() == key {
            return Some(KnownId(id));
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Identifies this table: two processes whose tables differ must not exchange numbers.
pub const FINGERPRINT: u32 = fingerprint();

/// The keys, by number.
pub static KNOWN: &[&str] = &keys();

pub(crate) const COUNT: usize = ROWS.len();
const SLOTS: usize = 1024;
const FREE: u16 = u16::MAX;

/// Open addressing, filled at compile time; a quarter full, so that a search ends after a step or two.
static BY_HEADER: [u16; SLOTS] = by_header();
static BY_KEY: [u16; SLOTS] = by_key();

const fn keys() -> [&'static str; COUNT] {
    let mut keys = [""; COUNT];
    let mut row = 0;
    while row < COUNT {
        keys[row] = ROWS[row].0;
        row += 1;
    }
    keys
}

const fn by_header() -> [u16; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut row = 0;
    while row < COUNT {
        let name = ROWS[row].1.as_bytes();
        if !name.is_empty() {
            table[free_slot(&table, header_hash(name))] = row as u16;
        }
        row += 1;
    }
    table
}

const fn by_key() -> [u16; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut row = 0;
    while row < COUNT {
        table[free_slot(&table, key_hash(ROWS[row].0.as_bytes()))] = row as u16;
        row += 1;
    }
    table
}

const fn free_slot(table: &[u16; SLOTS], mut slot: usize) -> usize {
    while table[slot] != FREE {
        slot = (slot + 1) % SLOTS;
    }
    slot
}

/// Mixes the length and four letters, their case left out.
const fn header_hash(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    mix(len, name[0] | 0x20, name[len / 2] | 0x20, name[len - 1] | 0x20, name[len - len / 4 - 1] | 0x20)
}

const fn key_hash(key: &[u8]) -> usize {
    let len = key.len();
    if len == 0 {
        return 0;
    }
    mix(len, key[if len > 5 { 5 } else { 0 }], key[len / 2], key[len - 1], key[len - len / 4 - 1])
}

const fn mix(len: usize, a: u8, b: u8, c: u8, d: u8) -> usize {
    let bits = (a as u32) | (b as u32) << 8 | (c as u32) << 16 | (d as u32) << 24;
    let bits = bits ^ (len as u32).wrapping_mul(0x9E37_79B1);
    (bits.wrapping_mul(0x85EB_CA6B) >> 22) as usize % SLOTS
}

/// FNV-1a over all keys.
const fn fingerprint() -> u32 {
    let mut hash = 0x811C_9DC5_u32;
    let mut row = 0;
    while row < COUNT {
        let key = ROWS[row].0.as_bytes();
        let mut at = 0;
        while at <= key.len() {
            let byte = if at < key.len() { key[at] } else { 0 };
            hash = (hash ^ byte as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        row += 1;
    }
    hash
}

macro_rules! constants {
    ($($name:ident)*) => { $(
        #[doc = concat!("`", stringify!($name), "`")]
        pub const $name: KnownId = find(stringify!($name));
    )* };
}

/// The number of a key that must be in the table: a name missing from it does not compile.
const fn find(key: &str) -> KnownId {
    let key = key.as_bytes();
    let mut row = 0;
    loop {
        let other = ROWS[row].0.as_bytes();
        let mut at = 0;
        while at < key.len() && other.len() == key.len() && other[at] == key[at] {
            at += 1;
        }
        if at == key.len() && other.len() == key.len() {
            return KnownId(row as u16);
        }
        row += 1;
    }
}

constants! {
    REQUEST_METHOD REQUEST_URI PATH_INFO QUERY_STRING SERVER_PROTOCOL SCRIPT_NAME SERVER_NAME SERVER_PORT
    SERVER_ADDR REMOTE_ADDR REMOTE_PORT REMOTE_HOST REMOTE_USER REMOTE_IDENT AUTH_TYPE HTTPS REQUEST_SCHEME
    DOCUMENT_ROOT DOCUMENT_URI SCRIPT_FILENAME UWSGI_ROUTER UWSGI_SCHEME UWSGI_APPID UWSGI_FILE UWSGI_MODULE
    UWSGI_SCRIPT UWSGI_CALLABLE UWSGI_HOME UWSGI_PYHOME UWSGI_CHDIR UWSGI_SETENV UWSGI_POSTFILE UWSGI_TOUCH_RELOAD
    UWSGI_CACHE_GET CONTENT_TYPE CONTENT_LENGTH HTTP_HOST HTTP_CONNECTION HTTP_TRANSFER_ENCODING HTTP_EXPECT
    HTTP_COOKIE HTTP_PROXY HTTP_UPGRADE HTTP_ACCEPT_ENCODING HTTP_AUTHORIZATION HTTP_IF_MATCH HTTP_IF_MODIFIED_SINCE
    HTTP_IF_NONE_MATCH HTTP_IF_RANGE HTTP_IF_UNMODIFIED_SINCE HTTP_ORIGIN HTTP_RANGE HTTP_REFERER HTTP_SEC_WEBSOCKET_KEY HTTP_SEC_WEBSOCKET_PROTOCOL HTTP_USER_AGENT
    HTTP_X_FORWARDED_FOR HTTP_X_FORWARDED_HOST HTTP_X_FORWARDED_PORT HTTP_X_FORWARDED_PREFIX HTTP_X_FORWARDED_PROTO
    HTTP_X_FORWARDED_SSL HTTP_X_REAL_IP HTTP_X_REQUEST_ID HTTP_FORWARDED HTTP_TE HTTP_TRAILER HTTP_KEEP_ALIVE
    HTTP_PROXY_CONNECTION HTTP_PROXY_AUTHORIZATION HTTP_HTTP2_SETTINGS HTTP_TRACEPARENT HTTP_TRACESTATE
}

/// Key, and the header that it is made of.
const ROWS: &[(&str, &str)] = &[
    ("REQUEST_METHOD", ""),
    ("REQUEST_URI", ""),
    ("PATH_INFO", ""),
    ("QUERY_STRING", ""),
    ("SERVER_PROTOCOL", ""),
    ("SCRIPT_NAME", ""),
    ("SERVER_NAME", ""),
    ("SERVER_PORT", ""),
    ("SERVER_ADDR", ""),
    ("REMOTE_ADDR", ""),
    ("REMOTE_PORT", ""),
    ("REMOTE_HOST", ""),
    ("REMOTE_USER", ""),
    ("REMOTE_IDENT", ""),
    ("AUTH_TYPE", ""),
    ("HTTPS", ""),
    ("REQUEST_SCHEME", ""),
    ("DOCUMENT_ROOT", ""),
    ("DOCUMENT_URI", ""),
    ("SCRIPT_FILENAME", ""),
    ("PATH_TRANSLATED", ""),
    ("SERVER_SOFTWARE", ""),
    ("GATEWAY_INTERFACE", ""),
    ("REDIRECT_STATUS", ""),
    ("REQUEST_ID", ""),
    ("UWSGI_ROUTER", ""),
    ("UWSGI_SCHEME", ""),
    ("UWSGI_APPID", ""),
    ("UWSGI_FILE", ""),
    ("UWSGI_MODULE", ""),
    ("UWSGI_SCRIPT", ""),
    ("UWSGI_CALLABLE", ""),
    ("UWSGI_HOME", ""),
    ("UWSGI_PYHOME", ""),
    ("UWSGI_CHDIR", ""),
    ("UWSGI_SETENV", ""),
    ("UWSGI_POSTFILE", ""),
    ("UWSGI_TOUCH_RELOAD", ""),
    ("UWSGI_CACHE_GET", ""),
    ("HTTPS_DN", ""),
    ("HTTPS_CC", ""),
    ("SSL_PROTOCOL", ""),
    ("SSL_CIPHER", ""),
    ("SSL_CLIENT_VERIFY", ""),
    ("SSL_CLIENT_S_DN", ""),
    ("SSL_CLIENT_CERT", ""),
    ("CONTENT_TYPE", "content-type"),
    ("CONTENT_LENGTH", "content-length"),
    ("HTTP_HOST", "host"),
    ("HTTP_CONNECTION", "connection"),
    ("HTTP_TRANSFER_ENCODING", "transfer-encoding"),
    ("HTTP_EXPECT", "expect"),
    ("HTTP_COOKIE", "cookie"),
    ("HTTP_PROXY", "proxy"),
    ("HTTP_UPGRADE", "upgrade"),
    ("HTTP_ACCEPT", "accept"),
    ("HTTP_ACCEPT_CHARSET", "accept-charset"),
    ("HTTP_ACCEPT_DATETIME", "accept-datetime"),
    ("HTTP_ACCEPT_ENCODING", "accept-encoding"),
    ("HTTP_ACCEPT_LANGUAGE", "accept-language"),
    ("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "access-control-request-headers"),
    ("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "access-control-request-method"),
    ("HTTP_ALT_USED", "alt-used"),
    ("HTTP_AUTHORIZATION", "authorization"),
    ("HTTP_BAGGAGE", "baggage"),
    ("HTTP_CACHE_CONTROL", "cache-control"),
    ("HTTP_CDN_LOOP", "cdn-loop"),
    ("HTTP_CF_CONNECTING_IP", "cf-connecting-ip"),
    ("HTTP_CF_IPCOUNTRY", "cf-ipcountry"),
    ("HTTP_CF_RAY", "cf-ray"),
    ("HTTP_CF_VISITOR", "cf-visitor"),
    ("HTTP_CLIENT_IP", "client-ip"),
    ("HTTP_CONTENT_DISPOSITION", "content-disposition"),
    ("HTTP_CONTENT_ENCODING", "content-encoding"),
    ("HTTP_CONTENT_LANGUAGE", "content-language"),
    ("HTTP_CONTENT_LOCATION", "content-location"),
    ("HTTP_CONTENT_MD5", "content-md5"),
    ("HTTP_CONTENT_RANGE", "content-range"),
    ("HTTP_CONTENT_SECURITY_POLICY", "content-security-policy"),
    ("HTTP_DATE", "date"),
    ("HTTP_DEPTH", "depth"),
    ("HTTP_DESTINATION", "destination"),
    ("HTTP_DEVICE_MEMORY", "device-memory"),
    ("HTTP_DIGEST", "digest"),
    ("HTTP_DNT", "dnt"),
    ("HTTP_DOWNLINK", "downlink"),
    ("HTTP_DPR", "dpr"),
    ("HTTP_EARLY_DATA", "early-data"),
    ("HTTP_ECT", "ect"),
    ("HTTP_ETAG", "etag"),
    ("HTTP_FLY_CLIENT_IP", "fly-client-ip"),
    ("HTTP_FORWARDED", "forwarded"),
    ("HTTP_FROM", "from"),
    ("HTTP_FRONT_END_HTTPS", "front-end-https"),
    ("HTTP_HTTP2_SETTINGS", "http2-settings"),
    ("HTTP_IDEMPOTENCY_KEY", "idempotency-key"),
    ("HTTP_IF", "if"),
    ("HTTP_IF_MATCH", "if-match"),
    ("HTTP_IF_MODIFIED_SINCE", "if-modified-since"),
    ("HTTP_IF_NONE_MATCH", "if-none-match"),
    ("HTTP_IF_RANGE", "if-range"),
    ("HTTP_IF_UNMODIFIED_SINCE", "if-unmodified-since"),
    ("HTTP_KEEP_ALIVE", "keep-alive"),
    ("HTTP_LAST_EVENT_ID", "last-event-id"),
    ("HTTP_LINK", "link"),
    ("HTTP_LOCK_TOKEN", "lock-token"),
    ("HTTP_MAX_FORWARDS", "max-forwards"),
    ("HTTP_NEGOTIATE", "negotiate"),
    ("HTTP_ORIGIN", "origin"),
    ("HTTP_OVERWRITE", "overwrite"),
    ("HTTP_PRAGMA", "pragma"),
    ("HTTP_PREFER", "prefer"),
    ("HTTP_PRIORITY", "priority"),
    ("HTTP_PROXY_AUTHORIZATION", "proxy-authorization"),
    ("HTTP_PROXY_CONNECTION", "proxy-connection"),
    ("HTTP_PURPOSE", "purpose"),
    ("HTTP_RANGE", "range"),
    ("HTTP_REFERER", "referer"),
    ("HTTP_RTT", "rtt"),
    ("HTTP_SAVE_DATA", "save-data"),
    ("HTTP_SEC_CH_PREFERS_COLOR_SCHEME", "sec-ch-prefers-color-scheme"),
    ("HTTP_SEC_CH_UA", "sec-ch-ua"),
    ("HTTP_SEC_CH_UA_ARCH", "sec-ch-ua-arch"),
    ("HTTP_SEC_CH_UA_FULL_VERSION_LIST", "sec-ch-ua-full-version-list"),
    ("HTTP_SEC_CH_UA_MOBILE", "sec-ch-ua-mobile"),
    ("HTTP_SEC_CH_UA_MODEL", "sec-ch-ua-model"),
    ("HTTP_SEC_CH_UA_PLATFORM", "sec-ch-ua-platform"),
    ("HTTP_SEC_CH_UA_PLATFORM_VERSION", "sec-ch-ua-platform-version"),
    ("HTTP_SEC_FETCH_DEST", "sec-fetch-dest"),
    ("HTTP_SEC_FETCH_MODE", "sec-fetch-mode"),
    ("HTTP_SEC_FETCH_SITE", "sec-fetch-site"),
    ("HTTP_SEC_FETCH_USER", "sec-fetch-user"),
    ("HTTP_SEC_GPC", "sec-gpc"),
    ("HTTP_SEC_PURPOSE", "sec-purpose"),
    ("HTTP_SEC_WEBSOCKET_ACCEPT", "sec-websocket-accept"),
    ("HTTP_SEC_WEBSOCKET_EXTENSIONS", "sec-websocket-extensions"),
    ("HTTP_SEC_WEBSOCKET_KEY", "sec-websocket-key"),
    ("HTTP_SEC_WEBSOCKET_PROTOCOL", "sec-websocket-protocol"),
    ("HTTP_SEC_WEBSOCKET_VERSION", "sec-websocket-version"),
    ("HTTP_SERVICE_WORKER", "service-worker"),
    ("HTTP_SIGNATURE", "signature"),
    ("HTTP_SIGNATURE_INPUT", "signature-input"),
    ("HTTP_TE", "te"),
    ("HTTP_TIMEOUT", "timeout"),
    ("HTTP_TRACEPARENT", "traceparent"),
    ("HTTP_TRACESTATE", "tracestate"),
    ("HTTP_TRAILER", "trailer"),
    ("HTTP_TRUE_CLIENT_IP", "true-client-ip"),
    ("HTTP_UPGRADE_INSECURE_REQUESTS", "upgrade-insecure-requests"),
    ("HTTP_USER_AGENT", "user-agent"),
    ("HTTP_VIA", "via"),
    ("HTTP_VIEWPORT_WIDTH", "viewport-width"),
    ("HTTP_WANT_DIGEST", "want-digest"),
    ("HTTP_WARNING", "warning"),
    ("HTTP_X_AMZ_CF_ID", "x-amz-cf-id"),
    ("HTTP_X_AMZN_TRACE_ID", "x-amzn-trace-id"),
    ("HTTP_X_API_KEY", "x-api-key"),
    ("HTTP_X_AUTH_TOKEN", "x-auth-token"),
    ("HTTP_X_CLIENT_IP", "x-client-ip"),
    ("HTTP_X_CLOUD_TRACE_CONTEXT", "x-cloud-trace-context"),
    ("HTTP_X_CORRELATION_ID", "x-correlation-id"),
    ("HTTP_X_CSRF_TOKEN", "x-csrf-token"),
    ("HTTP_X_CSRFTOKEN", "x-csrftoken"),
    ("HTTP_X_DEVICE_ID", "x-device-id"),
    ("HTTP_X_FORWARDED", "x-forwarded"),
    ("HTTP_X_FORWARDED_BY", "x-forwarded-by"),
    ("HTTP_X_FORWARDED_FOR", "x-forwarded-for"),
    ("HTTP_X_FORWARDED_HOST", "x-forwarded-host"),
    ("HTTP_X_FORWARDED_PATH", "x-forwarded-path"),
    ("HTTP_X_FORWARDED_PORT", "x-forwarded-port"),
    ("HTTP_X_FORWARDED_PREFIX", "x-forwarded-prefix"),
    ("HTTP_X_FORWARDED_PROTO", "x-forwarded-proto"),
    ("HTTP_X_FORWARDED_PROTOCOL", "x-forwarded-protocol"),
    ("HTTP_X_FORWARDED_SCHEME", "x-forwarded-scheme"),
    ("HTTP_X_FORWARDED_SERVER", "x-forwarded-server"),
    ("HTTP_X_FORWARDED_SSL", "x-forwarded-ssl"),
    ("HTTP_X_HUB_SIGNATURE", "x-hub-signature"),
    ("HTTP_X_HUB_SIGNATURE_256", "x-hub-signature-256"),
    ("HTTP_X_HTTP_METHOD_OVERRIDE", "x-http-method-override"),
    ("HTTP_X_ORIGINAL_URL", "x-original-url"),
    ("HTTP_X_ORIGINAL_URI", "x-original-uri"),
    ("HTTP_X_PJAX", "x-pjax"),
    ("HTTP_X_REAL_IP", "x-real-ip"),
    ("HTTP_X_REMOTE_USER", "x-remote-user"),
    ("HTTP_X_REQUEST_ID", "x-request-id"),
    ("HTTP_X_REQUEST_START", "x-request-start"),
    ("HTTP_X_REQUESTED_WITH", "x-requested-with"),
    ("HTTP_X_REWRITE_URL", "x-rewrite-url"),
    ("HTTP_X_SCHEME", "x-scheme"),
    ("HTTP_X_SENDFILE_TYPE", "x-sendfile-type"),
    ("HTTP_X_ACCEL_MAPPING", "x-accel-mapping"),
    ("HTTP_X_PURPOSE", "x-purpose"),
    ("HTTP_X_MOZ", "x-moz"),
    ("HTTP_X_WAP_PROFILE", "x-wap-profile"),
    ("HTTP_X_FORWARDED_USER", "x-forwarded-user"),
    ("HTTP_X_FORWARDED_EMAIL", "x-forwarded-email"),
    ("HTTP_X_FORWARDED_GROUPS", "x-forwarded-groups"),
    ("HTTP_X_FORWARDED_ACCESS_TOKEN", "x-forwarded-access-token"),
    ("HTTP_X_FORWARDED_CLIENT_CERT", "x-forwarded-client-cert"),
    ("HTTP_X_ENVOY_EXTERNAL_ADDRESS", "x-envoy-external-address"),
    ("HTTP_X_ENVOY_EXPECTED_RQ_TIMEOUT_MS", "x-envoy-expected-rq-timeout-ms"),
    ("HTTP_X_B3_TRACEID", "x-b3-traceid"),
    ("HTTP_X_B3_SPANID", "x-b3-spanid"),
    ("HTTP_X_B3_PARENTSPANID", "x-b3-parentspanid"),
    ("HTTP_X_B3_SAMPLED", "x-b3-sampled"),
    ("HTTP_HX_REQUEST", "hx-request"),
    ("HTTP_HX_TARGET", "hx-target"),
    ("HTTP_HX_TRIGGER", "hx-trigger"),
    ("HTTP_HX_CURRENT_URL", "hx-current-url"),
    ("HTTP_HX_BOOSTED", "hx-boosted"),
    ("HTTP_STRIPE_SIGNATURE", "stripe-signature"),
    ("HTTP_X_GITHUB_EVENT", "x-github-event"),
    ("HTTP_X_GITHUB_DELIVERY", "x-github-delivery"),
    ("HTTP_X_SLACK_SIGNATURE", "x-slack-signature"),
    ("HTTP_X_SLACK_REQUEST_TIMESTAMP", "x-slack-request-timestamp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_row_has_the_key_that_cgi_gives_it() {
        for (key, header) in ROWS.iter().filter(|row| !row.1.is_empty()) {
            let upper = header.to_ascii_uppercase().replace('-', "_");
            let expected = match upper.as_str() {
                "CONTENT_TYPE" | "CONTENT_LENGTH" => upper,
                _ => format!("HTTP_{upper}"),
            };
            assert_eq!(*key, expected);
        }
    }

    #[test]
    fn every_row_is_found_by_key_and_by_header_in_any_case() {
        for (index, (key, header)) in ROWS.iter().enumerate() {
            let id = KnownId::new(index);
            assert_eq!(from_key(key.as_bytes()), id, "{key}");
            assert_eq!(KNOWN[index], *key);
            if !header.is_empty() {
                assert_eq!(from_header(header.as_bytes()), id, "{header}");
                assert_eq!(from_header(header.to_ascii_uppercase().as_bytes()), id, "{header}");
            }
        }
        assert_eq!(KnownId::new(COUNT), None);
    }

    #[test]
    fn strangers_are_not_found() {
        for name in ["", "x", "Hos", "Hostt", "User_Agent", "Content_Length", "H\u{1}st", "Content-Length\0", "-", "_"]
        {
            assert_eq!(from_header(name.as_bytes()), None, "{name:?}");
        }
        for key in ["", "X", "http_host", "HTTP_", "HTTP_HOSTS", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"] {
            assert_eq!(from_key(key.as_bytes()), None, "{key:?}");
        }
    }

    #[test]
    fn one_other_byte_makes_another_name() {
        for (_, header) in ROWS.iter().filter(|row| !row.1.is_empty()) {
            let known = header.as_bytes();
            for at in 0..known.len() {
                for byte in 0..=255 {
                    let mut name = known.to_vec();
                    name[at] = byte;
                    assert_eq!(is_same(&name, known), name.eq_ignore_ascii_case(known), "{}", name.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn constants_name_what_they_say() {
        assert_eq!(PATH_INFO.key(), "PATH_INFO");
        assert_eq!(HTTP_HOST.key(), "HTTP_HOST");
        assert_eq!(format!("{HTTP_COOKIE:?}"), "HTTP_COOKIE");
    }

    #[test]
    fn searches_are_short() {
        let longest = |table: &[u16; SLOTS]| {
            let mut run = 0;
            table.iter().fold(0, |most, &id| {
                run = if id == FREE { 0 } else { run + 1 };
                most.max(run)
            })
        };
        assert!(longest(&BY_HEADER) <= 8, "{}", longest(&BY_HEADER));
        assert!(longest(&BY_KEY) <= 8, "{}", longest(&BY_KEY));
    }
}
