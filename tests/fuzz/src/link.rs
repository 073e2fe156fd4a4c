//! Link frames, both ends: nothing panics, and it does not matter where the stream is cut.

use crate::cut;
use rsgi_proto::link::{LinkError, RouterEnd, ToRouter, ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;

type Events = (Vec<String>, Vec<u8>, Option<LinkError>);

fn worker(pieces: [&[u8]; 2]) -> Events {
    let (mut end, mut vars) = (WorkerEnd::new(1024), Vars::new());
    let (mut events, mut body, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match end.decode(&buffer, &mut vars) {
                Err(error) => return (events, body, Some(error)),
                Ok(None) => break,
                Ok(Some((used, event))) => {
                    match event {
                        ToWorker::Body(data) => body.extend_from_slice(data),
                        ToWorker::Head(head) => {
                            events.push(format!("{head:?} {:?}", vars.iter(&buffer).collect::<Vec<_>>()))
                        }
                        other => events.push(format!("{other:?} after {}", body.len())),
                    }
                    buffer.drain(..used);
                }
            }
        }
    }
    (events, body, None)
}

fn router(pieces: [&[u8]; 2]) -> Events {
    let mut end = RouterEnd::new(1024);
    let (mut events, mut body, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match end.decode(&buffer) {
                Err(error) => return (events, body, Some(error)),
                Ok(None) => break,
                Ok(Some((used, event))) => {
                    match event {
                        ToRouter::Data(data) => body.extend_from_slice(data),
                        other => events.push(format!("{other:?} after {}", body.len())),
                    }
                    buffer.drain(..used);
                }
            }
        }
    }
    (events, body, None)
}

pub(crate) fn run(input: &[u8]) {
    assert_eq!(worker(cut::two(input)), worker([input, b""]));
    assert_eq!(router(cut::two(input)), router([input, b""]));
}
