//! SCGI requests: nothing panics, and a cut request is never taken for a whole one.

use crate::cut;
use rsgi_proto::Progress;
use rsgi_proto::cgi::{CODE_LOADING, Limits};
use rsgi_proto::scgi::{Packet, decode};
use rsgi_proto::vars::Vars;

pub(crate) fn run(input: &[u8]) {
    let limits = Limits { block: 4096, vars: 64, code_loading: false };
    let (mut vars, mut packet) = (Vars::new(), Packet::default());
    let Ok(Progress::Done) = decode(input, &limits, &mut vars, &mut packet) else { return };
    assert!(packet.consumed <= input.len());
    assert!(CODE_LOADING.iter().all(|&id| vars.get(input, id).is_none()));
    assert!(vars.iter(input).all(|var| !var.key.is_empty() && !var.key.contains(&0) && !var.value.contains(&0)));
    let cut = cut::place(input, packet.consumed);
    assert_eq!(decode(&input[..cut], &limits, &mut vars, &mut packet), Ok(Progress::NeedMore), "at {cut}");
}
