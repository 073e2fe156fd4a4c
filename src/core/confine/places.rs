//! Which directories a configuration needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rsgi_config::Config;

use crate::statics;

/// What every program of a system reads.
pub(super) const SYSTEM: [&str; 14] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/nix/store",
    "/run/current-system",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/nscd",
    "/proc",
    "/sys",
];

/// Devices that hold nothing of anybody's.
pub(super) const DEVICES: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx"];

/// What the C library reads for local time.
pub(super) const TIME_ZONES: [&str; 2] = ["/etc/localtime", "/usr/share/zoneinfo"];

/// Where an application that lists nothing may write: shared memory (locks of `multiprocessing`) and temporary files.
pub(super) fn scratch() -> Vec<PathBuf> {
    let folders = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    folders.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// Where static files are, and links may lead.
pub(super) fn of_statics(config: &Config) -> impl Iterator<Item = PathBuf> {
    let (given, base) = (&config.statics, statics::base(config));
    let mapped = [&given.map, &given.map2, &given.x_accel_redirect].into_iter().flatten().map(|(_, place)| place);
    let plain = [&given.check, &given.safe, &given.x_sendfile].into_iter().flatten();
    let ways: BTreeSet<PathBuf> = mapped.chain(plain).flat_map(|place| way(&base.join(place))).collect();
    ways.into_iter()
}

/// Folders of the files that this process opens anew when logs are rotated.
pub(super) fn of_logs(config: &Config) -> Vec<PathBuf> {
    let log = &config.log;
    let outside = [&log.daemonize, &log.to].into_iter().flatten().map(|path| config.start_dir.join(path));
    let inside = [&log.daemonize2, &log.to2].into_iter().flatten().map(|path| config.inside(path));
    outside.chain(inside).filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

/// Where tasks are put.
pub(super) fn of_spools(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.aside.spoolers.iter().map(|spooler| config.start_dir.join(&spooler.directory))
}

/// What has to be readable so that `path` can be followed today and after a deployment: the folder that holds it, since it may be replaced by
/// a new one of its name, and the folder that holds each link on the way with what the link leads to, since links are set anew.
fn way(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = path.canonicalize().into_iter().chain([path.to_owned()]).collect();
    folders.extend(path.parent().map(Path::to_owned));
    let links = path.ancestors().filter(|step| step.is_symlink());
    folders.extend(links.filter_map(|link| link.parent().map(Path::to_owned)));
    // The root stands for everything; who serves `/srv` has that, and nothing beside it.
    folders.retain(|folder| folder.parent().is_some() || folder == path);
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deployment_replaces_stays_in_reach() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("releases/1/static")).unwrap();
        std::os::unix::fs::symlink("releases/1", root.join("current")).unwrap();
        let ways = way(&root.join("current/static"));
        let expected = ["releases/1/static", "current/static", "current", ""].map(|below| root.join(below));
        assert_eq!(ways, expected);
        // Not there yet.
        assert_eq!(way(&root.join("media")), [root.join("media"), root.clone()]);
    }

    #[test]
    fn the_root_is_never_meant_by_the_way() {
        assert_eq!(way(Path::new("/nowhere")), [PathBuf::from("/nowhere")]);
        assert_eq!(way(Path::new("/")), [PathBuf::from("/"), PathBuf::from("/")]);
    }
}
