//! Request targets: the path that an application sees goes nowhere up, and is what RFC 3986 makes of it.

use rsgi_proto::http1::target::{decode_path, is_authority, push, split};
use rsgi_proto::names;
use rsgi_proto::vars::Vars;

pub(crate) fn run(input: &[u8]) {
    let _ = is_authority(input);
    let mut path = b"kept".to_vec();
    if decode_path(input, &mut path).is_ok() {
        let path = path.strip_prefix(b"kept").expect("only appended");
        let decoded = decoded(input).expect("every escape is proper");
        assert_eq!(path, if decoded.starts_with(b"/") { resolved(&decoded) } else { decoded });
    } else {
        assert!(decoded(input).is_none_or(|path| path.contains(&0)));
    }
    // A request line has no blanks and no control characters in its target.
    if input.iter().any(|&byte| byte <= b' ' || byte == 0x7F) {
        return;
    }
    for method in [&b"GET"[..], b"OPTIONS", b"CONNECT"] {
        let Ok(target) = split(method, input) else { continue };
        assert_ne!(method, b"CONNECT");
        let mut vars = Vars::new();
        if push(&mut vars, input, &target).is_err() {
            continue;
        }
        let path = vars.get(input, names::PATH_INFO).expect("always there");
        assert!(path == b"*" || path.starts_with(b"/"));
        assert!(!path.split(|&byte| byte == b'/').any(|step| matches!(step, b"." | b"..")));
        assert!(!path.contains(&0));
        let query = vars.get(input, names::QUERY_STRING).expect("always there");
        assert!(query.is_empty() || input.ends_with(query) && !query.contains(&b'#'));
        let authority = target.authority.unwrap_or_default();
        assert!(authority.is_empty() || is_authority(authority) && !authority.contains(&b'@'));
    }
}

/// Every `%XX` replaced; `None` when one is broken.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), path.iter());
    while let Some(&byte) = rest.next() {
        let digits = |digit: &u8| char::from(*digit).to_digit(16);
        out.push(match byte {
            b'%' => u8::try_from(digits(rest.next()?)? * 16 + digits(rest.next()?)?).ok()?,
            plain => plain,
        });
    }
    Some(out)
}

/// RFC 3986 §5.2.4 as it is written there, over a path that begins with a slash.
fn resolved(path: &[u8]) -> Vec<u8> {
    let (mut input, mut output) = (path.to_vec(), Vec::new());
    while !input.is_empty() {
        if input.starts_with(b"/./") {
            input.drain(..2);
        } else if input == b"/." {
            input = b"/".to_vec();
        } else if input.starts_with(b"/../") || input == b"/.." {
            input = [b"/", input.get(4..).unwrap_or_default()].concat();
            output.truncate(output.iter().rposition(|&byte| byte == b'/').unwrap_or(0));
        } else {
            let end = input[1..].iter().position(|&byte| byte == b'/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}
