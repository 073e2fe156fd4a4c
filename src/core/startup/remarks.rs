//! Warnings about what can be run as configured, and is hardly meant so.

use std::path::Path;

use rsgi_config::Config;
use tracing::warn;

use crate::statics;

/// Says what looks like a mistake.
pub(super) fn remark(config: &Config) {
    let listens = !config.sockets.is_empty() || !config.router.binds.is_empty();
    if config.workers.processes == 0 && listens {
        warn!("processes = 0: there are no workers, and nobody will be answered");
    }
    // With another root directory they lie elsewhere.
    if config.process.chroot.is_none() {
        missing_directories(config).for_each(|line| warn!("{line}"));
    }
}

fn missing_directories(config: &Config) -> impl Iterator<Item = String> {
    let base = statics::base(config);
    let statics = &config.statics;
    let mapped = |option: &'static str, maps: &[(String, std::path::PathBuf)]| -> Vec<_> {
        maps.iter().map(|(_, directory)| (option, directory.clone())).collect()
    };
    let checked = statics.check.iter().map(|directory| ("check-static", directory.clone()));
    let all = mapped("static-map", &statics.map).into_iter().chain(mapped("static-map2", &statics.map2)).chain(checked);
    all.filter_map(move |(option, directory)| {
        let path = base.join(&directory);
        is_missing(&path).then(|| format!("{option}: {} is not there, so nothing is served from it", path.display()))
    })
}

fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_are_not_there_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { start_dir: dir.path().into(), ..Config::default() };
        config.statics.map = vec![("/a".into(), "here".into()), ("/b".into(), "nowhere".into())];
        config.statics.check = vec!["/".into(), "gone".into()];
        std::fs::create_dir(dir.path().join("here")).unwrap();
        let lines: Vec<_> = missing_directories(&config).collect();
        let place = dir.path().display();
        assert_eq!(
            lines,
            [
                format!("static-map: {place}/nowhere is not there, so nothing is served from it"),
                format!("check-static: {place}/gone is not there, so nothing is served from it"),
            ]
        );
    }
}
