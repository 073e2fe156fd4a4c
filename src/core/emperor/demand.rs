//! Vassals on demand: which socket the emperor keeps for each, and who knocks there.
//!
//! The emperor binds the socket and only waits; the vassal gets it as its standard input and accepts. It stays bound while the
//! vassal sleeps, so no connection is refused and none is lost.
//!
//! Source: uWSGI 2.0, "The Emperor: on-demand vassals".

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::unistd::{Gid, Uid};
use rsgi_config::{Address, Config};
use rsgi_sys::entry::Entry;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::court::{Event, Stamp};
use crate::logging::chain;
use crate::master::sockets::{Bound, Sockets};

/// The sockets of vassals on demand.
#[derive(Debug, Default)]
pub struct Doors {
    open: BTreeMap<PathBuf, Door>,
    /// What `emperor-on-demand-exec` has said; `None` while it runs.
    answers: Rc<RefCell<BTreeMap<PathBuf, Option<String>>>>,
}

#[derive(Debug)]
struct Door {
    text: String,
    /// User and group that it was made for.
    owner: (u32, u32),
    bound: Bound,
    watch: Option<JoinHandle<()>>,
}

impl Doors {
    /// The address of the socket of the vassal `path`; `None` when it does not start on demand.
    #[must_use]
    pub fn address(&self, config: &Config, path: &Path) -> Option<String> {
        let emperor = &config.emperor;
        if let Some(ending) = &emperor.on_demand_extension {
            let mut file = path.as_os_str().to_owned();
            file.push(ending);
            let text = match std::fs::read_to_string(PathBuf::from(file)) {
                Ok(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                // It could not be read this time: what it said holds.
                Err(_) => self.open.get(path)?.text.clone(),
            };
            return Some(text).filter(|text| !text.is_empty());
        }
        if let Some(directory) = &emperor.on_demand_directory {
            let name = path.file_stem()?.to_str()?;
            return Some(config.start_dir.join(directory).join(format!("{name}.socket")).display().to_string());
        }
        self.answers.borrow().get(path)?.clone().filter(|text| !text.is_empty())
    }

    /// Asks `emperor-on-demand-exec` about vassals that are new. Returns those that it has not answered about yet: nothing is
    /// known about them.
    pub fn ask(&self, config: &Config, paths: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let Some(command) = &config.emperor.on_demand_exec else { return BTreeSet::new() };
        let mut answers = self.answers.borrow_mut();
        answers.retain(|path, _| paths.contains(path));
        let mut unknown = BTreeSet::new();
        for path in paths {
            match answers.get(path) {
                Some(Some(_)) => continue,
                Some(None) => {}
                None => {
                    answers.insert(path.clone(), None);
                    tokio::task::spawn_local(answer(command.clone(), path.clone(), Rc::clone(&self.answers)));
                }
            }
            unknown.insert(path.clone());
        }
        unknown
    }

    /// Waits at the socket of the vassal `path` until somebody knocks. Binds it if it is not bound.
    pub fn watch(&mut self, config: &Config, path: &Path, stamp: Stamp, sender: &UnboundedSender<Event>) {
        match self.door(config, path, stamp) {
            Ok(fd) => {
                info!(
                    "[emperor] vassal {} is on demand: waiting for connections on {}",
                    path.display(),
                    self.name(path).unwrap_or_default()
                );
                let task = tokio::task::spawn_local(wait(fd, path.to_owned(), sender.clone()));
                if let Some(before) = self.open.get_mut(path).and_then(|door| door.watch.replace(task)) {
                    before.abort();
                }
            }
            Err(why) => {
                warn!("[emperor] the socket of vassal {}: {why}", path.display());
                let _ = sender.send(Event::NoDoor(path.to_owned()));
            }
        }
    }

    fn door(&mut self, config: &Config, path: &Path, stamp: Stamp) -> Result<OwnedFd, String> {
        let text = self.address(config, path).ok_or("it has none any more")?;
        let owner = if config.emperor.tyrant { (stamp.uid, stamp.gid) } else { (0, 0) };
        if self.open.get(path).is_none_or(|door| (&door.text, door.owner) != (&text, owner)) {
            self.close(path);
            let address: Address = text.parse().map_err(|error| format!("{text:?} is no address: {error}"))?;
            let bound = bind(config, path, &address, stamp)?;
            self.open.insert(path.to_owned(), Door { text, owner, bound, watch: None });
        }
        self.socket(path).ok_or_else(|| "no descriptor is left".into())
    }

    /// The socket of the vassal `path`, for its process.
    #[must_use]
    pub fn socket(&self, path: &Path) -> Option<OwnedFd> {
        self.open.get(path)?.bound.fd.try_clone().ok()
    }

    /// Where the vassal `path` is waited for.
    #[must_use]
    pub fn name(&self, path: &Path) -> Option<&str> {
        Some(self.open.get(path)?.bound.name.as_str())
    }

    /// Closes the sockets of all vassals but these.
    pub fn keep(&mut self, paths: &BTreeSet<PathBuf>) {
        let gone: Vec<_> = self.open.keys().filter(|path| !paths.contains(*path)).cloned().collect();
        gone.iter().for_each(|path| self.close(path));
    }

    fn close(&mut self, path: &Path) {
        if let Some(door) = self.open.remove(path) {
            door.watch.inspect(JoinHandle::abort);
            // Nobody but the emperor knows that this file is not needed any more.
            door.bound.file.inspect(crate::master::vacuum::Litter::remove);
        }
    }
}

/// Binds as a vassal's master would, in the vassal's directory. The file of a unix socket is for everybody unless
/// `chmod-socket` says otherwise, as under uWSGI, and belongs to a tyrant's subject.
fn bind(config: &Config, path: &Path, address: &Address, stamp: Stamp) -> Result<Bound, String> {
    let mut process = config.process.clone();
    process.chmod_socket.get_or_insert(0o666);
    let start_dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    let wanted = Config {
        start_dir,
        shared_sockets: vec![address.clone()],
        limits: config.limits.clone(),
        process,
        ..Config::default()
    };
    let sockets = Sockets::bind(&wanted, []).map_err(|error| chain(&error))?;
    let bound = sockets.all().next().cloned().ok_or("nothing was bound")?;
    if let Some(file) = bound.file.as_ref().filter(|_| config.emperor.tyrant) {
        let (user, group) = (Uid::from_raw(stamp.uid), Gid::from_raw(stamp.gid));
        let given = Entry::at(file.path()).and_then(|entry| entry.give(Some(user), Some(group)));
        given.map_err(|errno| errno.to_string())?;
    }
    Ok(bound)
}

async fn wait(socket: OwnedFd, path: PathBuf, sender: UnboundedSender<Event>) {
    let waited = match rsgi_sys::reactor::register(socket) {
        Ok(socket) => socket.readable().await.map(drop),
        Err(error) => Err(error),
    };
    let event = if waited.is_ok() { Event::Knock(path) } else { Event::NoDoor(path) };
    let _ = sender.send(event);
}

/// Runs the command with the vassal's file as its argument. One that fails leaves an ordinary vassal.
async fn answer(command: String, path: PathBuf, answers: Rc<RefCell<BTreeMap<PathBuf, Option<String>>>>) {
    let mut shell = tokio::process::Command::new("/bin/sh");
    shell.args(["-c", &format!("{command} \"$0\"")]).arg(&path).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let text = match shell.stderr(std::process::Stdio::inherit()).output().await {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => {
            warn!("[emperor] emperor-on-demand-exec for {} ended with {}", path.display(), output.status);
            String::new()
        }
        Err(error) => {
            warn!("[emperor] emperor-on-demand-exec cannot be run: {error}");
            String::new()
        }
    };
    answers.borrow_mut().insert(path, Some(text));
}
