//! Files that are watched (`touch-reload` and its kin): one look a second, as under uWSGI, which works on every file system.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rsgi_config::Config;

use super::errand::Errand;

/// The watched files.
#[derive(Debug, Default)]
pub(super) struct Touches(Vec<Touch>);

#[derive(Debug)]
struct Touch {
    path: PathBuf,
    errand: Errand,
    /// How the file was at the last look; `None`: it was not there.
    seen: Option<Mark>,
}

/// What tells a touched file from the same file before, and a file from the one that replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino(), seconds: found.mtime(), nanoseconds: found.mtime_nsec() })
    }
}

impl Touches {
    /// The files that the options name, as they are now; what was watched before keeps what is known of it.
    pub(super) fn renew(&mut self, config: &Config) {
        let before = std::mem::take(&mut self.0);
        let reload = &config.reload;
        let all = |paths: &[PathBuf], errand: Errand| -> Vec<_> {
            paths.iter().map(|path| (config.start_dir.join(path), errand.clone())).collect()
        };
        let commands = reload.touch_exec.iter();
        let wanted = [
            all(&reload.touch, Errand::Reload),
            all(&reload.touch_workers, Errand::Reload),
            all(&reload.touch_aside, Errand::Reload),
            all(&reload.touch_chain, Errand::RollingReload),
            all(&reload.touch_logrotate, Errand::RotateLog),
            all(&reload.touch_logreopen, Errand::ReopenLog),
            commands.map(|(path, text)| (config.start_dir.join(path), Errand::Run(text.clone()))).collect(),
            reload
                .touch_signal
                .iter()
                .map(|(path, number)| (config.start_dir.join(path), Errand::Raise(*number)))
                .collect(),
            reload
                .touch_hook
                .iter()
                .map(|(path, act)| (config.start_dir.join(path), Errand::Hook(act.clone())))
                .collect(),
        ];
        self.0 = wanted
            .into_iter()
            .flatten()
            .map(|(path, errand)| {
                let known = before.iter().find(|touch| touch.path == path && touch.errand == errand);
                let seen = known.map_or_else(|| Mark::of(&path), |touch| touch.seen);
                Touch { path, errand, seen }
            })
            .collect();
    }

    /// Whether nothing is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is to be done for files that were touched since the last look, with their paths.
    pub(super) fn look(&mut self) -> Vec<(PathBuf, Errand)> {
        let mut touched = Vec::new();
        for touch in &mut self.0 {
            let now = Mark::of(&touch.path);
            // A file that is gone is no reason; when it comes back, that is one.
            if now.is_some() && now != touch.seen {
                touched.push((touch.path.clone(), touch.errand.clone()));
            }
            touch.seen = now;
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_touch_a_replacement_and_a_birth_are_seen_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("a"), "").unwrap();
        let mut config = Config::default();
        config.reload.touch = vec![path("a"), path("b")];
        config.reload.touch_exec = vec![(path("a"), "true".into())];
        let mut touches = Touches::default();
        touches.renew(&config);
        let mut look = || touches.look().into_iter().map(|(_, errand)| errand).collect::<Vec<_>>();
        assert_eq!(look(), []);
        let then = std::time::UNIX_EPOCH + Duration::from_secs(7);
        std::fs::File::open(path("a")).unwrap().set_modified(then).unwrap();
        assert_eq!(look(), [Errand::Reload, Errand::Run("true".into())]);
        assert_eq!(look(), []);
        std::fs::write(path("b"), "").unwrap();
        assert_eq!(look(), [Errand::Reload]);
        std::fs::write(path("new"), "").unwrap();
        std::fs::rename(path("new"), path("a")).unwrap();
        assert_eq!(look(), [Errand::Reload, Errand::Run("true".into())]);
        std::fs::remove_file(path("b")).unwrap();
        assert_eq!(look(), []);
    }

    #[test]
    fn a_reload_forgets_no_touch() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let mut config = Config::default();
        config.reload.touch = vec![path.clone()];
        let mut touches = Touches::default();
        touches.renew(&config);
        std::fs::write(&path, "").unwrap();
        touches.renew(&config);
        assert_eq!(touches.look().len(), 1);
    }
}
