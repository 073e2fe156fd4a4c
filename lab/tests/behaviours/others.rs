//! What is asked of the small frameworks: their names tell who has answered.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Behaviour;
use crate::ask::Visit;

pub(crate) static BEHAVIOURS: &[Behaviour] = &[
    Behaviour { name: "Bottle", ask: |visit| talk(visit, "bottle") },
    Behaviour { name: "Falcon", ask: |visit| talk(visit, "falcon") },
    Behaviour { name: "Pyramid", ask: |visit| talk(visit, "pyramid") },
];

/// A page below where it is mounted, and a body.
fn talk(visit: &Visit, framework: &str) -> Result<()> {
    let seen: Value = visit.get(&format!("{framework}/Grüße"), 200)?.json()?;
    // By HTTP, nginx alone knows of TLS; none of them is told to believe it.
    let scheme = if visit.url.starts_with("https") { "https" } else { "http" };
    ensure!(seen == json!({"framework": framework, "name": "Grüße", "scheme": scheme}), "{seen}");
    let body = vec![b'x'; 300_000];
    let counted: Value =
        visit.send(visit.request(Method::POST, &format!("{framework}/count")).body(body), 200)?.json()?;
    ensure!(counted["length"] == 300_000, "{counted}");
    Ok(())
}
