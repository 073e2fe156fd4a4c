//! Static files: answered without any worker, beside requests that need one.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rsgi_config::Config;
use tempfile::TempDir;

use super::stage::Stage;
use crate::statics::Statics;

/// A router that serves a folder below `/static`, and no worker.
fn stage() -> (TempDir, Stage) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), "0123456789").unwrap();
    let large = std::fs::File::create(dir.path().join("large")).unwrap();
    large.write_all_at(b"end.", 1_000_000).unwrap();
    let mut config = Config::default();
    config.statics.map.push(("/static".into(), dir.path().to_owned()));
    config.statics.honour_range = true;
    let statics = Arc::new(Statics::of(&config).unwrap().unwrap());
    let stage = Stage::with(|settings| {
        settings.statics = Some(statics);
        settings.log.requests = false;
    });
    (dir, stage)
}

#[test]
fn files_need_no_worker() {
    let (_dir, stage) = stage();
    let mut client = stage.client();
    for _ in 0..2 {
        client.get("/static/a.txt");
        let answer = client.answer("0123456789");
        assert!(answer.starts_with("HTTP/1.1 200 OK\n") && answer.contains("Content-Length: 10\n"), "{answer}");
    }
    client.get("/static/large");
    assert!(client.answer("end.").contains("Content-Length: 1000004\n"));
    client.send("HEAD /static/a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(client.answer("").contains("Content-Length: 10\n"));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn parts_and_conditions_are_honoured() {
    let (_dir, stage) = stage();
    let mut client = stage.client();
    let mut ask = |header: &str, mark: &str| {
        client.send(&format!("GET /static/a.txt HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n"));
        client.answer(mark)
    };
    let part = ask("Range: bytes=2-4", "234");
    assert!(part.starts_with("HTTP/1.1 206 Partial Content\n") && part.contains("Content-Range: bytes 2-4/10\n"));
    let parts = ask("Range: bytes=0-1,8-", "--\r\n");
    assert!(parts.contains("\r\n\r\n01\r\n--") && parts.contains("\r\n\r\n89\r\n--"), "{parts}");
    assert!(ask("Range: bytes=20-", "").starts_with("HTTP/1.1 416 "));
    let tag = part.lines().find_map(|line| line.strip_prefix("Etag: ")).unwrap();
    let unchanged = ask(&format!("If-None-Match: {tag}"), "");
    assert!(
        unchanged.starts_with("HTTP/1.1 304 Not Modified\n") && !unchanged.contains("Content-Length"),
        "{unchanged}"
    );
    assert!(ask("X: still the same connection", "0123456789").starts_with("HTTP/1.1 200 OK\n"));
}

#[test]
fn what_is_no_file_goes_to_a_worker() {
    let (_dir, stage) = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    for path in ["/static/none", "/staticx", "/static/"] {
        client.get(path);
        assert_eq!(core.path(), path);
        core.reply("app");
        assert_eq!(client.status(), "HTTP/1.1 200 OK");
    }
    client.send("POST /static/a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(core.path(), "/static/a.txt");
    assert_eq!(core.body(), b"ab");
    core.reply("app");
    client.until("app");
    client.send("GET /static/a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
    client.until("0123456789");
    client.get("/next");
    assert_eq!(core.path(), "/next");
}

#[test]
fn pipelined_files_keep_their_place() {
    let (_dir, stage) = stage();
    let (mut core, mut client) = (stage.core(), stage.client());
    client.send(
        "GET /app HTTP/1.1\r\nHost: h\r\n\r\nGET /static/a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /app HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!(core.path(), "/app");
    core.reply("one");
    client.until("one");
    client.until("0123456789");
    assert_eq!(core.path(), "/app");
    core.reply("three");
    client.until("three");
}
