//! Containers that may do next to nothing.

use anyhow::{Result, ensure};
use testcontainers::ImageExt;
use testcontainers::core::{CmdWaitFor, ExecCommand, IntoContainerPort, Mount};
use testcontainers::runners::SyncRunner;

use super::{ALONE, RELEASE};
use crate::images::Images;
use crate::place::{self, Place};

/// Neither a right nor a place to write but /tmp: a body that is too large for memory arrives.
pub(super) fn read_only(images: &Images) -> Result<()> {
    let place = Place::new(images, "read-only")?;
    let app = place
        .within(place.app("flask", RELEASE)?.with_cmd(ALONE), "app")
        .with_readonly_rootfs(true)
        .with_mount(Mount::tmpfs_mount("/tmp"))
        .with_cap_drop("ALL")
        .with_security_opt("no-new-privileges")
        .start()?;
    let url = format!("http://{}", place::address(&app, 8081)?);
    place::wait_for(&format!("{url}/whoami"), &[&app])?;
    let body = "x".repeat(3 << 20);
    let seen: serde_json::Value =
        reqwest::blocking::Client::new().post(format!("{url}/echo/large")).body(body).send()?.json()?;
    ensure!(seen["body"].as_str().is_some_and(|body| body.len() == 3 << 20), "it did not arrive\n{}", place::log(&app));
    Ok(())
}

/// The quickstart on the image that holds nothing but rsgi and Python, on both Pythons, as confined as it gets.
pub(super) fn quickstart(images: &Images) -> Result<()> {
    for release in images.releases() {
        let place = Place::new(images, &format!("quickstart-{release}"))?;
        let image = place.app("hello", &release)?.with_exposed_port(9090.tcp());
        let app = place
            .within(image, "app")
            .with_readonly_rootfs(true)
            .with_cap_drop("ALL")
            .with_security_opt("no-new-privileges")
            .start()?;
        let url = format!("http://{}/", place::address(&app, 9090)?);
        place::wait_for(&url, &[&app])?;
        ensure!(reqwest::blocking::get(&url)?.text()? == "Hello World", "another page\n{}", place::log(&app));
        let shell = app.exec(ExecCommand::new(["sh", "-c", "true"]).with_cmd_ready_condition(CmdWaitFor::exit_code(0)));
        ensure!(shell.is_err(), "the image has a shell");
    }
    Ok(())
}
