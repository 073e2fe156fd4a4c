//! Giving rights up: root directory, user, groups, capabilities. Done once sockets are bound and before a byte of application
//! or network is read, in the master and, where that keeps its own (`master-as-root`), in every process it starts.
//!
//! `chroot` is for those processes alone. The master reads neither requests nor applications; it stays outside, as the new
//! user and with the one capability that its processes need to enter: so a reload finds the configuration, a log its file and
//! a pid file its end. That capability also keeps everybody inside from tracing the master (ptrace(2)).
//!
//! Nothing goes on with rights that should be gone: every step is checked, and afterwards the way back is tried and must fail.

use std::io;
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability, CapsHashSet};
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgid, getgrouplist, getuid, setgid, setgroups, setuid};
use rsgi_config::{Config, Process};
use rsgi_sys::entry::Entry;

/// Why rights could not be given up. The process must end.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// Nobody of that name, in uWSGI's words.
    #[error("{0} {1} not found.")]
    Nobody(&'static str, String),
    /// An ordinary user cannot become another one.
    #[error("cannot setuid() as non-root user: start as root, or leave {0} out")]
    NotRoot(&'static str),
    /// An ordinary user cannot change the root directory.
    #[error("cannot chroot() as non-root user: start as root, or leave chroot out")]
    NoChroot,
    /// A root directory that is none.
    #[error("chroot: {} cannot be entered", .0.display())]
    Jail(PathBuf, #[source] io::Error),
    /// Whom the routers are to become, whom the master has become, and who is not root may not choose.
    #[error(
        "http-uid, http-gid: who is not root cannot give routers a user; add master-as-root, or start as root without uid and gid"
    )]
    Router,
    /// A step that failed.
    #[error("{step} failed: {errno}; going on with the rights of root would be wrong")]
    Step {
        /// The system call.
        step: &'static str,
        /// What the kernel said.
        errno: nix::Error,
    },
    /// A capability that does not exist.
    #[error(
        "cap: there is no capability {0}; names are those of capabilities(7) without CAP_, such as net_bind_service"
    )]
    NoCapability(String),
    /// Capabilities cannot be kept.
    #[error("cap: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
    /// The rights were given up and can be taken back.
    #[error("the rights of root could be taken back after they were dropped: refusing to go on")]
    Reversible,
    /// A socket cannot be given to its new owner.
    #[error("{} cannot be given to its user: {errno}", path.display())]
    Owner {
        /// The socket's file.
        path: PathBuf,
        /// What the kernel said.
        errno: nix::Error,
    },
}

/// Who a process is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    user: Option<(Uid, Option<String>)>,
    group: Option<Gid>,
    further: Vec<Gid>,
    with_users_groups: bool,
    keep: Vec<Capability>,
    jail: Option<PathBuf>,
    may_gain: bool,
}

impl Rights {
    /// Looks up the names of the options.
    ///
    /// # Errors
    /// When one of them does not exist.
    pub fn of(process: &Process) -> Result<Self, RightsError> {
        let user = process.uid.as_deref().map(find_user).transpose()?;
        let primary = user.as_ref().and_then(|user| user.gid);
        let group = process.gid.as_deref().map(find_group).transpose()?.or(primary);
        let further = process.add_gid.iter().map(|name| find_group(name)).collect::<Result<_, _>>()?;
        let keep = process.cap.iter().map(|name| find_capability(name)).collect::<Result<_, _>>()?;
        let user = user.map(|user| (user.uid, user.name));
        let jail = process.chroot.clone();
        let (with_users_groups, may_gain) = (!process.no_initgroups, process.no_new_privs == Some(false));
        Ok(Self { user, group, further, with_users_groups, keep, jail, may_gain })
    }

    /// Whether there is anything to do: nothing was asked for, or it has been done already.
    #[must_use]
    pub fn is_met(&self) -> bool {
        let user = self.user.as_ref().is_none_or(|(uid, _)| *uid == geteuid() && *uid == getuid());
        user && self.group.is_none_or(|gid| gid == getegid() && gid == getgid())
    }

    /// Makes the user the owner of a socket's file or a pipe. The folder may be the user's, who may have put a link in its place.
    ///
    /// # Errors
    /// When it is neither, or the kernel refuses.
    pub fn own(&self, path: PathBuf) -> Result<(), RightsError> {
        let user = self.user.as_ref().map(|(uid, _)| *uid);
        Entry::at(&path)
            .and_then(|entry| entry.give(user, self.group))
            .map_err(|errno| RightsError::Owner { path, errno })
    }

    /// Whether the root directory can be changed later: it is there, and somebody may.
    ///
    /// # Errors
    /// When it is no directory, or this process may not enter it.
    pub fn check_jail(&self) -> Result<(), RightsError> {
        let Some(jail) = &self.jail else { return Ok(()) };
        if !geteuid().is_root() {
            return Err(RightsError::NoChroot);
        }
        std::fs::read_dir(jail).map(std::mem::drop).map_err(|error| RightsError::Jail(jail.clone(), error))
    }

    /// Becomes that user and group for good, but for what the processes need that are started from here.
    ///
    /// # Errors
    /// At the first step that fails; the process must end then.
    pub fn take(&self) -> Result<(), RightsError> {
        let entering = self.jail.is_some().then_some(Capability::CAP_SYS_CHROOT);
        let keep: Vec<_> = self.keep.iter().copied().chain(entering).collect();
        self.become_user(self.groups()?.as_deref(), &keep)
    }

    /// Enters the root directory and becomes that user and group, for good.
    fn take_all(&self) -> Result<(), RightsError> {
        // Names are those of the outside.
        let groups = self.groups()?;
        if let Some(jail) = &self.jail {
            enter(jail)?;
        }
        self.become_user(groups.as_deref(), &self.keep)?;
        // The master has left us one to enter with.
        if self.jail.is_some() && !geteuid().is_root() { leave_only(&self.keep) } else { Ok(()) }
    }

    fn become_user(&self, groups: Option<&[Gid]>, keep: &[Capability]) -> Result<(), RightsError> {
        if self.is_met() {
            return Ok(());
        }
        if !geteuid().is_root() {
            return Err(RightsError::NotRoot(if self.user.is_some() { "uid" } else { "gid" }));
        }
        let step = |step| move |errno| RightsError::Step { step, errno };
        if let Some(group) = self.group {
            setgid(group).map_err(step("setgid()"))?;
            tracing::info!("setgid() to {group}");
        }
        if let Some(groups) = groups {
            setgroups(groups).map_err(step("setgroups()"))?;
        }
        if let Some((user, _)) = self.user {
            if self.group.is_none() {
                tracing::warn!("uid {user} is nobody's, so the group stays {}: name one with gid", getegid());
            }
            if !keep.is_empty() {
                caps::securebits::set_keepcaps(true)?;
            }
            setuid(user).map_err(step("setuid()"))?;
            tracing::info!("setuid() to {user}");
            if !keep.is_empty() {
                leave_only(keep)?;
                caps::securebits::set_keepcaps(false)?;
            }
            // The real test of the drop: nobody but root may become root again.
            let may_return = user.is_root() || keep.contains(&Capability::CAP_SETUID);
            if !may_return && (setuid(Uid::from_raw(0)).is_ok() || geteuid().is_root()) {
                return Err(RightsError::Reversible);
            }
        }
        // Nor shall a program with a setuid bit be a way back.
        if self.may_gain { Ok(()) } else { gain_nothing() }
    }

    /// The supplementary groups to have; `None` leaves those that are.
    fn groups(&self) -> Result<Option<Vec<Gid>>, RightsError> {
        let Some(group) = self.group else {
            // A number that is nobody's brings no group: at least none but root's first one shall stay.
            let stays = self.user.as_ref().map(|_| getegid());
            let groups: Vec<_> = stays.into_iter().chain(self.further.iter().copied()).collect();
            return Ok((!groups.is_empty()).then_some(groups));
        };
        let name = self.user.as_ref().and_then(|(_, name)| name.as_deref()).filter(|_| self.with_users_groups);
        let mut groups = match name.and_then(|name| std::ffi::CString::new(name).ok()) {
            Some(name) => {
                getgrouplist(&name, group).map_err(|errno| RightsError::Step { step: "getgrouplist()", errno })?
            }
            None => vec![group],
        };
        groups.extend_from_slice(&self.further);
        Ok(Some(groups))
    }
}

/// Makes `jail` the root directory.
fn enter(jail: &Path) -> Result<(), RightsError> {
    let entered = nix::unistd::chroot(jail).and_then(|()| nix::unistd::chdir("/"));
    entered.map_err(|errno| RightsError::Jail(jail.to_owned(), errno.into()))
}

/// Leaves exactly these capabilities, through exec as well (ambient).
fn leave_only(keep: &[Capability]) -> Result<(), RightsError> {
    let wanted: CapsHashSet = keep.iter().copied().collect();
    // Ambient ones must be permitted and inheritable: taken back before those, given after them.
    caps::clear(None, CapSet::Ambient)?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient] {
        caps::set(None, set, &wanted)?;
    }
    Ok(())
}

/// Gives up what the options say; to be called at the start of a process. Nothing is done where a parent has done it.
///
/// # Errors
/// See [`Rights::of`] and [`Rights::take`].
pub fn drop(process: &Process) -> Result<(), RightsError> {
    Rights::of(process)?.take_all()
}

/// Keeps this process, and all it starts, from gaining rights by running a program.
///
/// # Errors
/// When the kernel is too old to know this.
pub fn gain_nothing() -> Result<(), RightsError> {
    nix::sys::prctl::set_no_new_privs().map_err(|errno| RightsError::Step { step: "PR_SET_NO_NEW_PRIVS", errno })
}

/// The rights of routers: `http-uid` and `http-gid` before `uid` and `gid`.
#[must_use]
pub fn of_router(config: &Config) -> Process {
    let (router, process) = (&config.router, config.process.clone());
    match (&router.uid, &router.gid) {
        (None, None) => process,
        (None, gid) => Process { gid: gid.clone(), ..process },
        // The user brings its own group, not that of the others.
        (uid, gid) => Process { uid: uid.clone(), gid: gid.clone(), ..process },
    }
}

/// Finds out whether the master will be able to start routers with rights of their own.
///
/// # Errors
/// When a name does not exist, or the master cannot.
pub fn check_router(config: &Config) -> Result<(), RightsError> {
    let (ours, theirs) = (Rights::of(&config.process)?, Rights::of(&of_router(config))?);
    let stays_root = geteuid().is_root() && (ours.is_met() || config.process.master_as_root);
    if ours == theirs || theirs.is_met() || stays_root { Ok(()) } else { Err(RightsError::Router) }
}

struct Found {
    uid: Uid,
    gid: Option<Gid>,
    name: Option<String>,
}

/// A user by name or number; a number need not be anybody's.
fn find_user(name: &str) -> Result<Found, RightsError> {
    let known = match name.parse() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    };
    match (known.ok().flatten(), name.parse()) {
        (Some(user), _) => Ok(Found { uid: user.uid, gid: Some(user.gid), name: Some(user.name) }),
        (None, Ok(number)) => Ok(Found { uid: Uid::from_raw(number), gid: None, name: None }),
        (None, Err(_)) => Err(RightsError::Nobody("user", name.to_owned())),
    }
}

fn find_group(name: &str) -> Result<Gid, RightsError> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let group = Group::from_name(name).ok().flatten();
    group.map(|group| group.gid).ok_or_else(|| RightsError::Nobody("group", name.to_owned()))
}

fn find_capability(name: &str) -> Result<Capability, RightsError> {
    let upper = name.trim().to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    full.parse().map_err(|_| RightsError::NoCapability(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(uid: Option<&str>, gid: Option<&str>) -> Process {
        Process { uid: uid.map(Into::into), gid: gid.map(Into::into), ..Process::default() }
    }

    #[test]
    fn a_user_brings_its_group_unless_another_is_named() {
        let rights = Rights::of(&process(Some("nobody"), None)).unwrap();
        let nobody = User::from_name("nobody").unwrap().unwrap();
        assert_eq!((rights.user, rights.group), (Some((nobody.uid, Some("nobody".into()))), Some(nobody.gid)));
        let rights = Rights::of(&process(Some("nobody"), Some("0"))).unwrap();
        assert_eq!(rights.group, Some(Gid::from_raw(0)));
    }

    #[test]
    fn numbers_need_not_belong_to_anybody() {
        let rights = Rights::of(&process(Some("54321"), Some("54322"))).unwrap();
        assert_eq!((rights.user, rights.group), (Some((Uid::from_raw(54321), None)), Some(Gid::from_raw(54322))));
    }

    #[test]
    fn routers_have_rights_of_their_own() {
        let mut config = Config { process: process(Some("root"), Some("0")), ..Config::default() };
        let of = |config: &Config| {
            let rights = of_router(config);
            (rights.uid, rights.gid)
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(of(&config), (some("root"), some("0")));
        config.router.gid = some("7");
        assert_eq!(of(&config), (some("root"), some("7")));
        config.router.uid = some("nobody");
        assert_eq!(of(&config), (some("nobody"), some("7")));
        config.router.gid = None;
        assert_eq!(of(&config), (some("nobody"), None));
    }

    #[test]
    fn unknown_names_are_told() {
        let error = |process| Rights::of(&process).unwrap_err().to_string();
        assert_eq!(error(process(Some("nosuchuser"), None)), "user nosuchuser not found.");
        assert_eq!(error(process(None, Some("nosuchgroup"))), "group nosuchgroup not found.");
        let wrong = Process { cap: vec!["fly".into()], ..Process::default() };
        assert!(error(wrong).starts_with("cap: there is no capability fly"));
    }

    #[test]
    fn nothing_asked_for_is_nothing_to_do() {
        assert!(Rights::of(&Process::default()).unwrap().is_met());
        drop(&Process::default()).unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_socket_is_not_given_away() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link) = (dir.path().join("another"), dir.path().join("fifo"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let rights = Rights::of(&process(None, None)).unwrap();
        rights.own(pipe).unwrap();
        assert!(matches!(rights.own(link), Err(RightsError::Owner { errno: nix::Error::ELOOP, .. })));
    }

    #[test]
    fn capabilities_go_by_both_of_their_names() {
        assert_eq!(find_capability("net_bind_service").unwrap(), Capability::CAP_NET_BIND_SERVICE);
        assert_eq!(find_capability("CAP_CHOWN").unwrap(), Capability::CAP_CHOWN);
    }
}
