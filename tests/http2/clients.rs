//! HTTP/2 by clients of the field, made by the people of nghttp2: their own framing, windows and compression.

use super::start;
use crate::support::openssl::{curl, run};

#[test]
fn nghttp_asks_many_things_over_one_connection() {
    let server = start("");
    let url = format!("https://{}", server.address(9090));
    let shown = run(server.dir(), "nghttp", &format!("-nsv -t 20 {url}/hello {url}/big {url}/read"));
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success(), "{text}");
    assert_eq!(text.matches(":status: 200").count(), 3, "{text}");
    let resets =
        text.lines().filter(|line| line.contains("RST_STREAM") || line.contains("ERROR") && !line.contains("NO_ERROR"));
    assert_eq!(resets.collect::<Vec<_>>(), Vec::<&str>::new());
    // 16 MiB, whatever the window.
    for bits in ["10", "30"] {
        let taken = run(server.dir(), "nghttp", &format!("-t 20 -w {bits} -W {bits} {url}/big"));
        assert!(taken.status.success());
        assert_eq!(taken.stdout.len(), 256 * 65_536, "windows of {bits} bits");
    }
}

#[test]
fn nghttp_sends_a_body_that_waits_for_windows() {
    let server = start("");
    std::fs::write(server.dir().join("body"), vec![b'x'; 3_000_000]).expect("written");
    let url = format!("https://{}/read", server.address(9090));
    for options in ["", "--expect-continue", "--no-content-length", "-b 200"] {
        let taken = run(server.dir(), "nghttp", &format!("-t 20 {options} -d body {url}"));
        assert_eq!(String::from_utf8_lossy(&taken.stdout), "3000000", "{options}");
    }
    assert_eq!(curl(server.dir(), &format!("--http2 --data-binary @body {url}")), "3000000");
}

#[test]
fn h2load_gets_every_answer() {
    let server = start("");
    let url = format!("https://{}", server.address(9090));
    for (connections, streams) in [(1, 1), (4, 32), (2, 128)] {
        let options = format!("-n 400 -c {connections} -m {streams} -T 20 -N 20 {url}/hello");
        let shown = run(server.dir(), "h2load", &options);
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(text.contains("Application protocol: h2"), "{text}");
        assert!(text.contains("400 done, 400 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
        assert!(text.contains("400 2xx, 0 3xx, 0 4xx, 0 5xx"), "{text}");
    }
    // The other door: HTTP/1.1 over TLS, and what is asked before an answer has come.
    let text = run(server.dir(), "h2load", &format!("--h1 -n 200 -c 4 -m 4 -T 20 -N 20 {url}/hello")).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout"), "{text}");
}
