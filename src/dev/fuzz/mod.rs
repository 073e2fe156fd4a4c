//! `cargo dev fuzz --minutes N [--jobs N] [TARGET…]`: runs targets of `tests/fuzz` under libFuzzer and writes down how long, how often and
//! with what outcome. With `--total N` each runs until all its runs together have come to so many minutes, those with the fewest first.
//! `cargo dev fuzz --minimize [TARGET…]`: puts the few inputs that matter into the committed corpora.
//!
//! Minutes are processor time.
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

const USAGE: &str =
    "usage: cargo dev fuzz --minutes N | --total N [--jobs N] [TARGET…], or cargo dev fuzz --minimize [TARGET…]";

/// Longest run in seconds: what is found is written down after each, and an end in between loses no more than that.
const SLICE: u64 = 300;

/// What the words ask for.
struct Asked {
    what: What,
    jobs: usize,
    targets: Vec<Target>,
}

/// What is done to each target.
#[derive(Clone, Copy)]
enum What {
    /// It runs for so many minutes.
    Minutes(u64),
    /// It runs until it has done so for so many minutes since it was first fuzzed.
    Total(u64),
    Minimize,
}

/// Reads the words behind `cargo dev fuzz`.
///
/// # Errors
/// Unknown words, a driver that cannot be built, and inputs that break a promise.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let asked = asked(words)?;
    let driver = build::driver()?;
    let ledger = Ledger::read()?;
    let left = |target: &Target| match asked.what {
        What::Minutes(minutes) => minutes * 60,
        What::Total(minutes) => (minutes * 60).saturating_sub(ledger.seconds(&target.name)),
        What::Minimize => 0,
    };
    if let What::Minimize = asked.what {
        return asked.targets.iter().try_for_each(|target| minimize::run(&driver, target));
    }
    let waiting = Mutex::new(asked.targets.iter().map(|target| (left(target), target)).collect::<Vec<_>>());
    let ledger = Mutex::new(ledger);
    let work = || -> Result<usize> {
        let mut broken = 0;
        loop {
            // On a line of its own, so that the lock is not held while the target runs.
            let next = neediest(&mut lock(&waiting));
            let Some((left, target)) = next else { break };
            let run = target.fuzz(&driver, left.min(SLICE)).with_context(|| format!("target {}", target.name))?;
            eprintln!("{}: {} executions in {} s, {} crashes", target.name, run.executions, run.seconds, run.crashes);
            let mut ledger = lock(&ledger);
            ledger.add(&target.name, &run);
            ledger.write()?;
            match run.crashes {
                0 => lock(&waiting).push((left.saturating_sub(run.seconds.max(1)), target)),
                _ => broken += 1,
            }
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

/// Takes the target that has most to do yet.
fn neediest<'a>(waiting: &mut Vec<(u64, &'a Target)>) -> Option<(u64, &'a Target)> {
    waiting.retain(|(left, _)| *left > 0);
    let (index, _) = waiting.iter().enumerate().max_by_key(|(_, (left, _))| *left)?;
    Some(waiting.swap_remove(index))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn asked(words: &[String]) -> Result<Asked> {
    let (mut what, mut jobs, mut names) = (Vec::new(), 1, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).filter(|&number| number > 0);
        match word.as_str() {
            "--minutes" => what.push(What::Minutes(number().context(USAGE)?)),
            "--total" => what.push(What::Total(number().context(USAGE)?)),
            "--minimize" => what.push(What::Minimize),
            "--jobs" => jobs = usize::try_from(number().context(USAGE)?)?,
            name if !name.starts_with('-') => names.push(name),
            _ => bail!(USAGE),
        }
    }
    let [what] = what[..] else { bail!(USAGE) };
    let all = Target::all()?;
    let unknown = names.iter().find(|name| all.iter().all(|target| target.name != **name));
    if let Some(name) = unknown {
        let known: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
        bail!("no such target: {name}; there are {}", known.join(", "));
    }
    let targets = all.into_iter().filter(|target| names.is_empty() || names.contains(&target.name.as_str())).collect();
    Ok(Asked { what, jobs, targets })
}
