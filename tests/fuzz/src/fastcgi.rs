//! FastCGI requests and bodies: nothing panics, and it does not matter where the stream is cut.

use crate::cut;
use rsgi_proto::Progress;
use rsgi_proto::cgi::{CODE_LOADING, Limits};
use rsgi_proto::fastcgi::{Packet, RecordError, Stdin, decode};
use rsgi_proto::http1::chunked::Step;
use rsgi_proto::vars::Vars;

fn body(pieces: [&[u8]; 2]) -> (Vec<u8>, Result<bool, RecordError>) {
    let (mut decoder, mut body, mut buffer) = (Stdin::new(1), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.step(&buffer, 1000) {
                Err(error) => return (body, Err(error)),
                Ok((used, step)) => {
                    let more = matches!(step, Step::Data(_));
                    if let Step::Data(data) = step {
                        body.extend_from_slice(data);
                    }
                    buffer.drain(..used);
                    if !more {
                        break;
                    }
                }
            }
        }
    }
    (body, Ok(decoder.is_done()))
}

pub(crate) fn run(input: &[u8]) {
    assert_eq!(body(cut::two(input)), body([input, b""]));

    let limits = Limits { block: 4096, vars: 64, code_loading: false };
    let (mut vars, mut packet) = (Vars::new(), Packet::default());
    let Ok(Progress::Done) = decode(input, &limits, &mut vars, &mut packet) else { return };
    assert!(packet.consumed <= input.len());
    assert!(CODE_LOADING.iter().all(|&id| vars.get(b"", id).is_none()));
    assert!(vars.iter(b"").all(|var| !var.key.is_empty()));
    let cut = cut::place(input, packet.consumed);
    assert_eq!(decode(&input[..cut], &limits, &mut vars, &mut packet), Ok(Progress::NeedMore), "at {cut}");
}
