//! web2py's upstream tree, which no package registry carries: welcome page and admin are in it alone.
//!
//! `WEB2PY_SRC` names one, or says `download`; without it, the lab takes gluon from PyPI, and tests of those pages are not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{command, setup};

/// The release that is downloaded.
const VERSION: &str = "3.3.3";
/// Its commit. Git checks what comes against it, and the commit names those of the packages inside.
const COMMIT: &str = "a729b848ff6b6471a2792cae8156bf087afc2456";
const SOURCE: &str = "https://github.com/web2py/web2py.git";
/// Packages inside that are repositories of their own.
const PACKAGES: [&str; 3] = ["gluon/packages/pydal", "gluon/packages/rocket3", "gluon/packages/yatl"];

/// The tree that is wanted, if one is.
///
/// # Errors
/// When it is none, or cannot be downloaded.
pub(crate) fn tree() -> Result<Option<PathBuf>> {
    let Some(named) = std::env::var_os("WEB2PY_SRC") else { return Ok(None) };
    let tree = if named == "download" { downloaded()? } else { PathBuf::from(named) };
    for file in ["gluon/main.py", "handlers/wsgihandler.py", "applications/admin/controllers/default.py"] {
        if !tree.join(file).is_file() {
            bail!("WEB2PY_SRC={}: no upstream tree of web2py, it has no {file}", tree.display());
        }
    }
    Ok(Some(tree))
}

/// What a tree says of itself.
///
/// # Errors
/// When it says nothing.
pub(crate) fn version(tree: &Path) -> Result<String> {
    let text = fs::read_to_string(tree.join("gluon/version.py")).or_else(|_| fs::read_to_string(tree.join("VERSION")));
    let text = text.with_context(|| format!("{}: neither gluon/version.py nor VERSION", tree.display()))?;
    let number = text.split(['"', ' ', '-', '\n']).find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    number.map(str::to_owned).with_context(|| format!("{}: no version in {text:?}", tree.display()))
}

fn downloaded() -> Result<PathBuf> {
    let tree = setup::place().join(format!("web2py-{VERSION}"));
    if tree.is_dir() {
        return Ok(tree);
    }
    // Under its name only when all of it is there.
    let part = setup::place().join(format!("web2py-{}.part", std::process::id()));
    let done = fetch(&part).and_then(|()| fs::rename(&part, &tree).context("the tree is there already"));
    let _ = fs::remove_dir_all(&part);
    done.context(
        "web2py's upstream tree cannot be downloaded; name one by WEB2PY_SRC, or leave that unset for gluon from PyPI",
    )?;
    Ok(tree)
}

fn fetch(into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    let git = |words: &[&str]| command::run(Command::new("git").arg("-C").arg(into).args(words));
    git(&["init", "--quiet"])?;
    git(&["fetch", "--quiet", "--depth=1", SOURCE, COMMIT])?;
    git(&["checkout", "--quiet", COMMIT])?;
    git(&[&["submodule", "--quiet", "update", "--init", "--depth=1", "--"][..], &PACKAGES].concat())?;
    PACKAGES.iter().try_for_each(|package| fs::remove_file(into.join(package).join(".git")))?;
    fs::remove_dir_all(into.join(".git"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_says_which_version_it_is() -> Result<()> {
        let tree = std::env::temp_dir().join(format!("rsgi-web2py-{}", std::process::id()));
        fs::create_dir_all(tree.join("gluon"))?;
        assert!(version(&tree).is_err());
        fs::write(tree.join("VERSION"), "Version 2.27.1-stable+timestamp.2023.11.15.23.33.20\n")?;
        let older = version(&tree)?;
        fs::write(tree.join("gluon/version.py"), "VERSION = \"3.3.3-stable+timestamp.2026.04.28.08.03.04\"\n")?;
        let newer = version(&tree)?;
        fs::remove_dir_all(&tree)?;
        assert_eq!((older.as_str(), newer.as_str()), ("2.27.1", "3.3.3"));
        Ok(())
    }
}
