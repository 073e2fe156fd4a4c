//! Where messages to mules and tasks for spoolers are handed in: every process of an instance has the same desk.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use rsgi_abi::host::{MessageError, Recipient, SpoolError};
use rsgi_abi::types::Var;
use rsgi_config::Aside;

use super::mailbox::{Addressee, Mailboxes, SendError};
use super::spool::{self, Spool};
use crate::memory::scoreboard::Scoreboard;

/// The queues, what farms are called, and the directories of tasks.
#[derive(Debug)]
pub struct Desk {
    pub(super) mailboxes: Mailboxes,
    farms: Vec<(String, Vec<u32>)>,
    spools: Vec<Spool>,
    is_quiet: bool,
    spoolers: Scoreboard,
}

static DESK: OnceLock<Desk> = OnceLock::new();

/// Opens the desk of this process and of its forks. `spoolers` is their scoreboard.
pub fn open(mailboxes: Mailboxes, spools: Vec<Spool>, spoolers: Scoreboard, config: &Aside) {
    let (farms, is_quiet) = (config.farms.clone(), config.spooler_quiet);
    DESK.get_or_init(|| Desk { mailboxes, farms, spools, is_quiet, spoolers });
}

/// The desk; `None` outside of zygotes and their forks.
pub fn desk() -> Option<&'static Desk> {
    DESK.get()
}

impl Desk {
    /// Sends a message, without waiting.
    ///
    /// # Errors
    /// When there is no such mule or farm, or it cannot be sent; the latter is logged.
    pub fn send(&self, to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
        let addressee = self.addressee(to).ok_or(MessageError::Nobody)?;
        self.mailboxes.send(addressee, message).map_err(|error| match error {
            SendError::Nobody => MessageError::Nobody,
            error => {
                tracing::warn!("a message to {} is not sent: {error}", self.name(addressee));
                MessageError::Failed
            }
        })
    }

    /// Writes a task; returns the path of its file.
    ///
    /// # Errors
    /// When it cannot be written; all but its size is logged.
    pub fn spool(&self, vars: &[Var<'_>], body: &[u8]) -> Result<PathBuf, SpoolError> {
        let pairs: Vec<_> = vars.iter().map(|var| (var.key(), var.value())).collect();
        let (path, size) = spool::write(&self.spools, &pairs, body).map_err(|error| {
            tracing::warn!("[spooler] {}", crate::logging::chain(&error));
            match error {
                spool::SpoolError::TooLarge => SpoolError::TooLarge,
                spool::SpoolError::Write { .. } => SpoolError::Failed,
                _ => SpoolError::Nowhere,
            }
        })?;
        if !self.is_quiet {
            tracing::info!("[spooler] written {size} bytes to file {}", path.display());
        }
        Ok(path)
    }

    /// The directory of tasks with this number, 0 first.
    #[must_use]
    pub fn spool_directory(&self, index: usize) -> Option<PathBuf> {
        self.spools.get(index).map(|spool| spool.directory.clone())
    }

    /// The directory that spooler `id` (1…) sees to, when each directory has so many `processes`.
    pub(super) fn directory_of(&self, id: u32, processes: u32) -> Option<PathBuf> {
        let index = id.checked_sub(1)?.checked_div(processes)?;
        let own = self.spools.iter().filter(|spool| !spool.is_external);
        own.map(|spool| spool.directory.clone()).nth(usize::try_from(index).ok()?)
    }

    /// Process id of spooler `id` (1…): 0 when it does not run, `None` when there is none.
    #[must_use]
    pub fn spooler_pid(&self, id: u32) -> Option<u64> {
        self.spoolers.worker(id).map(|block| block.pid())
    }

    /// Sets the pause between looks for tasks, seconds; `false` without spoolers.
    #[must_use]
    pub fn set_frequency(&self, seconds: u32) -> bool {
        self.spoolers.set_frequency(seconds.max(1).into());
        !self.spools.is_empty()
    }

    /// The pause between looks for tasks.
    pub(super) fn frequency(&self, config: &Aside) -> Duration {
        self.spoolers.frequency().map_or(config.spooler_frequency.duration(), Duration::from_secs)
    }

    fn addressee(&self, to: Recipient<'_>) -> Option<Addressee> {
        Some(match to {
            Recipient::Any => Addressee::Anyone,
            Recipient::Mule(number) => Addressee::Mule(number),
            Recipient::Farm(name) => {
                let place = self.farms.iter().position(|(farm, _)| farm.as_bytes() == name)?;
                Addressee::Farm(u32::try_from(place).ok()?)
            }
        })
    }

    /// What an address is called in the log.
    #[must_use]
    pub fn name(&self, addressee: Addressee) -> String {
        match addressee {
            Addressee::Anyone => "any mule".to_owned(),
            Addressee::Mule(number) => format!("mule {number}"),
            Addressee::Farm(place) => {
                let farm = usize::try_from(place).ok().and_then(|place| self.farms.get(place));
                format!("farm {}", farm.map_or("?", |(name, _)| name))
            }
        }
    }

    /// Whether a mule belongs to a farm; to any, when the name is empty.
    #[must_use]
    pub fn is_in_farm(&self, mule: u32, farm: &[u8]) -> bool {
        let mut farms = self.farms.iter().filter(|(name, _)| farm.is_empty() || name.as_bytes() == farm);
        farms.any(|(_, mules)| mules.contains(&mule))
    }

    /// Whether a mule reads the queue of a farm, by the farm's place in the configuration.
    pub(super) fn reads_farm(&self, mule: u32, place: u32) -> bool {
        let farm = usize::try_from(place).ok().and_then(|place| self.farms.get(place));
        farm.is_some_and(|(_, mules)| mules.contains(&mule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn farms_are_known_by_name_and_member() {
        let farms = vec![("mails".to_owned(), vec![1, 3]), ("sms".to_owned(), vec![2])];
        let config = Aside { mules: vec![None; 3], farms, ..Aside::default() };
        let board = Scoreboard::create(4, 1).unwrap();
        let desk = Desk {
            mailboxes: Mailboxes::new(&config).unwrap(),
            farms: config.farms,
            spools: ["/a", "/b", "/c"].map(|path| Spool { directory: path.into(), is_external: path == "/b" }).to_vec(),
            is_quiet: false,
            spoolers: Scoreboard::map(board.as_fd(), 4, 1).unwrap(),
        };
        let directory = |id| desk.directory_of(id, 2).map(|path| path.display().to_string());
        assert_eq!([1, 2, 3, 4].map(directory), ["/a", "/a", "/c", "/c"].map(|path| Some(path.to_owned())));
        assert_eq!((directory(0), directory(5)), (None, None));
        assert!(desk.set_frequency(0));
        assert_eq!(desk.frequency(&Aside::default()), Duration::from_secs(1));
        assert_eq!(desk.send(Recipient::Farm(b"sms"), b"x"), Ok(()));
        assert_eq!(desk.send(Recipient::Farm(b"post"), b"x"), Err(MessageError::Nobody));
        assert_eq!(desk.send(Recipient::Mule(4), b"x"), Err(MessageError::Nobody));
        assert!(desk.is_in_farm(3, b"mails") && desk.is_in_farm(2, b"") && !desk.is_in_farm(2, b"mails"));
        assert!(desk.reads_farm(2, 1) && !desk.reads_farm(2, 0) && !desk.reads_farm(2, 7));
        assert_eq!(desk.name(Addressee::Farm(0)), "farm mails");
    }
}
