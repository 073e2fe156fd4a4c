//! A request's body on its way through a worker, read ahead and by the application: it does not matter where the stream is cut, nor
//! when the application begins to read, nor how much at once; and what is behind the body stays for the next request.
//!
//! The input is what a client, a web server or the router sends: a head, and what follows it.

use rsgi::worker::upload::{Arrived, Framing, Upload};
use rsgi_abi::host::ReadError;
use rsgi_proto::cgi::Limits;
use rsgi_proto::fastcgi::{self, Stdin};
use rsgi_proto::http1::chunked::{Chunked, Step};
use rsgi_proto::http1::request::{Head, Peer};
use rsgi_proto::link::{ToWorker, WorkerEnd};
use rsgi_proto::vars::Vars;
use rsgi_proto::{Body, Progress, http1};

use crate::cut;

/// `limit-post` and `post-buffering` where there are some, bytes.
const LARGEST: u64 = 100;
const BUFFERED: u64 = 10;

pub(crate) fn run(input: &[u8]) {
    for (used, framing) in [by_http(input), by_fastcgi(input), by_link(input)].into_iter().flatten() {
        let (head, rest) = input.split_at(used);
        check(head, rest, framing);
    }
}

fn check(head: &[u8], rest: &[u8], framing: Framing) {
    let portion = 1 + cut::place(rest, 64);
    let whole = [rest];
    let three = cut::three(rest);
    let once = Upload { head, pieces: &whole, framing, is_asked_for: false, largest: None, buffering: 0, portion };
    let wanted = expected(framing, rest);
    for upload in [
        once,
        Upload { pieces: &three, ..once },
        Upload { pieces: &three, is_asked_for: true, ..once },
        Upload { pieces: &three, buffering: BUFFERED, ..once },
    ] {
        let arrived = upload.receive().expect("sockets");
        compare(&arrived, &wanted, &upload);
        let arrived = Upload { largest: Some(LARGEST), ..upload }.receive().expect("sockets");
        let is_large = match framing {
            Framing::Length(length) => length > LARGEST,
            Framing::Chunked | Framing::Fastcgi(_) | Framing::Link(_) => wanted.body.len() as u64 > LARGEST,
        };
        match (is_large, wanted.end) {
            (false, Ok(_)) => compare(&arrived, &wanted, &upload),
            (true, Ok(_)) => assert_eq!(arrived.end, Err(ReadError::TooLarge), "{upload:?}"),
            (_, Err(_)) => assert!(arrived.end.is_err(), "{upload:?}"),
        }
        assert!(arrived.body.len() as u64 <= LARGEST, "{upload:?}");
    }
}

#[track_caller]
fn compare(arrived: &Arrived, wanted: &Wanted<'_>, upload: &Upload<'_>) {
    assert_eq!(arrived.end, wanted.end.map(drop), "{upload:?}");
    match wanted.end {
        Ok(behind) => {
            assert_eq!((&arrived.body, arrived.behind.as_slice()), (&wanted.body, behind), "{upload:?}");
            assert_eq!(format!("{:?}", arrived.link), format!("{:?}", wanted.link), "{upload:?}");
            // The router says nothing before the answer, but that the client is gone.
            assert_eq!(arrived.is_called_off, wanted.link.is_some() && !behind.is_empty(), "{upload:?}");
        }
        Err(_) => assert!(wanted.body.starts_with(&arrived.body), "{upload:?}"),
    }
}

/// What has to come out.
struct Wanted<'a> {
    body: Vec<u8>,
    /// What is behind the body.
    end: Result<&'a [u8], ReadError>,
    link: Option<WorkerEnd>,
}

/// The framing taken off as it is written down, all at once.
fn expected(framing: Framing, rest: &[u8]) -> Wanted<'_> {
    let mut body = Vec::new();
    let (end, link) = match framing {
        Framing::Length(length) => match usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) {
            Some((all, behind)) => {
                body.extend_from_slice(all);
                (Ok(behind), None)
            }
            None => {
                body.extend_from_slice(rest);
                (Err(ReadError::Gone), None)
            }
        },
        Framing::Chunked => {
            let mut chunked = Chunked::new();
            let end = match chunked.decode(rest, |piece| body.extend_from_slice(piece)) {
                Ok(used) if chunked.is_done() => Ok(&rest[used..]),
                Ok(_) => Err(ReadError::Gone),
                // A size that no number can hold.
                Err(reject) if reject.status == 413 => Err(ReadError::TooLarge),
                Err(_) => Err(ReadError::Malformed),
            };
            (end, None)
        }
        Framing::Fastcgi(id) => (by_records(Stdin::new(id), rest, &mut body), None),
        Framing::Link(mut end) => (by_frames(&mut end, rest, &mut body), Some(end)),
    };
    Wanted { body, end, link }
}

fn by_records<'a>(mut stdin: Stdin, mut rest: &'a [u8], body: &mut Vec<u8>) -> Result<&'a [u8], ReadError> {
    loop {
        let (used, step) = stdin.step(rest, usize::MAX).map_err(|_| ReadError::Malformed)?;
        rest = &rest[used..];
        match step {
            Step::Data(data) => body.extend_from_slice(data),
            Step::NeedMore => return Err(ReadError::Gone),
            Step::Done => return Ok(rest),
        }
    }
}

fn by_frames<'a>(end: &mut WorkerEnd, mut rest: &'a [u8], body: &mut Vec<u8>) -> Result<&'a [u8], ReadError> {
    loop {
        let step = end.decode(rest, &mut Vars::new()).map_err(|_| ReadError::Malformed)?;
        let (used, event) = step.ok_or(ReadError::Gone)?;
        rest = &rest[used..];
        match event {
            ToWorker::Body(data) => body.extend_from_slice(data),
            ToWorker::End => return Ok(rest),
            ToWorker::Abort => return Err(ReadError::Gone),
            ToWorker::Head(_) | ToWorker::Leave => return Err(ReadError::Malformed),
        }
    }
}

/// The length of a request's head and how its body is framed, when it is a head.
fn by_http(input: &[u8]) -> Option<(usize, Framing)> {
    let peer = Peer { server_name: b"a", server_port: b"1", remote_addr: b"127.0.0.1", remote_port: None, https: false };
    let (mut vars, mut head) = (Vars::new(), Head::default());
    let progress = http1::request::decode(input, &peer, &http1::Limits::default(), &mut vars, &mut head);
    if progress != Ok(Progress::Done) {
        return None;
    }
    let framing = match head.body {
        Body::None => Framing::Length(0),
        Body::Length(length) => Framing::Length(length),
        Body::Chunked => Framing::Chunked,
    };
    Some((head.consumed, framing))
}

fn by_fastcgi(input: &[u8]) -> Option<(usize, Framing)> {
    let limits = Limits { block: 65535, vars: 256, code_loading: true };
    let (mut vars, mut packet) = (Vars::new(), fastcgi::Packet::default());
    let progress = fastcgi::decode(input, &limits, &mut vars, &mut packet);
    (progress == Ok(Progress::Done)).then_some((packet.consumed, Framing::Fastcgi(packet.id)))
}

fn by_link(input: &[u8]) -> Option<(usize, Framing)> {
    let mut end = WorkerEnd::new(1024);
    let (used, event) = end.decode(input, &mut Vars::new()).ok()??;
    let ToWorker::Head(request) = event else { return None };
    (request.body != Body::None).then_some((used, Framing::Link(end)))
}
