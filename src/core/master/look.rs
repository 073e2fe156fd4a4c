//! A look at everything that runs, for `rsgi top` and `rsgi stats`: the scoreboard says almost all. Where a thread is in the
//! application it has to tell itself, and is asked only when somebody wants to know and the request has run for a while.

use std::time::Duration;

use serde_json::json;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::Master;
use crate::control_socket::protocol::Reply;
use crate::control_socket::view::Running;
use crate::harakiri;
use crate::memory::core_slot::CoreSlot;
use crate::stats::collect;

/// Younger requests are not disturbed: where they are is over when it is read.
const OLD: Duration = Duration::from_millis(100);

/// Time that a thread has to say where it is.
const PATIENCE: Duration = Duration::from_millis(100);

/// Time that all of them have.
const TOGETHER: Duration = Duration::from_millis(500);

/// Workers write for so long at most because somebody said that he would look again.
const LONGEST: u32 = 3600;

/// A core in a request.
struct Busy {
    running: Running,
    slot: CoreSlot,
    serial: u64,
}

impl Master {
    pub(super) fn look(&mut self, lines: bool, watch: u32, reply: Reply) {
        let now = harakiri::now();
        if watch > 0 {
            self.watch_workers(now + u64::from(watch.min(LONGEST)) * 1_000_000);
        }
        let view = self.generations.get(&self.serving).map(|generation| generation.view);
        let (Some(mut stats), Some(view)) = (self.collect(), view) else { return reply.refuse("nothing is serving") };
        // `stats-no-cores` is about the stats server.
        for worker in &mut stats.workers {
            worker.cores.get_or_insert_with(|| collect::cores(view, worker.id));
        }
        let mut busy = self.busy(now);
        let (mood, status) = (self.mood(), self.fleet.status());
        let (generation, since) = (self.serving, self.started.since);
        let asking = std::rc::Rc::clone(&self.asking);
        spawn_local(async move {
            if lines {
                // A thread has one place to tell where it is, so one of us asks at a time.
                let _turn = asking.lock().await;
                ask(&mut busy).await;
            }
            let running: Vec<_> = busy.into_iter().map(|one| one.running).collect();
            reply.done(json!({
                "mood": mood, "status": status, "generation": generation, "since": since,
                "stats": stats, "running": running,
            }));
        });
    }

    fn watch_workers(&self, until: u64) {
        for view in self.generations.values().map(|generation| generation.view) {
            view.workers().filter_map(|number| view.worker(number)).for_each(|slot| slot.watch(until));
        }
    }

    /// Every request that runs, of every generation.
    fn busy(&self, now: u64) -> Vec<Busy> {
        let mut all = Vec::new();
        for (&generation, view) in self.generations.iter().map(|(number, generation)| (number, generation.view)) {
            for (worker, block) in view.workers().filter_map(|number| Some((number, view.worker(number)?))) {
                let Ok(pid @ 1..) = u32::try_from(block.pid()) else { continue };
                let cores = view.cores(worker);
                all.extend(cores.filter_map(|(core, slot)| Busy::of(slot, generation, worker, pid, core, now)));
            }
        }
        all
    }
}

impl Busy {
    fn of(slot: CoreSlot, generation: u32, worker: u32, pid: u32, core: u32, now: u64) -> Option<Self> {
        let serial = slot.serial();
        let since = slot.busy_since()?;
        let phase = slot.phase();
        let vars = slot.variables().iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect();
        let age = now.saturating_sub(since);
        let running = Running { worker, pid, generation, core, age, phase, place: None, vars };
        // Variables of one request must not stand beside the time of another.
        (slot.serial() == serial).then_some(Self { running, slot, serial })
    }
}

/// Asks threads where they are, one after the other: a process can tell of one at a time.
async fn ask(busy: &mut [Busy]) {
    let signal = rsgi_sys::signal::locate();
    let end = Instant::now() + TOGETHER;
    // The oldest ones matter most, if there is not time for all.
    busy.sort_by_key(|one| std::cmp::Reverse(one.running.age));
    for one in busy.iter_mut() {
        let (pid, (_, thread)) = (one.running.pid, one.slot.thread());
        let is_old = Duration::from_micros(one.running.age) >= OLD;
        if !is_old || Instant::now() >= end || !rsgi_sys::signal::is_handled_by(pid, signal) {
            continue;
        }
        let before = one.slot.places();
        let is_asked = one.slot.serial() == one.serial && rsgi_sys::thread::signal(pid, thread, signal).is_ok();
        let mut pause = Duration::from_micros(100);
        let patience = (Instant::now() + PATIENCE).min(end);
        while is_asked && one.slot.places() == before && Instant::now() < patience {
            sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(Duration::from_millis(10));
        }
        if one.slot.places() != before {
            let place = one.slot.place(one.serial);
            one.running.place = place.map(|place| String::from_utf8_lossy(&place).into_owned());
        }
    }
    busy.sort_by_key(|one| (one.running.generation, one.running.worker, one.running.core));
}
