//! A new release, container by container.

use std::time::Duration;

use anyhow::{Context, Result};
use testcontainers::ImageExt;
use testcontainers::core::{CmdWaitFor, ExecCommand};
use testcontainers::runners::SyncRunner;

use super::{ALONE, RELEASE};
use crate::images::Images;
use crate::load::Load;
use crate::place::{self, Place, Running};

/// Two containers behind nginx; each is replaced by a new one while requests come.
pub(super) fn replacement(images: &Images) -> Result<()> {
    let place = Place::new(images, "replacement")?;
    let start = |what: &str| -> Result<Running> {
        let app = place.within(place.app("flask", RELEASE)?.with_cmd(ALONE), what).start()?;
        place::wait_for(&format!("http://{}/whoami", place::address(&app, 8081)?), &[&app])?;
        Ok(app)
    };
    let (first, second) = (start("first")?, start("second")?);
    let conf = two(&place, ["first", "second"]).into_bytes();
    let nginx = place.nginx("two")?.with_copy_to("/etc/nginx/nginx.conf", conf).start()?;
    let url = format!("http://{}", place::address(&nginx, 8003)?);
    place::wait_for(&format!("{url}/whoami"), &[&nginx])?;
    let load = Load::on(&url)?;
    std::thread::sleep(Duration::from_secs(1));
    let third = start("third")?;
    serve_by(&nginx, &place, ["third", "second"])?;
    first.stop()?;
    let fourth = start("fourth")?;
    serve_by(&nginx, &place, ["third", "fourth"])?;
    second.stop()?;
    std::thread::sleep(Duration::from_secs(1));
    let log = || [&first, &second, &third, &fourth, &nginx].map(place::log).join("\n");
    load.lost_nothing(100).map(drop).with_context(log)
}

/// An nginx that knows both by name, and asks the second where it does not reach the first.
fn two(place: &Place, names: [&str; 2]) -> String {
    let servers = names.map(|name| format!("server {}:8080;", place.name(name))).join(" ");
    format!(
        "daemon off; error_log stderr notice; events {{}} http {{ access_log off; upstream two {{ {servers} keepalive 8; }} \
         server {{ listen 8003; location / {{ proxy_pass http://two; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; }} }} }}"
    )
}

/// Tells nginx who serves, and lets it take that over.
fn serve_by(nginx: &Running, place: &Place, names: [&str; 2]) -> Result<()> {
    let script = format!("echo '{}' > /etc/nginx/nginx.conf && nginx -s reload", two(place, names));
    let command = ExecCommand::new(["sh", "-c", &script]).with_cmd_ready_condition(CmdWaitFor::exit_code(0));
    nginx.exec(command).map(drop).with_context(|| place::log(nginx))
}
