//! `fs-reload`: files and directories whose changes the kernel tells of (inotify(7)).
//!
//! A file is watched through its directory, so that one which an editor or a deployment replaces stays watched.

use std::ffi::OsString;
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
    .union(AddWatchFlags::IN_MOVE);

/// What is watched.
#[derive(Debug)]
pub(super) struct FsWatch {
    paths: Vec<PathBuf>,
    watches: Vec<Watch>,
    inotify: Inotify,
    /// The same queue, to wait for.
    bell: AsyncFd<OwnedFd>,
}

#[derive(Debug)]
struct Watch {
    directory: WatchDescriptor,
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
    /// What the configuration wants watched; `before` goes on when that is the same.
    pub(super) fn renew(before: Option<Self>, config: &Config) -> Option<Self> {
        let paths: Vec<_> = config.reload.watched.iter().map(|path| config.start_dir.join(path)).collect();
        if before.as_ref().is_some_and(|before| before.paths == paths) || paths.is_empty() {
            return before.filter(|_| !paths.is_empty());
        }
        Self::new(paths).inspect_err(|error| warn!("fs-reload: nothing is watched: {error}")).ok()
    }

    fn new(paths: Vec<PathBuf>) -> io::Result<Self> {
        let mut this = Self::nothing()?;
        paths.iter().for_each(|path| this.add("fs-reload", path));
        Ok(Self { paths, ..this })
    }

    /// Watches nothing yet.
    ///
    /// # Errors
    /// When descriptors are short.
    pub(super) fn nothing() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let bell = rsgi_sys::reactor::register(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Self { paths: Vec::new(), watches: Vec::new(), inotify, bell })
    }

    /// Watches a path as well; one that cannot be watched is told of in the log, by `option`.
    pub(super) fn add(&mut self, option: &str, path: &Path) {
        match watch(&self.inotify, path) {
            Ok(watch) => self.watches.push(watch),
            Err(error) => warn!("{option}: {}: {error}", path.display()),
        }
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
            let meant = |watch: &&Watch| events.iter().any(|event| watch.is_meant(event));
            let mut paths: Vec<_> = self.watches.iter().filter(meant).map(|watch| watch.path.clone()).collect();
            paths.dedup();
            if !paths.is_empty() {
                return paths;
            }
        }
    }
}

impl Watch {
    /// Whether an event is about this path.
    fn is_meant(&self, event: &InotifyEvent) -> bool {
        // A new directory is complete at once.
        let is_early = event.mask.contains(AddWatchFlags::IN_CREATE) && !event.mask.contains(AddWatchFlags::IN_ISDIR);
        !is_early && self.directory == event.wd && (self.name.is_none() || self.name == event.name)
    }
}

fn watch(inotify: &Inotify, path: &Path) -> io::Result<Watch> {
    let is_directory = std::fs::metadata(path)?.is_dir();
    let name = if is_directory { None } else { path.file_name().map(ToOwned::to_owned) };
    let directory = if is_directory { path } else { path.parent().unwrap_or(path) };
    let directory = inotify.add_watch(directory, CHANGES)?;
    Ok(Watch { directory, name, path: path.to_owned() })
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
}
