//! Bytes by chance, from clients and from workers: the router answers or closes, and serves the next one.

use std::net::Shutdown;

use rsgi_proto::Body;
use rsgi_proto::link;

use super::stage::{Core, Said, Stage, frame, head, whole};

/// xorshift64: the same bytes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    /// Changes, takes out, doubles or cuts.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                _ if bytes.is_empty() => bytes.push(b'x'),
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b"\r\n\0 :;,%\xff"[self.below(9)]),
                2 => bytes.extend_from_within(at..),
                3 => bytes.truncate(at),
                _ => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            }
        }
    }
}

/// Answers whatever comes until the link is closed.
fn answer_all(mut core: Core) {
    let mut open = false;
    loop {
        match core.next() {
            Said::Head(request, _) => {
                open = request.body != Body::None;
                if !open {
                    core.reply("x");
                } else if request.expect_continue {
                    let mut out = Vec::new();
                    link::encode_continue(&mut out);
                    core.send(&out);
                }
            }
            Said::Body(_) => {}
            Said::End => {
                core.reply("x");
                open = false;
            }
            Said::Abort if std::mem::take(&mut open) => core.finish(),
            Said::Abort => {}
            Said::Leave | Said::Closed => return,
        }
    }
}

#[test]
fn clients_by_chance_do_no_harm() {
    let stage = Stage::new();
    let core = stage.core();
    let worker = std::thread::spawn(|| answer_all(core));
    let seeds = [
        "GET /a%20b/../c?d=e HTTP/1.1\r\nHost: h\r\nCookie: a\r\nCookie: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcdeGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
        "HEAD http://h/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ];
    let mut random = Random(0x5eed);
    for round in 0..500 {
        let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
        random.spoil(&mut bytes);
        let mut client = stage.client();
        client.send_bytes(&bytes);
        let _ = client.socket.shutdown(Shutdown::Write);
        if let Ok(answer) = client.rest() {
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", bytes.escape_ascii());
        }
    }
    let mut client = stage.client();
    client.get("/");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
    drop(client);
    drop(stage);
    worker.join().unwrap();
}

#[test]
fn workers_by_chance_do_no_harm() {
    let stage = Stage::new();
    let streamed = |lines: &str, data: &[u8]| {
        let mut out = head("200 OK", lines, |_| {});
        out.extend(frame(data, false));
        out.extend(frame(b"", true));
        out
    };
    let mut bye = Vec::new();
    link::encode_bye(&mut bye);
    bye.extend(whole("404 Not Found", "X-A: b\r\nX-A: c\r\n", b"nothing"));
    let seeds = [
        whole("200 OK", "Content-Type: text/plain\r\nContent-Length: 5\r\n", b"hello"),
        streamed("Content-Length: 3\r\n", b"abc"),
        streamed("Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
        bye,
    ];
    let mut random = Random(0xbad5eed);
    for round in 0..500 {
        let mut bytes = seeds[round % seeds.len()].clone();
        random.spoil(&mut bytes);
        let (mut core, mut client) = (stage.core(), stage.client());
        client.send("DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        core.request();
        core.send(&bytes);
        drop(core);
        if let Ok(answer) = client.rest() {
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{}", bytes.escape_ascii());
        }
    }
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
}

/// What an answer becomes on its way: the client sees a whole one, or that it is none.
#[test]
fn answers_cut_or_with_a_wrong_bit_do_no_harm() {
    let stage = Stage::new();
    let sample = whole("200 OK", "Content-Length: 5\r\n", b"hello");
    let cut = (0..sample.len()).map(|end| sample[..end].to_vec());
    let turned = (0..sample.len() * 8).map(|bit| {
        let mut bytes = sample.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    for (round, bytes) in cut.chain(turned).enumerate() {
        let (mut core, mut client) = (stage.core(), stage.client());
        client.send("DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        core.request();
        core.send(&bytes);
        drop(core);
        let answer = client.rest().unwrap_or_default();
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{}: {text}", bytes.escape_ascii());
        assert!(round >= sample.len() || !text.ends_with("hello"), "cut at {round}: {text}");
    }
    let (mut core, mut client) = (stage.core(), stage.client());
    client.get("/");
    core.request();
    core.reply("x");
    assert_eq!(client.status(), "HTTP/1.1 200 OK");
}
