//! Cost of decoding one request, without any I/O: `cargo bench -p rsgi-proto`.
//!
//! To stay below, on the machine of engine.md: 0.15 µs for hello, where httparse alone takes 0.03.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rsgi_proto::http1::request::{Head, Peer, decode};
use rsgi_proto::http1::{Limits, chunked::Chunked};
use rsgi_proto::link::{self, WorkerEnd};
use rsgi_proto::uwsgi;
use rsgi_proto::vars::Vars;

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const REALISTIC: &[u8] = b"GET /shop/items/42?page=3&sort=price HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:138.0) Gecko/20100101 Firefox/138.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Cookie: sessionid=0123456789abcdef0123456789abcdef; csrftoken=fedcba9876543210fedcba9876543210\r\n\r\n";

const BROWSER: &[u8] = b"POST /api/v2/orders/%C3%A4?x=1 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n\
    Content-Length: 212\r\nsec-ch-ua: \"Chromium\";v=\"136\", \"Not.A/Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Content-Type: application/json\r\nAccept: */*\r\nOrigin: https://www.example.com\r\nSec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://www.example.com/cart\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: de-DE,de;q=0.9,en;q=0.8\r\nX-My-Own-Thing: 7\r\n\
    X-Request-Id: 0123456789abcdef\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\
    Cookie: sessionid=0123456789abcdef0123456789abcdef\r\n\r\n";

const PEER: Peer<'_> = Peer {
    server_name: b"server.example.com",
    server_port: b"8080",
    remote_addr: b"127.0.0.1",
    remote_port: Some(b"48212"),
    https: false,
};

fn http1(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http1");
    let (mut vars, mut head) = (Vars::new(), Head::default());
    for (name, input) in [("hello", HELLO), ("realistic", REALISTIC), ("browser", BROWSER)] {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter(|| {
                decode(black_box(input), &PEER, &Limits::default(), &mut vars, &mut head).expect("legal");
                black_box((&vars, &head));
            });
        });
    }
    group.finish();
}

fn packets(criterion: &mut Criterion) {
    let (mut vars, mut head, mut packet) = (Vars::new(), Head::default(), uwsgi::Packet::default());
    decode(REALISTIC, &PEER, &Limits::default(), &mut vars, &mut head).expect("legal");
    let mut input = Vec::new();
    uwsgi::encode(&mut input, 0, 0, vars.iter(REALISTIC)).expect("fits");
    let mut out = Vec::new();
    criterion.bench_function("uwsgi/decode", |bench| {
        bench.iter(|| uwsgi::decode(black_box(&input), &uwsgi::Limits::default(), &mut vars, &mut packet));
    });
    let mut end = WorkerEnd::new(65536);
    decode(REALISTIC, &PEER, &Limits::default(), &mut vars, &mut head).expect("legal");
    criterion.bench_function("link/encode_head", |bench| {
        bench.iter(|| {
            out.clear();
            link::encode_head(&mut out, &link::Request::default(), black_box(&vars).iter(REALISTIC))
        });
    });
    criterion.bench_function("link/decode_head", |bench| {
        bench.iter(|| end.decode(black_box(&out), &mut vars).map(|event| event.is_some()));
    });
}

fn chunked(criterion: &mut Criterion) {
    let mut body = Vec::new();
    for _ in 0..64 {
        body.extend_from_slice(b"400\r\n");
        body.extend_from_slice(&[b'x'; 1024]);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    criterion.bench_function("chunked/64 KiB", |bench| {
        bench.iter(|| {
            let mut total = 0;
            Chunked::new().decode(black_box(&body), |data| total += data.len()).expect("legal");
            total
        });
    });
}

criterion_group!(benches, http1, packets, chunked);
criterion_main!(benches);
