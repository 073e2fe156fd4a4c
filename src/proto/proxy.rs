//! The PROXY protocol, versions 1 and 2: what a proxy says of its client before the client's first byte.
//!
//! Source: The PROXY protocol, versions 1 & 2 (HAProxy, doc/proxy-protocol.txt), section 2. A receiver must not guess
//! whether a header is there: whoever calls this has been told that there is one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// First bytes of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// Length of version 2 up to the addresses.
const FIXED: usize = 16;
/// Longest header of version 2: the specification wants all to fit into 536 bytes, certificates' names among the extensions
/// may take more.
pub const LONGEST: usize = 4096;

/// A header as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its length; what follows is the client's.
    pub consumed: usize,
    /// The client. `None`: the connection is what it is, made by the proxy for itself or for a client without such an
    /// address.
    pub source: Option<SocketAddr>,
}

/// What is not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(
    /// Why not, for the log.
    pub &'static str,
);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a PROXY header: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads the header at the start of `input`. `None`: it is a proper beginning; call again when there is more.
///
/// # Errors
/// As soon as it cannot become a header.
pub fn decode(input: &[u8]) -> Result<Option<Header>, Malformed> {
    if begins(input, SIGNATURE) {
        return version_2(input);
    }
    if begins(input, b"PROXY ") {
        return version_1(input);
    }
    Err(Malformed("it begins with something else"))
}

/// Whether `input` begins with `expected`, as far as it goes.
fn begins(input: &[u8], expected: &[u8]) -> bool {
    let both = input.len().min(expected.len());
    input.get(..both) == expected.get(..both)
}

fn version_1(input: &[u8]) -> Result<Option<Header>, Malformed> {
    let line = input.get(..input.len().min(LONGEST_LINE)).unwrap_or_default();
    let Some(end) = line.iter().position(|&byte| byte == b'\n') else {
        let is_long = line.len() == LONGEST_LINE;
        return if is_long { Err(Malformed("the line is too long")) } else { Ok(None) };
    };
    let consumed = end + 1;
    let Some(text) = line.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
        return Err(Malformed("the line ends without a carriage return"));
    };
    let text = std::str::from_utf8(text).map_err(|_| Malformed("the line is no text"))?;
    let mut words = text.split(' ').skip(1);
    let source = match words.next() {
        Some("UNKNOWN") => return Ok(Some(Header { consumed, source: None })),
        Some("TCP4") => addresses::<Ipv4Addr>(words)?,
        Some("TCP6") => addresses::<Ipv6Addr>(words)?,
        _ => return Err(Malformed("neither TCP4, TCP6 nor UNKNOWN")),
    };
    Ok(Some(Header { consumed, source: Some(source) }))
}

/// Source and destination, then their ports; the source is what counts.
fn addresses<'a, A: FromStr + Into<IpAddr>>(mut words: impl Iterator<Item = &'a str>) -> Result<SocketAddr, Malformed> {
    let mut word = || words.next().ok_or(Malformed("an address or a port is missing"));
    let address = |text: &str| text.parse::<A>().map(Into::into).map_err(|_| Malformed("not an address of its family"));
    let (source, _) = (address(word()?)?, address(word()?)?);
    let (source_port, _) = (port(word()?)?, port(word()?)?);
    match words.next() {
        None => Ok(SocketAddr::new(source, source_port)),
        Some(_) => Err(Malformed("there is more than two addresses and two ports")),
    }
}

fn port(text: &str) -> Result<u16, Malformed> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain).ok_or(Malformed("not a port"))
}

fn version_2(input: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some(&version_and_command) = input.get(SIGNATURE.len()) else { return Ok(None) };
    if version_and_command >> 4 != 2 {
        return Err(Malformed("the version is not 2"));
    }
    let is_local = match version_and_command & 15 {
        0 => true,
        1 => false,
        _ => return Err(Malformed("the command is neither LOCAL nor PROXY")),
    };
    let Some(&[_, family_and_transport, high, low]) = input.get(SIGNATURE.len()..FIXED) else { return Ok(None) };
    let consumed = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if consumed > LONGEST {
        return Err(Malformed("it is longer than 4096 bytes"));
    }
    let (family, transport) = (family_and_transport >> 4, family_and_transport & 15);
    if !is_local && (family > 3 || transport > 2) {
        return Err(Malformed("a family or a transport that there is not"));
    }
    let Some(rest) = input.get(FIXED..consumed) else { return Ok(None) };
    let source = match family {
        _ if is_local || transport == 0 => None,
        1 => Some(binary::<4, 12>(rest)?),
        2 => Some(binary::<16, 36>(rest)?),
        3 if rest.len() < 216 => return Err(Malformed("the addresses are cut")),
        _ => None,
    };
    Ok(Some(Header { consumed, source }))
}

/// The source of a block of `ALL` bytes: two addresses of `N` bytes, then two ports. Extensions may follow.
fn binary<const N: usize, const ALL: usize>(rest: &[u8]) -> Result<SocketAddr, Malformed>
where
    IpAddr: From<[u8; N]>,
{
    let block: &[u8; ALL] = rest.first_chunk().ok_or(Malformed("the addresses are cut"))?;
    let address: [u8; N] = *block.first_chunk().ok_or(Malformed("the addresses are cut"))?;
    let port = block.get(2 * N..).and_then(<[u8]>::first_chunk).ok_or(Malformed("the ports are cut"))?;
    Ok(SocketAddr::new(IpAddr::from(address).to_canonical(), u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    /// Decodes the whole, and sees to it that no beginning of it is taken for a header, nor refused.
    fn whole(header: &[u8]) -> Option<SocketAddr> {
        for cut in 0..header.len() {
            assert_eq!(decode(&header[..cut]), Ok(None), "cut at {cut} of {header:?}");
        }
        let found = decode(&[header, b"GET /"].concat()).unwrap().unwrap();
        assert_eq!(found.consumed, header.len());
        found.source
    }

    fn refused(header: &[u8]) -> &'static str {
        let Err(Malformed(reason)) = decode(header) else { panic!("{header:?} was accepted") };
        reason
    }

    #[test]
    fn lines_of_version_1() {
        let of = |line: &str| whole(format!("{line}\r\n").as_bytes()).map(|source| source.to_string());
        assert_eq!(of("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443").as_deref(), Some("192.168.0.1:56324"));
        assert_eq!(
            of("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535").as_deref(),
            Some("255.255.255.255:65535")
        );
        assert_eq!(of("PROXY TCP6 2001:DB8::1 ::1 0 443").as_deref(), Some("[2001:db8::1]:0"));
        let long = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(of(&format!("PROXY TCP6 {long} {long} 65535 65535")), Some(format!("[{long}]:65535")));
        assert_eq!(of("PROXY UNKNOWN"), None);
        assert_eq!(of(&format!("PROXY UNKNOWN {long} {long} 65535 65535")), None);
    }

    #[test]
    fn lines_that_are_none() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "PROXYTCP4",
            "PROXY \r\n",
            "PROXY TCP4\r\n",
            "PROXY TCP5 1.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY tcp4 1.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n",
            "PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n",
            "PROXY TCP4 999.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.01 1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n",
            "PROXY UNKNOWN\n",
            "PROXY UNKNOWN\r\r\n\n",
        ] {
            let end = line.len();
            assert!(decode(line.as_bytes()).is_err(), "{line:?}");
            assert!((0..end).all(|cut| !matches!(decode(&line.as_bytes()[..cut]), Ok(Some(_)))), "{line:?}");
        }
        assert_eq!(refused(b"PROXY TCP4 \xff\r\n"), "the line is no text");
        let dripping = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
        assert_eq!(decode(&dripping[..106]), Ok(None));
        assert_eq!(refused(&dripping[..107]), "the line is too long");
        // The line's end counts among its 107 bytes.
        let mut line = dripping[..105].to_vec();
        line.extend_from_slice(b"\r\n");
        assert_eq!(whole(&line), None);
    }

    #[test]
    fn blocks_of_version_2() {
        let v4 = [192, 168, 0, 1, 10, 0, 0, 1, 0xdc, 4, 1, 187];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..].copy_from_slice(&[0, 80, 1, 187]);
        let tlvs = [&v4[..], &[1, 0, 2, b'h', b'2', 4, 0, 0]].concat();
        assert_eq!(whole(&v2(0x21, 0x11, &v4)), Some("192.168.0.1:56324".parse().unwrap()));
        assert_eq!(whole(&v2(0x21, 0x12, &v4)), Some("192.168.0.1:56324".parse().unwrap()));
        assert_eq!(whole(&v2(0x21, 0x21, &v6)), Some("[2001:db8::7]:80".parse().unwrap()));
        assert_eq!(
            whole(&v2(0x21, 0x11, &tlvs)),
            Some("192.168.0.1:56324".parse().unwrap()),
            "extensions are passed over"
        );
        assert_eq!(whole(&v2(0x21, 0x31, &[b'/'; 216])), None);
        assert_eq!(whole(&v2(0x21, 0x00, &[])), None);
        assert_eq!(whole(&v2(0x21, 0x10, &v4)), None);
        for (family, rest) in [(0, &[][..]), (0x11, &v4), (0xff, &[7; 300])] {
            assert_eq!(whole(&v2(0x20, family, rest)), None, "LOCAL says nothing of anybody");
        }
        v6[..16].copy_from_slice(&"::ffff:10.1.2.3".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(whole(&v2(0x21, 0x21, &v6)), Some("10.1.2.3:80".parse().unwrap()));
        assert_eq!(whole(&v2(0x20, 0, &[0; LONGEST - FIXED])), None);
    }

    #[test]
    fn blocks_that_are_none() {
        assert_eq!(refused(&v2(0x11, 0x11, &[0; 12])), "the version is not 2");
        assert_eq!(refused(&v2(0x22, 0x11, &[0; 12])), "the command is neither LOCAL nor PROXY");
        assert_eq!(refused(&v2(0x21, 0x41, &[0; 12])), "a family or a transport that there is not");
        assert_eq!(refused(&v2(0x21, 0x13, &[0; 12])), "a family or a transport that there is not");
        assert_eq!(refused(&v2(0x21, 0x11, &[0; 11])), "the addresses are cut");
        assert_eq!(refused(&v2(0x21, 0x21, &[0; 35])), "the addresses are cut");
        assert_eq!(refused(&v2(0x21, 0x31, &[0; 215])), "the addresses are cut");
        // Refused by its length alone, before anything of it is waited for.
        assert_eq!(refused(&v2(0x21, 0x11, &[0; LONGEST - FIXED + 1])[..FIXED]), "it is longer than 4096 bytes");
        assert_eq!(refused(b"\r\n\r\n\0\r\nQUIT\r"), "it begins with something else");
    }

    #[test]
    fn noise_is_no_header_and_no_danger() {
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            let mut bytes = v2(0x21, 0x11, &[1; 20]);
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = random.below(256) as u8;
            }
            if let Ok(Some(header)) = decode(&bytes) {
                assert!(header.consumed <= bytes.len());
            }
        }
    }
}
