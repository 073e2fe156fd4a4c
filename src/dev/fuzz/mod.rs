//! `cargo dev fuzz --minutes N [--jobs N] [TARGET…]`: runs targets of `tests/fuzz` under libFuzzer and writes down how long, how often and
//! with what outcome. `cargo dev fuzz --minimize [TARGET…]`: puts the few inputs that matter into the committed corpora.
//!
//! What it finds on the way stays in `.rsgi-dev/fuzz/corpus`, and an input that breaks a promise in `.rsgi-dev/fuzz/crashes`.

mod build;
mod ledger;
mod minimize;
mod target;

use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};

use ledger::Ledger;
use target::Target;

const USAGE: &str = "usage: cargo dev fuzz --minutes N [--jobs N] [TARGET…], or cargo dev fuzz --minimize [TARGET…]";

/// What the words ask for.
struct Asked {
    minutes: u64,
    jobs: usize,
    minimize: bool,
    targets: Vec<Target>,
}

/// Reads the words behind `cargo dev fuzz`.
///
/// # Errors
/// Unknown words, a driver that cannot be built, and inputs that break a promise.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let asked = asked(words)?;
    let driver = build::driver()?;
    if asked.minimize {
        return asked.targets.iter().try_for_each(|target| minimize::run(&driver, target));
    }
    let ledger = Mutex::new(Ledger::read()?);
    let waiting = Mutex::new(asked.targets.iter().rev().collect::<Vec<_>>());
    let work = || -> Result<usize> {
        let mut broken = 0;
        loop {
            // On a line of its own, so that the lock is not held while the target runs.
            let next = lock(&waiting).pop();
            let Some(target) = next else { break };
            let run = target.fuzz(&driver, asked.minutes).with_context(|| format!("target {}", target.name))?;
            eprintln!("{}: {} executions in {} s, {} crashes", target.name, run.executions, run.seconds, run.crashes);
            broken += usize::from(run.crashes > 0);
            let mut ledger = lock(&ledger);
            ledger.add(&target.name, &run);
            ledger.write()?;
        }
        Ok(broken)
    };
    let broken = thread::scope(|scope| -> Result<usize> {
        let workers: Vec<_> = (0..asked.jobs).map(|_| scope.spawn(work)).collect();
        let outcomes = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")));
        outcomes.sum()
    })?;
    match broken {
        0 => Ok(()),
        _ => bail!(
            "{broken} targets broke a promise: see .rsgi-dev/fuzz/crashes, and keep the input in tests/fuzz/regressions"
        ),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn asked(words: &[String]) -> Result<Asked> {
    let (mut minutes, mut jobs, mut minimize, mut names) = (None, 1, false, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).filter(|&number| number > 0);
        match word.as_str() {
            "--minutes" => minutes = Some(number().context(USAGE)?),
            "--jobs" => jobs = usize::try_from(number().context(USAGE)?)?,
            "--minimize" => minimize = true,
            name if !name.starts_with('-') => names.push(name),
            _ => bail!(USAGE),
        }
    }
    if minutes.is_some() == minimize {
        bail!(USAGE);
    }
    let all = Target::all()?;
    let unknown = names.iter().find(|name| all.iter().all(|target| target.name != **name));
    if let Some(name) = unknown {
        let known: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        bail!("no such target: {name}; there are {}", known.join(", "));
    }
    let targets = all.into_iter().filter(|target| names.is_empty() || names.contains(&target.name.as_str())).collect();
    Ok(Asked { minutes: minutes.unwrap_or(0), jobs, minimize, targets })
}
