//! One cell: a framework on a Python, through a door.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use libtest_mimic::Completion;

use crate::ask::Visit;
use crate::behaviours;
use crate::browser::{Gate, Tour};
use crate::differences;
use crate::door::Door;
use crate::framework::Framework;
use crate::images::Images;
use crate::results::{Results, Verdict};
use crate::rig::{Rig, Server};

/// The rigs that all doors of a framework on a Python lead to.
pub(crate) struct Set {
    images: Arc<Images>,
    framework: &'static Framework,
    release: String,
    rigs: OnceLock<Result<[Rig; 2], String>>,
}

impl Set {
    pub(crate) fn new(images: Arc<Images>, framework: &'static Framework, release: String) -> Self {
        Self { images, framework, release, rigs: OnceLock::new() }
    }

    fn rigs(&self) -> Result<&[Rig; 2]> {
        let start = |server| Rig::start(&self.images, self.framework, &self.release, server);
        let both = || Ok([start(Server::Rsgi)?, start(Server::Uwsgi)?]);
        self.rigs
            .get_or_init(|| both().map_err(|error: anyhow::Error| format!("{error:#}")))
            .as_ref()
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Asks rsgi everything, and uWSGI the same; fails when rsgi does something wrong, or something else than uWSGI that is not listed.
    pub(crate) fn cell(&self, door: &'static Door, results: &Results) -> Result<()> {
        let [rsgi, uwsgi] = self.rigs()?;
        let (mut faults, mut log) = (String::new(), String::new());
        let behind_nginx = door.has_nginx && !self.framework.common.is_empty();
        let behind_nginx = if behind_nginx { behaviours::BEHIND_NGINX } else { &[] };
        for behaviour in self.framework.common.iter().chain(behind_nginx).chain(self.framework.own) {
            let ours = Visit::new(&self.images, rsgi, self.framework, door)?;
            let theirs = Visit::new(&self.images, uwsgi, self.framework, door)?;
            let verdict = match (behaviour.ask)(&ours) {
                Err(error) => {
                    writeln!(faults, "{}: {error:#}\n{}", behaviour.name, ours.said().join("\n"))?;
                    log = last(&rsgi.log());
                    Verdict::Failed
                }
                Ok(()) => {
                    let same = (behaviour.ask)(&theirs);
                    let unlisted =
                        differences::unlisted(door.name, behaviour.name, &ours.said(), &theirs.said(), &same);
                    for line in &unlisted {
                        writeln!(faults, "{}: differs from uWSGI: {line}", behaviour.name)?;
                    }
                    if same.is_ok() { Verdict::Both } else { Verdict::RsgiAlone }
                }
            };
            results.add(self.framework.name, &self.release, door.name, behaviour.name, verdict);
        }
        if !faults.is_empty() {
            bail!("{faults}{log}");
        }
        Ok(())
    }

    /// A browser at a site of the framework on rsgi.
    pub(crate) fn tour(&self, tour: &Tour, gate: &Gate) -> Result<Completion> {
        if let Some(not_run) = tour.obstacle(&self.images) {
            return Ok(not_run);
        }
        let [rsgi, _] = self.rigs()?;
        tour.walk(&self.images, rsgi, &self.release, gate).with_context(|| last(&rsgi.log()))?;
        Ok(Completion::Completed)
    }
}

fn last(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
