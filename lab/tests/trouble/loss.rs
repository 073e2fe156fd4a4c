//! A network that loses one packet in twenty, both ways.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Completion;
use serde_json::Value;

use super::{flask, on_network_of};
use crate::images::Images;
use crate::load::Load;
use crate::place::{self, Place, Running};

/// Means to lose packets, and to tell afterwards how many were lost, as a number alone.
const MEANS: [(&str, &str); 2] = [
    (
        "tc qdisc add dev eth0 root netem loss 5%",
        "tc -s qdisc show dev eth0 | sed -n 's/.*dropped \\([0-9]*\\),.*/\\1/p'",
    ),
    (
        "for chain in INPUT OUTPUT; do iptables -A $chain -m statistic --mode random --probability 0.05 -j DROP; done",
        "iptables -nvxL | awk '$3 == \"DROP\" { lost += $1 } END { print lost }'",
    ),
];

/// Slower, but nothing is missing or wrong: not in small requests, a large body, a large answer.
pub(super) fn loss(images: &Images) -> Result<Completion> {
    let place = Place::new(images, "loss")?;
    let (nginx, app, url) = flask(&place)?;
    let on = |script: &str| on_network_of(&app, images, &place, script);
    let mut refusals = Vec::new();
    let means = MEANS.iter().find(|(begin, _)| on(begin).map_err(|error| refusals.push(format!("{error:#}"))).is_ok());
    let Some((_, count)) = means else {
        return Ok(Completion::ignored_with(format!(
            "not run: this kernel has neither sch_netem nor xt_statistic: {}",
            refusals.join("; ").replace('\n', " ")
        )));
    };
    let load = Load::on(&url)?;
    let logs = || [&app, &nginx].map(place::log).join("\n");
    large(&url, &app).with_context(logs)?;
    load.wait_for_answers(100).with_context(logs)?;
    load.lost_nothing(100).with_context(logs)?;
    let lost: u64 = on(count)?.trim().parse().context("the number of lost packets")?;
    ensure!(lost > 0, "no packet was lost: nothing is proved");
    Ok(Completion::Completed)
}

/// A megabyte there and back through nginx and directly, and four as an answer.
fn large(url: &str, app: &Running) -> Result<()> {
    let body = "0123456789abcdef".repeat(1 << 16);
    let client = reqwest::blocking::Client::new();
    for url in [url, &format!("http://{}", place::address(app, 8081)?)] {
        let seen: Value = client.post(format!("{url}/echo/large")).body(body.clone()).send()?.json()?;
        ensure!(seen["body"].as_str() == Some(&body), "another body arrived through {url}");
        let answer = client.get(format!("{url}/download?mb=4")).send()?.error_for_status()?.bytes()?;
        ensure!(answer.len() == 4 << 20, "{} bytes came through {url}", answer.len());
        let is_right =
            answer.chunks(1 << 16).zip(0_u32..).all(|(block, n)| block.chunks(4).all(|word| word == n.to_be_bytes()));
        ensure!(is_right, "other bytes came through {url}");
    }
    Ok(())
}
