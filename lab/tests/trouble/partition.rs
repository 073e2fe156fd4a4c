//! nginx and rsgi that do not reach each other for a while.

use anyhow::{Context, Result, ensure};
use testcontainers::ImageExt;
use testcontainers::runners::SyncRunner;

use super::{ALONE, RELEASE, docker, nginx, on_network_of};
use crate::images::Images;
use crate::load::Load;
use crate::place::{self, Place, Running};

/// How long nginx waits for rsgi, and that it opens no second request for one that failed.
const TIMES: &str = "proxy_connect_timeout 2s; proxy_send_timeout 3s; proxy_read_timeout 3s; proxy_next_upstream off; \
                     proxy_http_version 1.1; proxy_set_header Connection \"\";";

/// The container loses its network, and gets it back with another address.
pub(super) fn disconnected(images: &Images) -> Result<()> {
    let place = Place::new(images, "disconnected")?;
    let app = alone(&place)?;
    // Asked again every second, as the address may change.
    let (nginx, url) = nginx(
        &place,
        &format!(
            "resolver 127.0.0.11 valid=1s; server {{ listen 8003; location / {{ set $app http://{}:8080; proxy_pass $app; {TIMES} }} }}",
            place.name("app")
        ),
    )?;
    let cut = || docker(&["network", "disconnect", place.network(), app.id()]).map(drop);
    let mend = || docker(&["network", "connect", place.network(), app.id()]).map(drop);
    survives(&url, [&app, &nginx], cut, mend)
}

/// Packets vanish without a word, in the middle of connections that nginx keeps; nobody learns that the other is gone.
pub(super) fn dropped(images: &Images) -> Result<()> {
    let place = Place::new(images, "dropped")?;
    let app = alone(&place)?;
    let (nginx, url) = nginx(
        &place,
        &format!(
            "upstream kept {{ server {}:8080; keepalive 8; }} \
             server {{ listen 8003; location / {{ proxy_pass http://kept; {TIMES} }} }}",
            place.name("app")
        ),
    )?;
    let rules = |verb: &str| {
        let script = ["INPUT -i", "OUTPUT -o"].map(|chain| {
            let (chain, side) = chain.split_once(' ').unwrap_or((chain, ""));
            format!("iptables -{verb} {chain} {side} eth0 -j DROP")
        });
        on_network_of(&app, images, &place, &script.join("; ")).map(drop)
    };
    survives(&url, [&app, &nginx], || rules("A"), || rules("D"))
}

/// While they are apart, clients are told 502 or 504 and do not wait for ever; afterwards all is as before, with the same workers.
fn survives(
    url: &str,
    containers: [&Running; 2],
    cut: impl Fn() -> Result<()>,
    mend: impl Fn() -> Result<()>,
) -> Result<()> {
    let logs = || containers.map(place::log).join("\n");
    let load = Load::on(url)?;
    load.wait_for_answers(50).with_context(logs)?;
    cut()?;
    load.wait_for_faults(8).with_context(logs)?;
    mend()?;
    load.wait_for_answers(1).with_context(logs)?;
    let (_, faults) = load.end()?;
    let is_told = |fault: &String| ["Status(502", "Status(504"].iter().any(|status| fault.contains(status));
    let others: Vec<_> = faults.iter().filter(|fault| !is_told(fault)).collect();
    ensure!(others.is_empty(), "clients were told other things than 502 and 504: {others:?}\n{}", logs());

    let load = Load::on(url)?;
    load.wait_for_answers(100).with_context(logs)?;
    load.lost_nothing(100).with_context(logs)?;
    let log = logs();
    for word in ["HARAKIRI", "Respawned", "panicked"] {
        ensure!(!log.contains(word), "{word}, for the network alone\n{log}");
    }
    Ok(())
}

fn alone(place: &Place) -> Result<Running> {
    let app = place.within(place.app("flask", RELEASE)?.with_cmd(ALONE), "app").start()?;
    place::wait_for(&format!("http://{}/whoami", place::address(&app, 8080)?), &[&app])?;
    Ok(app)
}
