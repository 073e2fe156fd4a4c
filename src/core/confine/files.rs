//! The file system, and for routers the network, by Landlock.
//!
//! Source: landlock(7). What a kernel does not know of these rights it does not confine: each is a defence of its own.

use std::path::PathBuf;

use landlock::{
    AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use nix::sys::stat::{SFlag, fstat};

/// What remains of the network and of other processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    #[default]
    Network,
    /// No new TCP connections and listeners, no signals to other processes, no abstract sockets of others.
    Nothing,
}

/// What remains of the file system. Directories stand for all that is beneath them; what is not there is passed over.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) read: Vec<PathBuf>,
    /// Read, and changed in every way.
    pub(super) write: Vec<PathBuf>,
    /// Read, and run.
    pub(super) exec: Vec<PathBuf>,
    /// Read, and written as they are.
    pub(super) devices: Vec<PathBuf>,
    pub(super) scope: Scope,
}

impl Files {
    /// Confines this thread and what it starts; `false`: the kernel has no Landlock.
    pub(super) fn confine(&self) -> Result<bool, RulesetError> {
        let rules = [
            (&self.read, reading()),
            (&self.write, everything() & !AccessFs::Execute),
            (&self.exec, reading() | AccessFs::Execute),
            (&self.devices, AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev),
        ];
        let mut rules_set = self.ruleset()?;
        for (paths, access) in rules {
            for path in paths {
                rules_set = allow(rules_set, path, access)?;
            }
        }
        Ok(rules_set.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
    }

    fn ruleset(&self) -> Result<RulesetCreated, RulesetError> {
        let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(everything())?;
        match self.scope {
            Scope::Network => rules,
            Scope::Nothing => rules
                .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
                .scope(landlock::Scope::Signal | landlock::Scope::AbstractUnixSocket)?,
        }
        .create()
    }
}

fn allow(rules: RulesetCreated, path: &PathBuf, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    // Not there, or not for us to see: nothing to allow.
    let Ok(place) = PathFd::new(path) else { return Ok(rules) };
    let is_directory = fstat(&place).is_ok_and(|facts| facts.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits());
    let access = if is_directory { access } else { access & of_files() };
    rules.add_rule(PathBeneath::new(place, access))
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Rights that a single file can have.
fn of_files() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Execute | AccessFs::Truncate | AccessFs::IoctlDev
}

/// Every right that is confined. Connecting to unix sockets is none of them: databases live there.
fn everything() -> BitFlags<AccessFs> {
    let making = AccessFs::MakeChar
        | AccessFs::MakeDir
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::MakeBlock
        | AccessFs::MakeSym;
    reading() | of_files() | making | AccessFs::RemoveDir | AccessFs::RemoveFile | AccessFs::Refer
}
