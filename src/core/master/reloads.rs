//! What has become of reloads, for the stats and for whoever waits for one.

use tokio::sync::oneshot;

use super::Master;
use super::errand::seconds;
use super::fleet::Generation;
use crate::metrics::ledger::Reload;
use crate::stats::model;

/// How a reload has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The new generation serves.
    Serves(Generation),
    /// The generation before goes on.
    Failed {
        /// Why, in a few words.
        reason: String,
        /// What the new processes have said: a traceback, a line of the configuration.
        log: String,
    },
}

impl Master {
    /// A new generation serves.
    pub(super) fn reload_succeeded(&mut self, number: Generation) {
        self.ledger.reloaded(Reload::Succeeded, seconds());
        self.reloads.ended(number, Verdict::Serves(number));
    }

    /// A reload has come to nothing.
    pub(super) fn reload_failed(&mut self, number: Generation, reason: String) {
        let trouble = self.generations.get(&number).map(|generation| generation.trouble());
        let outcome = if trouble.is_some() { Reload::Failed } else { Reload::Refused };
        self.ledger.reloaded(outcome, seconds());
        let log = trouble.unwrap_or_else(|| std::mem::take(&mut self.refusal));
        self.reloads.ended(number, Verdict::Failed { reason, log });
    }
}

/// The book.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    told: model::Reloads,
    waiting: Vec<(Generation, oneshot::Sender<Verdict>)>,
}

impl Reloads {
    /// The verdict on the reload that is to bring `generation`. Dropped without one when the instance stops first.
    pub(super) fn wait(&mut self, generation: Generation) -> oneshot::Receiver<Verdict> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.push((generation, sender));
        receiver
    }

    /// A reload has ended.
    pub(super) fn ended(&mut self, generation: Generation, verdict: Verdict) {
        let (result, reason, log) = match &verdict {
            Verdict::Serves(_) => ("succeeded", "", ""),
            Verdict::Failed { reason, log } => ("failed", reason.as_str(), log.as_str()),
        };
        let count = if result == "failed" { &mut self.told.failed } else { &mut self.told.succeeded };
        *count += 1;
        self.told.last = Some(model::LastReload {
            generation,
            ended: seconds(),
            result,
            reason: reason.to_owned(),
            log: log.to_owned(),
        });
        for (_, sender) in self.waiting.extract_if(.., |(wanted, _)| *wanted <= generation) {
            // Who asked may have gone meanwhile.
            let _ = sender.send(verdict.clone());
        }
    }

    /// How many have succeeded, and how many have failed.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.told.succeeded, self.told.failed)
    }

    /// A book that goes on with these counts.
    pub(super) fn with((succeeded, failed): (u64, u64)) -> Self {
        Self { told: model::Reloads { succeeded, failed, ..model::Reloads::default() }, waiting: Vec::new() }
    }

    /// For the stats.
    pub(super) fn told(&self) -> model::Reloads {
        self.told.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_learns_what_concerns_them() {
        let mut reloads = Reloads::default();
        let (mut first, mut second) = (reloads.wait(1), reloads.wait(2));
        let failed = Verdict::Failed { reason: "the check was not passed".into(), log: "Traceback".into() };
        reloads.ended(1, failed.clone());
        assert_eq!(first.try_recv(), Ok(failed));
        assert!(second.try_recv().is_err());
        // One that was refused has used up no number: the next attempt is an answer to those who wait for it, and later ones too.
        let mut third = reloads.wait(2);
        reloads.ended(3, Verdict::Serves(3));
        assert_eq!((second.try_recv(), third.try_recv()), (Ok(Verdict::Serves(3)), Ok(Verdict::Serves(3))));
        let told = reloads.told();
        assert_eq!((told.succeeded, told.failed, told.last.unwrap().generation), (1, 1, 3));
    }
}
