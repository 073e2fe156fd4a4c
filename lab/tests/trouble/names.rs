//! A name server that hears and never answers: each question costs who asks it many seconds.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testcontainers::runners::SyncRunner;
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

use super::ALONE;
use crate::images::Images;
use crate::place::{self, Place};

/// Nothing is asked: not to start, to serve, to reload, to stop.
pub(super) fn silent(images: &Images) -> Result<()> {
    let place = Place::new(images, "names")?;
    let app = deaf(&place, &[])?.start()?;
    let urls = [8080, 8081].map(|port| place::address(&app, port).map(|address| format!("http://{address}/whoami")));
    for url in urls {
        let url = url?;
        place::wait_for(&url, &[&app])?;
        for _ in 0..20 {
            reqwest::blocking::get(&url)?.error_for_status().with_context(|| place::log(&app))?;
        }
    }
    super::reload(&app)?;
    // The proof that it would have been heard.
    let asks = "import socket; socket.gethostbyname('heard.example')";
    super::docker(&["exec", "--detach", app.id(), "/venv/bin/python", "-c", asks])?;
    let end = Instant::now() + Duration::from_secs(60);
    while !place::log(&app).contains("asked for heard.example") {
        ensure!(Instant::now() < end, "the name server is deaf too\n{}", place::log(&app));
        std::thread::sleep(Duration::from_millis(50));
    }
    app.stop()?;
    ensure!(app.exit_code()? == Some(0), "ended with {:?}\n{}", app.exit_code()?, place::log(&app));
    let log = place::log(&app);
    let asked: Vec<&str> =
        log.lines().filter(|line| line.starts_with("asked for ") && !line.contains("heard.")).collect();
    ensure!(asked.is_empty(), "{asked:?}");
    Ok(())
}

/// Where a name is wanted that leads nowhere, rsgi says so, names option and host, and ends; it does not hang.
pub(super) fn wanted(images: &Images) -> Result<()> {
    for (option, value) in [("http-socket", "app.example:8082"), ("logger", "rsyslog:logs.example:514")] {
        let place = Place::new(images, &format!("wanted-{option}"))?;
        let app = deaf(&place, &[&format!("--{option}={value}")])?.start()?;
        let end = Instant::now() + Duration::from_secs(90);
        while app.is_running()? {
            ensure!(Instant::now() < end, "--{option}={value}: it neither serves nor ends\n{}", place::log(&app));
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = place::log(&app);
        let host = value.trim_start_matches("rsyslog:");
        ensure!(app.exit_code()? != Some(0), "--{option}={value}: it ends as if all were well\n{log}");
        ensure!(
            log.lines()
                .any(|line| line.contains("error") && line.contains(host)
                    || line.contains(option) && line.contains(host)),
            "--{option}={value}: no line names it\n{log}"
        );
        ensure!(log.contains("asked for "), "--{option}={value}: nothing was asked\n{log}");
    }
    Ok(())
}

/// rsgi in a container whose one name server is `lab/trouble/silent.py`.
fn deaf(place: &Place, more: &[&str]) -> Result<ContainerRequest<GenericImage>> {
    let words = ["/lab/silent.py", "/usr/bin/rsgi"].into_iter().chain(ALONE).chain(more.iter().copied());
    let image = place.trouble()?.with_entrypoint("/venv/bin/python").with_cmd(words);
    Ok(place::host(place.apart(image, "app"), |config| config.dns = Some(vec!["127.0.0.1".to_owned()])))
}
