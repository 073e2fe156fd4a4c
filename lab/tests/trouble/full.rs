//! A /tmp without a byte left.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::blocking::Client;
use testcontainers::ImageExt;
use testcontainers::core::{CmdWaitFor, ExecCommand};
use testcontainers::runners::SyncRunner;

use super::{ALONE, RELEASE};
use crate::images::Images;
use crate::place::{self, Place, Running};

/// Bodies that would have to lie in a file are refused with 503 and a line in the log; all else is served. When there is room again, they
/// arrive.
pub(super) fn tmp(images: &Images) -> Result<()> {
    let place = Place::new(images, "full-tmp")?;
    let more = ["--post-buffering=16384"];
    let app = place.within(place.app("flask", RELEASE)?.with_cmd(ALONE.into_iter().chain(more)), "app");
    let app = place::host(app.with_readonly_rootfs(true), |config| {
        config.tmpfs = Some([("/tmp".to_owned(), "size=8m,mode=1777".to_owned())].into());
    });
    let app = app.start()?;
    let direct = format!("http://{}", place::address(&app, 8080)?);
    let routed = format!("http://{}", place::address(&app, 8081)?);
    place::wait_for(&format!("{direct}/whoami"), &[&app])?;
    let client = Client::new();
    let large = "x".repeat(3 << 20);
    let post = |url: &str, body: &str| client.post(format!("{url}/echo/body")).body(body.to_owned()).send();

    within(&app, "cat /dev/zero > /tmp/full || true; test $(stat -f -c %a /tmp) = 0")?;
    for url in [&direct, &routed] {
        // With a length, and in chunks.
        let answer = post(url, &large)?;
        ensure!(answer.status() == 503, "a large body is told {}\n{}", answer.status(), place::log(&app));
        let answer = post_chunks(url, &large)?;
        ensure!(answer.starts_with("HTTP/1.1 503 "), "a large body in chunks is told {answer:?}\n{}", place::log(&app));
        for _ in 0..10 {
            let seen: serde_json::Value = post(url, "small")?.error_for_status()?.json()?;
            ensure!(seen["body"] == "small", "a small body came as {seen}");
        }
    }
    let log = place::log(&app);
    let said = log.matches("cannot buffer a request body in a temporary file: No space left on device").count();
    ensure!(said == 4, "the log tells of it {said} times, not 4\n{log}");

    within(&app, "rm /tmp/full")?;
    for url in [&direct, &routed] {
        let seen: serde_json::Value =
            post(url, &large)?.error_for_status().with_context(|| place::log(&app))?.json()?;
        ensure!(seen["body"].as_str() == Some(&large), "it did not arrive\n{}", place::log(&app));
    }
    Ok(())
}

/// Sends a body in chunks for as long as the server takes it, and reads what it says: an answer may come before all is sent.
fn post_chunks(url: &str, body: &str) -> Result<String> {
    let address = url.strip_prefix("http://").context("a URL")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(
        b"POST /echo/body HTTP/1.1\r\nHost: lab\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    )?;
    let mut chunks = body.as_bytes().chunks(1 << 14);
    let is_sent = chunks.all(|chunk| {
        write!(stream, "{:x}\r\n", chunk.len()).is_ok()
            && stream.write_all(chunk).is_ok()
            && stream.write_all(b"\r\n").is_ok()
    });
    if is_sent {
        stream.write_all(b"0\r\n\r\n")?;
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error.into()),
        Ok(_) | Err(_) => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn within(app: &Running, script: &str) -> Result<()> {
    let command = ExecCommand::new(["sh", "-c", script]).with_cmd_ready_condition(CmdWaitFor::exit_code(0));
    app.exec(command).map(drop).with_context(|| format!("{script}\n{}", place::log(app)))
}
