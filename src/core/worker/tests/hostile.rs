//! A link whose frames are cut, have a wrong bit, or are noise: the worker closes it, dials again and serves.

use std::net::Shutdown;

use super::*;

/// A request with a body, as the router sends it.
fn sample() -> Vec<u8> {
    let mut vars = Vars::new();
    vars.push_key(b"REQUEST_METHOD", b"POST");
    vars.push_key(b"PATH_INFO", b"/echo");
    vars.push_key(b"X", b"y");
    let mut frames = Vec::new();
    let request = link::Request { body: Body::Length(5), ..link::Request::default() };
    link::encode_head(&mut frames, &request, vars.iter(b"")).unwrap();
    link::body_prefix(&mut frames, 5, true);
    frames.extend_from_slice(b"hello");
    frames
}

/// Sends the bytes on a link, then its end; what comes until the worker closes it.
fn endure(mut link: Link, rendezvous: &OwnedFd, bytes: &[u8]) -> (Vec<u8>, Link) {
    // Who is refused may find the link closed before all is sent.
    let _ = link.stream.write_all(bytes).and_then(|()| link.stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match link.stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "no end of {}", bytes.escape_ascii())
        }
    }
    (answer, Link::take(rendezvous, 0))
}

#[test]
fn frames_by_chance_do_no_harm() {
    let (_worker, mut links, rendezvous) = linked(1);
    let (sample, mut link) = (sample(), links.remove(0));
    for end in 0..sample.len() {
        let (answer, next) = endure(link, &rendezvous, &sample[..end]);
        link = next;
        assert!(!answer.windows(5).any(|window| window == b"hello"), "cut at {end}");
    }
    for bit in 0..sample.len() * 8 {
        let mut bytes = sample.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        link = endure(link, &rendezvous, &bytes).1;
    }
    let mut seed = 0x5eed_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..1000 {
        let good = random(sample.len() as u64 + 1) as usize;
        let noise = (0..random(200)).map(|_| random(256) as u8).collect::<Vec<_>>();
        link = endure(link, &rendezvous, &[&sample[..good], &noise].concat()).1;
    }
    link.ask("/", Body::None);
    assert_eq!(link.answer().as_deref(), Some("200 hello"));
}

/// Frames that announce 4 GB cost nothing, whatever they are.
#[test]
fn announced_lengths_are_checked_first() {
    let (_worker, mut links, rendezvous) = linked(1);
    let mut link = links.remove(0);
    for kind in 0..=255 {
        for flags in [0, 1, 255] {
            let frame = [kind, flags, 0, 0, 0xff, 0xff, 0xff, 0xff, b'x'];
            let (answer, next) = endure(link, &rendezvous, &frame);
            link = next;
            assert!(answer.is_empty(), "kind {kind}: {}", answer.escape_ascii());
        }
    }
    link.ask("/", Body::None);
    assert_eq!(link.answer().as_deref(), Some("200 hello"));
}
