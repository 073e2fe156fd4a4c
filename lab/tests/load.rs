//! A constant load of small requests, and the count of those that went wrong.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::blocking::Client;

/// Time for what has to happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Four clients, GET and POST in turn, each on a connection of its own: when nginx reloads it closes kept ones, on which a client may just be
/// sending.
pub(crate) struct Load {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    faults: Arc<Mutex<Vec<String>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn on(url: &str) -> Result<Self> {
        let mut load =
            Self { ends: Arc::default(), answered: Arc::default(), faults: Arc::default(), clients: Vec::new() };
        for _ in 0..4 {
            let client = Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(0).build()?;
            let (ends, answered, faults) =
                (Arc::clone(&load.ends), Arc::clone(&load.answered), Arc::clone(&load.faults));
            let url = format!("{url}/echo/load");
            load.clients.push(std::thread::spawn(move || {
                while !ends.load(Relaxed) {
                    for request in [client.get(&url), client.post(&url).body("posted")] {
                        match request.send().and_then(|answer| answer.error_for_status()?.bytes()) {
                            Ok(_) => drop(answered.fetch_add(1, Relaxed)),
                            Err(error) => {
                                faults.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{error:?}"))
                            }
                        }
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            }));
        }
        Ok(load)
    }

    /// Until so many more have been answered.
    pub(crate) fn wait_for_answers(&self, more: u64) -> Result<()> {
        let goal = self.answered.load(Relaxed) + more;
        self.wait(|| self.answered.load(Relaxed) >= goal).context("answers")
    }

    /// Until so many have gone wrong.
    pub(crate) fn wait_for_faults(&self, count: usize) -> Result<()> {
        self.wait(|| self.faults.lock().unwrap_or_else(PoisonError::into_inner).len() >= count).context("faults")
    }

    fn wait(&self, is_so: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(Instant::now() < end, "waited for in vain; the last fault: {:?}", faults.last());
            drop(faults);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it; every request must have been answered with 200, and more than so many there must have been.
    pub(crate) fn lost_nothing(self, least: u64) -> Result<u64> {
        let (answered, faults) = self.end()?;
        ensure!(faults.is_empty(), "{} lost of {}, the first: {:?}", faults.len(), answered, faults.first());
        ensure!(answered > least, "only {answered} requests");
        Ok(answered)
    }

    /// Ends it, and tells how many were answered with 200, and what was wrong with the others.
    pub(crate) fn end(self) -> Result<(u64, Vec<String>)> {
        self.ends.store(true, Relaxed);
        for client in self.clients {
            client.join().ok().context("a client panicked")?;
        }
        let faults = std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((self.answered.load(Relaxed), faults))
    }
}
