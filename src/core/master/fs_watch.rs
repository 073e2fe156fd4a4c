//! `fs-reload`: files and directories whose changes the kernel tells of (inotify(7)).
//!
//! A file is watched through its directory, so that one which an editor or a deployment replaces stays watched.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use rsgi_config::Config;
use tokio::io::unix::AsyncFd;
use tracing::{info, warn};

/// A file is complete when it is closed; a new one is of interest then, and not before.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE)
    .union(ENDS);

/// The directory that is watched has another name now, or none.
const ENDS: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF.union(AddWatchFlags::IN_MOVE_SELF);

/// What is watched.
#[derive(Debug)]
pub(super) struct FsWatch {
    /// The option that wants it.
    option: &'static str,
    paths: Vec<PathBuf>,
    watches: RefCell<Vec<Watch>>,
    inotify: Inotify,
    /// The same queue, to wait for.
    bell: AsyncFd<OwnedFd>,
}

/// Something whose change is one of a path's.
#[derive(Debug)]
struct Watch {
    directory: WatchDescriptor,
    place: PathBuf,
    /// `None`: everything in the directory.
    name: Option<OsString>,
    path: PathBuf,
}

/// The next path that has changed; never, when nothing is watched.
pub(super) async fn next(watch: Option<&FsWatch>) -> PathBuf {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

impl FsWatch {
    /// What the configuration wants watched. `before` goes on, so that nothing is missed, and looks anew what is behind the
    /// names.
    pub(super) fn renew(before: Option<Self>, config: &Config) -> Option<Self> {
        let paths: Vec<_> = config.reload.watched.iter().map(|path| config.start_dir.join(path)).collect();
        if paths.is_empty() {
            return None;
        }
        let watch = before.map_or_else(|| Self::nothing("fs-reload"), Ok);
        let mut watch = watch.inspect_err(|error| warn!("fs-reload: nothing is watched: {error}")).ok()?;
        let known = std::mem::replace(&mut watch.paths, paths);
        watch.paths.iter().filter(|path| !known.contains(path)).for_each(|path| watch.complain(path));
        watch.look();
        Some(watch)
    }

    /// Watches nothing yet.
    ///
    /// # Errors
    /// When descriptors are short.
    pub(super) fn nothing(option: &'static str) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let bell = rsgi_sys::reactor::register(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Self { option, paths: Vec::new(), watches: RefCell::default(), inotify, bell })
    }

    /// Watches a path as well; one that is not there is told of in the log.
    pub(super) fn add(&mut self, path: &Path) {
        self.complain(path);
        if !self.paths.iter().any(|known| known == path) {
            self.paths.push(path.to_owned());
        }
        self.look();
    }

    fn complain(&self, path: &Path) {
        if let Err(error) = std::fs::metadata(path) {
            warn!("{}: {}: {error}; it is waited for", self.option, path.display());
        }
    }

    /// Watches what is behind the names now, and nothing that was there before.
    fn look(&self) {
        let mut fresh = Vec::new();
        for path in &self.paths {
            match watch(&self.inotify, path) {
                Ok(watches) => fresh.extend(watches),
                Err(error) => warn!("{}: {} cannot be watched: {error}", self.option, path.display()),
            }
        }
        let mut before: Vec<_> = self.watches.borrow().iter().map(|watch| watch.directory).collect();
        before.dedup();
        for directory in before.into_iter().filter(|&old| !fresh.iter().any(|watch| watch.directory == old)) {
            // It is gone already when the directory is.
            let _ = self.inotify.rm_watch(directory);
        }
        self.watches.replace(fresh);
    }

    async fn next(&self) -> PathBuf {
        let path = self.changed().await.into_iter().next();
        let Some(path) = path else { return std::future::pending().await };
        info!("*** {} has changed ***", path.display());
        path
    }

    /// The next paths that have changed, each once.
    pub(super) async fn changed(&self) -> Vec<PathBuf> {
        loop {
            let Ok(mut ready) = self.bell.readable().await else { return std::future::pending().await };
            let Ok(Ok(events)) = ready.try_io(|_| Ok(self.inotify.read_events()?)) else { continue };
            let has = |flag| events.iter().any(|event| event.mask.contains(flag));
            let mut paths: Vec<_> = if has(AddWatchFlags::IN_Q_OVERFLOW) {
                // Nobody knows what.
                self.paths.clone()
            } else {
                let meant = |watch: &&Watch| events.iter().any(|event| watch.is_meant(event));
                self.watches.borrow().iter().filter(meant).map(|watch| watch.path.clone()).collect()
            };
            paths.dedup();
            if !paths.is_empty() || has(AddWatchFlags::IN_IGNORED) {
                self.look();
            }
            if !paths.is_empty() {
                return paths;
            }
        }
    }
}

impl Watch {
    /// Whether an event is about this path.
    fn is_meant(&self, event: &InotifyEvent) -> bool {
        if self.directory != event.wd || event.mask.contains(AddWatchFlags::IN_IGNORED) {
            return false;
        }
        if event.mask.intersects(ENDS) {
            return true;
        }
        // A new directory is complete at once, and so is a link.
        let is_link = || event.name.as_ref().is_some_and(|name| self.place.join(name).is_symlink());
        let is_early = event.mask.contains(AddWatchFlags::IN_CREATE)
            && !event.mask.contains(AddWatchFlags::IN_ISDIR)
            && !is_link();
        !is_early && (self.name.is_none() || self.name == event.name)
    }
}

/// Watches everything whose change changes `path`: its entry, what is in it, and each link on the way to it. What is not there
/// yet comes into the nearest directory that is.
fn watch(inotify: &Inotify, path: &Path) -> io::Result<Vec<Watch>> {
    let mut watches = Vec::new();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    let mut put = |place: &Path, name: Option<&OsStr>| match inotify.add_watch(place, CHANGES) {
        Ok(directory) => {
            let (place, name) = (place.to_owned(), name.map(ToOwned::to_owned));
            watches.push(Watch { directory, place, name, path: path.to_owned() });
        }
        Err(errno) => failed = errno.into(),
    };
    if path.is_dir() {
        put(path, None);
    }
    for entry in path.ancestors() {
        let (Some(place), Some(name)) = (entry.parent(), entry.file_name()) else { continue };
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        if place.is_dir() && (entry == path || entry.is_symlink() || !entry.exists()) {
            put(place, Some(name));
        }
    }
    // Whoever may look at a file need not be able to look at everything above it.
    if watches.is_empty() { Err(failed) } else { Ok(watches) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_stays_watched_and_its_neighbours_are_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("all")).unwrap();
        std::fs::write(path("one"), "").unwrap();
        runtime.block_on(async {
            let mut config = Config::default();
            config.reload.watched = vec![path("one"), path("all"), path("missing")];
            let watch = FsWatch::renew(None, &config).unwrap();
            for _ in 0..2 {
                std::fs::write(path("neighbour"), "").unwrap();
                std::fs::write(path("new"), "").unwrap();
                std::fs::rename(path("new"), path("one")).unwrap();
                assert_eq!(watch.next().await, path("one"));
            }
            std::fs::write(path("all/new"), "").unwrap();
            assert_eq!(watch.next().await, path("all"));
            let watch = FsWatch::renew(Some(watch), &config).unwrap();
            assert!(FsWatch::renew(Some(watch), &Config::default()).is_none());
        });
    }

    /// Runs a test on a watch of `names` in a directory.
    fn watching(names: &[&str], prepare: impl Fn(&Path), test: impl AsyncFnOnce(FsWatch, Config, &Path)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        runtime.block_on(async {
            let mut config = Config::default();
            config.reload.watched = names.iter().map(|name| directory.path().join(name)).collect();
            let watch = FsWatch::renew(None, &config).unwrap();
            test(watch, config, directory.path()).await;
        });
    }

    #[test]
    fn what_is_not_there_yet_is_waited_for() {
        watching(
            &["later/app.py"],
            |_| (),
            async |watch, config, directory| {
                let path = directory.join("later/app.py");
                std::fs::create_dir(directory.join("later")).unwrap();
                assert_eq!(watch.next().await, path, "something is on its way");
                let watch = FsWatch::renew(Some(watch), &config).unwrap();
                std::fs::write(directory.join("neighbour"), "").unwrap();
                for text in ["one", "two"] {
                    std::fs::write(&path, text).unwrap();
                    assert_eq!(watch.next().await, path);
                }
            },
        );
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_followed() {
        let prepare = |directory: &Path| {
            for release in ["one", "two"] {
                std::fs::create_dir(directory.join(release)).unwrap();
                std::fs::write(directory.join(release).join("app.py"), "").unwrap();
            }
            std::os::unix::fs::symlink("one", directory.join("current")).unwrap();
        };
        for name in ["current/app.py", "current"] {
            watching(&[name], prepare, async |watch, config, directory| {
                std::os::unix::fs::symlink("two", directory.join("next")).unwrap();
                std::fs::rename(directory.join("next"), directory.join("current")).unwrap();
                assert_eq!(watch.next().await, directory.join(name));
                let watch = FsWatch::renew(Some(watch), &config).unwrap();
                std::fs::write(directory.join("one/app.py"), "old").unwrap();
                std::fs::write(directory.join("two/app.py"), "new").unwrap();
                assert_eq!(watch.next().await, directory.join(name));
                std::fs::remove_file(directory.join("current")).unwrap();
                assert_eq!(watch.next().await, directory.join(name));
                std::os::unix::fs::symlink("one", directory.join("current")).unwrap();
                assert_eq!(watch.next().await, directory.join(name));
            });
        }
    }

    #[test]
    fn a_directory_that_is_made_anew_is_watched_on() {
        let fill = |directory: &Path| {
            std::fs::create_dir(directory.join("all")).unwrap();
            std::fs::write(directory.join("all/app.py"), "").unwrap();
        };
        for name in ["all", "all/app.py"] {
            watching(&[name], fill, async |watch, _, directory| {
                std::fs::remove_dir_all(directory.join("all")).unwrap();
                assert_eq!(watch.next().await, directory.join(name));
                fill(directory);
                assert_eq!(watch.next().await, directory.join(name));
                // Whatever has happened, the last word is heard.
                std::fs::write(directory.join("all/app.py"), "new").unwrap();
                assert_eq!(watch.next().await, directory.join(name));
            });
        }
    }

    #[test]
    fn a_queue_that_has_run_over_is_a_change_of_everything() {
        watching(
            &["one", "other"],
            |directory| std::fs::create_dir(directory.join("one")).unwrap(),
            async |watch, _, directory| {
                let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
                let most: usize = most.trim().parse().unwrap();
                let (here, there) = (directory.join("one/a"), directory.join("one/b"));
                std::fs::write(&here, "").unwrap();
                // Two events each.
                for _ in 0..=most / 4 {
                    std::fs::rename(&here, &there).unwrap();
                    std::fs::rename(&there, &here).unwrap();
                }
                let both = [directory.join("one"), directory.join("other")];
                while watch.changed().await != both {}
            },
        );
    }
}
