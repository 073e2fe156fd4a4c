//! Request heads: nothing panics, a cut head is never taken for a whole one, variables stay clean.

use crate::cut;
use rsgi_proto::http1::request::{Head, Peer, decode};
use rsgi_proto::http1::{Limits, Underscores};
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, names};

const PEER: Peer<'_> =
    Peer { server_name: b"box", server_port: b"80", remote_addr: b"127.0.0.1", remote_port: None, https: true };

pub(crate) fn run(input: &[u8]) {
    for underscores in [Underscores::Drop, Underscores::Refuse, Underscores::Keep] {
        check(input, &Limits { head: 65536, fields: 16, underscores });
    }
    check(input, &Limits { head: 128, fields: 4, underscores: Underscores::Keep });
}

fn check(input: &[u8], limits: &Limits) {
    let (mut vars, mut head) = (Vars::new(), Head::default());
    let whole = decode(input, &PEER, limits, &mut vars, &mut head);
    if whole == Ok(Progress::Done) {
        assert!(head.consumed <= input.len() && head.consumed <= limits.head);
        let text = &input[..head.consumed];
        assert!(text.ends_with(b"\r\n\r\n"));
        assert!(text.iter().enumerate().all(|(at, &byte)| byte != b'\n' || at > 0 && text[at - 1] == b'\r'));
        let mut lengths = 0;
        for var in vars.iter(input) {
            assert!(!var.key.is_empty());
            assert!(var.value.iter().all(|byte| !matches!(byte, 0)));
            let decoded = var.known == Some(names::PATH_INFO);
            assert!(decoded || var.value.iter().all(|byte| !matches!(byte, b'\r' | b'\n')));
            assert_ne!(var.key, b"HTTP_PROXY");
            lengths += usize::from(matches!(var.key, b"CONTENT_LENGTH" | b"HTTP_TRANSFER_ENCODING"));
        }
        assert_eq!(lengths, usize::from(head.body != Body::None));
        let path = vars.get(input, names::PATH_INFO).expect("always there");
        assert!(path == b"*" || path.starts_with(b"/"));
        assert!(!path.split(|&byte| byte == b'/').any(|segment| matches!(segment, b"." | b"..")));

        let cut = cut::place(input, head.consumed);
        let early = decode(&input[..cut], &PEER, limits, &mut vars, &mut head);
        assert_eq!(early, Ok(Progress::NeedMore), "at {cut}");
    }
}
