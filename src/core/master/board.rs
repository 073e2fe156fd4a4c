//! Scoreboards as the master makes them. Memory that is mapped stays mapped (whoever has a view may keep it for ever), so what a
//! generation leaves behind serves the next one: reloads do not add up.

use std::cell::RefCell;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};

use crate::memory::scoreboard::Scoreboard;

thread_local! {
    /// Boards whose generation has gone, for all the master's work is on one thread.
    static SPARE: RefCell<Vec<Parts>> = const { RefCell::new(Vec::new()) };
}

/// A scoreboard with its memory. Dropped when no process of its generation is left.
#[derive(Debug)]
pub(super) struct Board(Option<Parts>);

/// What a board is made of.
#[derive(Debug)]
pub(super) struct Parts {
    shape: (usize, usize),
    pub(super) fd: OwnedFd,
    pub(super) view: Scoreboard,
}

impl Board {
    /// An empty board with so many blocks of so many cores.
    ///
    /// # Errors
    /// When descriptors or memory are short.
    pub(super) fn new(blocks: usize, cores: usize) -> io::Result<Self> {
        let shape = (blocks, cores);
        let spare = SPARE.with_borrow_mut(|spare| {
            let index = spare.iter().position(|parts| parts.shape == shape)?;
            Some(spare.swap_remove(index))
        });
        if let Some(parts) = spare {
            parts.view.wipe();
            return Ok(Self(Some(parts)));
        }
        let fd = Scoreboard::create(blocks, cores)?;
        Ok(Self(Some(Parts { shape, view: Scoreboard::map(fd.as_fd(), blocks, cores)?, fd })))
    }

    /// The board that was made with these numbers by another program in this process.
    ///
    /// # Errors
    /// When it is smaller, or cannot be mapped.
    pub(super) fn adopt(fd: OwnedFd, blocks: usize, cores: usize) -> io::Result<Self> {
        let view = Scoreboard::map(fd.as_fd(), blocks, cores)?;
        Ok(Self(Some(Parts { shape: (blocks, cores), view, fd })))
    }

    /// A descriptor for a process that is to map it.
    pub(super) fn hand_out(&self) -> io::Result<OwnedFd> {
        self.0.as_ref().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |parts| parts.fd.try_clone())
    }
}

impl Deref for Board {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        match &self.0 {
            Some(parts) => parts,
            None => unreachable!("a board has its parts until it is dropped"),
        }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let parts = self.0.take();
        // At the end of the thread the list may be gone already.
        let _ = SPARE.try_with(|spare| spare.borrow_mut().extend(parts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_serves_again_and_is_empty() {
        let mappings = || {
            let maps = std::fs::read_to_string("/proc/thread-self/maps").unwrap();
            maps.lines().filter(|line| line.contains("rsgi-scoreboard")).count()
        };
        let first = Board::new(3, 2).unwrap();
        assert_eq!(first.view.count_request(), 1);
        let before = mappings();
        for _ in 0..10 {
            drop(Board::new(3, 2).unwrap());
        }
        assert!(mappings() <= before + 1);
        drop(first);
        for _ in 0..2 {
            assert_eq!(Board::new(3, 2).unwrap().view.requests(), 0);
        }
    }
}
