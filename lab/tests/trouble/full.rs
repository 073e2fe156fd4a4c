//! A /tmp without a byte left.

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
        let chunks = reqwest::blocking::Body::new(std::io::Cursor::new(large.clone()));
        let answer = client.post(format!("{url}/echo/body")).body(chunks).send()?;
        ensure!(answer.status() == 503, "a large body in chunks is told {}\n{}", answer.status(), place::log(&app));
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

fn within(app: &Running, script: &str) -> Result<()> {
    let command = ExecCommand::new(["sh", "-c", script]).with_cmd_ready_condition(CmdWaitFor::exit_code(0));
    app.exec(command).map(drop).with_context(|| format!("{script}\n{}", place::log(app)))
}
