//! A mule: runs a program of its own, or hands each message to the application's hook. Either way the plugin drives, and
//! comes here for messages.
//!
//! A message counts as being worked on from the moment it is handed over until the next one is asked for.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rsgi_abi::host::{Received, Remote, Sources};

use super::Job;
use super::desk::{Desk, desk};
use super::leave::{self, Leave};
use super::mailbox::Addressee;
use crate::control::Report;
use crate::exit::Exit;
use crate::harakiri;
use crate::identity::identity;
use crate::memory::core_slot::CoreSlot;
use crate::memory::scoreboard::WorkerSlot;
use crate::worker::stacks;

/// Bytes of a message that the scoreboard shows.
const SHOWN: usize = 512;

/// The mule that this process is.
#[derive(Debug)]
struct Mule {
    id: u32,
    desk: &'static Desk,
    leave: Arc<Leave>,
    block: Option<WorkerSlot>,
    slot: Option<CoreSlot>,
    harakiri: Option<u64>,
    plugin: Remote,
}

static MULE: OnceLock<Mule> = OnceLock::new();

/// The plugin has taken over.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// The thread that has asked for a message last, as the kernel names it; 0 before the first time.
static ASKING: AtomicU64 = AtomicU64::new(0);

/// Lives as a mule until it is told to leave, or its program ends. The caller ends the process with the result.
#[must_use]
pub fn run(job: Job) -> Exit {
    let Job { id, config, control, language, board } = job;
    let (block, slot) = (board.worker(id), board.core(id, 0));
    if let (Some(block), Some(slot)) = (block, slot) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        block.born(std::process::id(), now.as_secs());
        slot.clear();
    }
    let aside = &config.aside;
    let program = usize::try_from(id).ok().and_then(|id| aside.mules.get(id.checked_sub(1)?)).cloned().flatten();
    let main = rsgi_sys::thread::this().1;
    let hurry = move || {
        // Who asks for messages learns it there. Any other program is asked by a signal.
        if HAS_BEGUN.load(Acquire) && ASKING.load(Relaxed) != main {
            let _ = rsgi_sys::thread::signal(std::process::id(), main, rsgi_sys::signal::leave());
        }
    };
    let harakiri = aside.mule_harakiri.map(|span| harakiri::micros(span.duration()));
    let (lazy, mercy) = (config.workers.lazy_apps, aside.mule_reload_mercy.0);
    let (Some(desk), Ok(leave)) = (desk(), leave::listen(control, config, hurry)) else {
        tracing::error!("mule {id} cannot start: descriptors or threads are short");
        return Exit::WorkerEnd;
    };
    let plugin = language.remote();
    let mule = MULE.get_or_init(|| Mule { id, desk, leave, block, slot, harakiri, plugin });
    stacks::answer(language.remote(), board, id, &format!("mule {id}"));
    if lazy {
        // What fails has been logged; a mule serves no application.
        let _ = language.load_apps();
    }
    let _ = identity().is_some_and(|identity| identity.report(Report::Ready));
    HAS_BEGUN.store(true, Release);
    let code = match mule.leave.is_due() {
        true => Exit::WorkerEnd.code(),
        false => language.mule(program.as_deref().unwrap_or_default()),
    };
    if let Some(slot) = slot {
        slot.clear();
    }
    language.shutdown(u32::try_from(mercy.saturating_mul(1000)).unwrap_or(u32::MAX));
    Exit::Raw(code)
}

/// Waits for a message to this mule. The one before it counts as done.
pub fn receive(from: Sources, timeout: Option<Duration>, buffer: &mut [u8]) -> Received {
    let Some(mule) = MULE.get() else { return Received::NotHere };
    ASKING.store(rsgi_sys::thread::this().1, Relaxed);
    mule.done();
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        if mule.leave.is_due() {
            return Received::Leave;
        }
        if from.signals
            && let Some(number) = mule.leave.bell()
        {
            mule.plugin.signal(number);
            continue;
        }
        if let Some((addressee, length)) = mule.take(from, buffer) {
            mule.begin(addressee, buffer.get(..length).unwrap_or_default());
            return Received::Message(length);
        }
        if let Some(received) = mule.wait(from, until) {
            return received;
        }
    }
}

impl Mule {
    fn reads(&self, from: Sources, addressee: Addressee) -> bool {
        match addressee {
            Addressee::Anyone => from.mule,
            Addressee::Mule(number) => from.mule && number == self.id,
            Addressee::Farm(place) => from.farms && self.desk.reads_farm(self.id, place),
        }
    }

    /// Takes a message that is there. Others may read the same queue, and be faster.
    fn take(&self, from: Sources, buffer: &mut [u8]) -> Option<(Addressee, usize)> {
        let mut readers = self.desk.mailboxes.readers(|addressee| self.reads(from, addressee)).into_iter();
        readers.find_map(|(addressee, reader)| Some((addressee, nix::unistd::read(reader, buffer).ok()?)))
    }

    /// Waits until there may be something to take; otherwise says what else has happened.
    fn wait(&self, from: Sources, until: Option<Instant>) -> Option<Received> {
        let readers = self.desk.mailboxes.readers(|addressee| self.reads(from, addressee));
        let ends = readers.into_iter().map(|(_, reader): (_, BorrowedFd<'_>)| reader);
        let all = std::iter::once(self.leave.as_fd()).chain(ends);
        let bells = from.signals.then(|| self.leave.bells());
        let mut polled: Vec<_> = all.chain(bells).map(|end| PollFd::new(end, PollFlags::POLLIN)).collect();
        let timeout = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(left) if left.is_zero() => return Some(Received::Timeout),
            // Rounded up, so that nothing is polled in the last millisecond.
            Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        match poll(&mut polled, timeout) {
            Ok(_) => None,
            Err(Errno::EINTR) => Some(Received::Signal),
            Err(errno) => {
                tracing::error!("mule {} cannot wait for messages: {errno}", self.id);
                Some(Received::Leave)
            }
        }
    }

    fn begin(&self, addressee: Addressee, message: &[u8]) {
        let Some(slot) = self.slot else { return };
        let to = self.desk.name(addressee);
        let shown = message.get(..SHOWN).unwrap_or(message);
        let facts = [(&b"TO"[..], to.as_bytes()), (b"MESSAGE", shown)];
        slot.describe(facts.into_iter(), true, &mut Vec::new());
        let (thread, id) = rsgi_sys::thread::this();
        slot.set_thread(thread, id);
        let now = harakiri::now();
        slot.begin(now, self.harakiri.map(|span| now.saturating_add(span)));
    }

    fn done(&self) {
        if let Some(slot) = self.slot.filter(|slot| slot.busy_since().is_some()) {
            slot.end();
            if let Some(block) = self.block {
                let _ = block.count_request();
            }
        }
    }
}

/// Whether this process is a mule of the farm; of any, when the name is empty.
#[must_use]
pub fn is_in_farm(farm: &[u8]) -> bool {
    let mule = MULE.get();
    mule.is_some_and(|mule| mule.desk.is_in_farm(mule.id, farm))
}
