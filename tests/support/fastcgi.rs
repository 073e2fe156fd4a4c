//! FastCGI's client side, as nginx speaks it.

const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

/// A request on a connection that ends with it. `body` may be the beginning of a longer one; then STDIN stays open.
pub(crate) fn request(vars: &[(String, String)], body: &[u8], is_whole: bool) -> Vec<u8> {
    let mut params = Vec::new();
    for (key, value) in vars {
        for part in [key, value] {
            params.extend((u32::try_from(part.len()).expect("a length") | 1 << 31).to_be_bytes());
        }
        params.extend(key.bytes().chain(value.bytes()));
    }
    let mut bytes = record(BEGIN_REQUEST, &[0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(record(PARAMS, &params));
    bytes.extend(record(PARAMS, &[]));
    for piece in body.chunks(32_768) {
        bytes.extend(record(STDIN, piece));
    }
    if is_whole {
        bytes.extend(record(STDIN, &[]));
    }
    bytes
}

/// What STDOUT said, and whether the request was said to be complete.
pub(crate) fn answer(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while let Some((&[1, kind, _, _, high, low, padding, _], rest)) = bytes.split_first_chunk::<8>() {
        let size = usize::from(u16::from_be_bytes([high, low]));
        let Some(content) = rest.get(..size) else { break };
        match kind {
            STDOUT => out.extend_from_slice(content),
            END_REQUEST => {
                assert_eq!(content, [0; 8], "the end of the request");
                return (out, true);
            }
            _ => panic!("a FastCGI record of type {kind}"),
        }
        bytes = rest.get(size + usize::from(padding)..).unwrap_or_default();
    }
    (out, false)
}

/// A piece of the request's body; an empty one is its end.
pub(crate) fn stdin(content: &[u8]) -> Vec<u8> {
    record(STDIN, content)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("at most 64 KiB").to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
}
