//! uwsgi packets: nothing panics, and what is decoded can be encoded to the same bytes.

use rsgi_proto::Progress;
use rsgi_proto::uwsgi::{CODE_LOADING, Limits, Packet, decode, encode};
use rsgi_proto::vars::Vars;

pub(crate) fn run(input: &[u8]) {
    let limits = Limits { block: 4096, vars: 64, code_loading: true };
    let (mut vars, mut packet) = (Vars::new(), Packet::default());
    let Ok(Progress::Done) = decode(input, &limits, &mut vars, &mut packet) else { return };
    let mut out = Vec::new();
    encode(&mut out, packet.modifier1, packet.modifier2, vars.iter(input)).expect("it came out of a packet");
    assert_eq!(out, &input[..packet.consumed]);
    assert_eq!(vars.bytes() + 4, packet.consumed);
    assert_eq!(decode(&input[..packet.consumed - 1], &limits, &mut vars, &mut packet), Ok(Progress::NeedMore));

    let strict = Limits { code_loading: false, ..limits };
    assert_eq!(decode(input, &strict, &mut vars, &mut packet), Ok(Progress::Done));
    assert!(CODE_LOADING.iter().all(|&id| vars.get(input, id).is_none()));
}
