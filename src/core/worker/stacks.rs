//! Lets the master ask this process, whatever state it is in, by signals: for the stacks of all its threads, and a thread for
//! the place where it is in the application.

use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{Relaxed, Release};

use rsgi_abi::host::Remote;

use crate::memory::core_slot::PLACE_LEN;
use crate::memory::scoreboard::Scoreboard;

struct Door {
    remote: Remote,
    board: Scoreboard,
    number: u32,
}

static DOOR: OnceLock<Door> = OnceLock::new();

/// Answers the signals from now on, unless the application has taken them, and says so in the block of process `number` on
/// its board. `name` is what the log calls the process.
pub(crate) fn answer(remote: Remote, board: Scoreboard, number: u32, name: &str) {
    let Some(count) = board.worker(number).and_then(|block| block.stacks()) else { return };
    DOOR.get_or_init(|| Door { remote, board, number });
    match rsgi_sys::signal::call(rsgi_sys::signal::stacks(), write) {
        Ok(true) => count.store(1, Release),
        Ok(false) => tracing::info!("{name}: the application handles the signal for stacks itself"),
        Err(errno) => tracing::warn!("{name} cannot be asked for its stacks: {errno}"),
    }
    // Without an answer nothing is asked: the master looks whether the signal is handled.
    if let Err(errno) = rsgi_sys::signal::call(rsgi_sys::signal::locate(), locate) {
        tracing::warn!("{name} cannot be asked where it is: {errno}");
    }
}

/// Runs in the signal handler: nothing here takes a lock or allocates.
fn write() {
    if let Some(door) = DOOR.get() {
        door.remote.dump_traceback(std::io::stderr().as_fd());
        door.board.worker(door.number).and_then(|block| block.stacks()).map(|count| count.fetch_add(1, Relaxed));
    }
}

/// Runs in the signal handler, in the thread that is asked.
fn locate() {
    let Some(door) = DOOR.get() else { return };
    let (_, this) = rsgi_sys::thread::this();
    if let Some((_, slot)) = door.board.cores(door.number).find(|(_, slot)| slot.thread().1 == this) {
        let mut text = [0; PLACE_LEN];
        let len = door.remote.locate(&mut text);
        slot.tell_place(text.get(..len).unwrap_or_default());
    }
}
