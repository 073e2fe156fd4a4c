//! What an emperor leaves to its vassals: it has no application, no workers, and no processes beside them.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::draft::Draft;

/// What is said of such an option.
pub(crate) const WHY: &str = "an emperor leaves it to its vassals";

/// What it takes for one to be of use.
const HELP: &str = "write it into the files of the vassals, or once for all of them into a file of vassals-include";

/// Options by whose effect one would notice.
const LEFT: [&str; 32] = [
    "wsgi-file",
    "module",
    "mount",
    "paste",
    "ini-paste",
    "eval",
    "import",
    "shared-import",
    "spooler-import",
    "mule",
    "mules",
    "farm",
    "spooler",
    "spooler-external",
    "touch-workers-reload",
    "touch-mules-reload",
    "touch-chain-reload",
    "py-autoreload",
    "reload-check",
    "hook-pre-app",
    "hook-post-app",
    "hook-post-fork",
    "hook-accepting",
    "hook-accepting1",
    "hook-accepting-once",
    "hook-accepting1-once",
    "hook-as-mule",
    "hook-as-gateway",
    "exec-pre-app",
    "exec-post-app",
    "control",
    "metrics",
];

/// Whether the instance is an emperor, and the option called so in the manual is none of its.
pub(crate) fn leaves(config: &Config, name: &str) -> bool {
    !config.emperor.sources.is_empty() && LEFT.contains(&name)
}

/// A warning for each of them that was given.
pub(crate) fn check(draft: &Draft) -> Vec<Diagnostic> {
    let left = LEFT.iter().filter(|name| leaves(&draft.config, name));
    let given = left.filter_map(|name| Some((name, draft.place_of(name)?)));
    let warning = |(name, origin): (&&str, _)| {
        Diagnostic::warning(format!("{name} does nothing in an emperor")).help(HELP).at_key(origin)
    };
    given.map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_an_option() {
        let names: Vec<_> = crate::options::rows().map(|opt| opt.name).collect();
        assert!(LEFT.iter().all(|name| names.contains(name)), "{LEFT:?}");
    }
}
