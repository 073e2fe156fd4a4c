//! Whom a tyrant may run a vassal as: the owner of its file, when nobody else could put another file in its place.
//!
//! The vassal opens its file by name, after the emperor has looked at it and again at each reload. So every folder and link on
//! the way to it has to be the owner's, root's, or the emperor's own: whoever has another one there could lead the owner's
//! process to a configuration of his.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

/// As many links as the kernel follows. Source: `path_resolution(7)`.
const MOST_LINKS: usize = 40;
const STICKY: u32 = 0o1000;
const FOR_ALL: u32 = 0o002;

/// Why a vassal's file makes nobody a vassal.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A tyrant is there to give root's rights up.
    #[error(
        "it belongs to root or to root's group, and a tyrant's vassals run as neither: give it to the vassal's user and group"
    )]
    Root,
    /// A place on the way that is somebody else's.
    #[error("{} belongs to user {}, who could put another file in its place", place.display(), owner)]
    Stranger {
        /// A folder or a link.
        place: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// A folder without an order.
    #[error("everybody may put another file in its place: {} is writable for all and has no sticky bit", .0.display())]
    Open(PathBuf),
    /// The way cannot be looked at.
    #[error("{0}")]
    Unseen(#[from] io::Error),
}

/// Finds out whether `path`, which belongs to this user and group, may be run as them. With `nofollow` a link is theirs as it is,
/// whatever is behind it.
///
/// # Errors
/// Why not.
pub fn check(path: &Path, uid: u32, gid: u32, nofollow: bool) -> Result<(), Refusal> {
    if uid == 0 || gid == 0 {
        return Err(Refusal::Root);
    }
    let trusted = [0, uid, nix::unistd::geteuid().as_raw()];
    let (mut place, mut links) = (PathBuf::from("/"), 0);
    let mut left: Vec<OsString> = parts(path);
    while let Some(part) = left.pop() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => place = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(place.pop()),
            Some(Component::Normal(name)) => {
                let next = place.join(name);
                let found = next.symlink_metadata()?;
                judge(&next, &found, &trusted)?;
                if !found.is_symlink() || (nofollow && left.is_empty()) {
                    place = next;
                    continue;
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::from(Errno::ELOOP).into());
                }
                left.append(&mut parts(&next.read_link()?));
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => {}
        }
    }
    Ok(())
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

fn judge(place: &Path, found: &Metadata, trusted: &[u32]) -> Result<(), Refusal> {
    let owner = found.uid();
    if !trusted.contains(&owner) {
        return Err(Refusal::Stranger { place: place.to_owned(), owner });
    }
    // In a folder with a sticky bit, as /tmp has one, only owners move what is there.
    if found.is_dir() && found.mode() & FOR_ALL != 0 && found.mode() & STICKY == 0 {
        return Err(Refusal::Open(place.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    use super::*;

    const ALICE: u32 = 54321;
    const BOB: u32 = 54322;

    /// A folder with those of two users in it, each with a file; nothing where the tests are not run as root.
    fn homes() -> Option<tempfile::TempDir> {
        let dir = tempfile::tempdir().unwrap();
        for (name, id) in [("alice", ALICE), ("bob", BOB)] {
            let home = dir.path().join(name);
            std::fs::create_dir(&home).unwrap();
            std::fs::write(home.join("app.ini"), "").unwrap();
            if !nix::unistd::geteuid().is_root() {
                return None;
            }
            chown(&home, Some(id), Some(id)).unwrap();
            chown(home.join("app.ini"), Some(id), Some(id)).unwrap();
        }
        Some(dir)
    }

    #[test]
    fn root_is_nobodys_vassal() {
        for (uid, gid) in [(0, 0), (0, ALICE), (ALICE, 0)] {
            assert!(matches!(check(Path::new("/"), uid, gid, false), Err(Refusal::Root)), "{uid} {gid}");
        }
    }

    #[test]
    fn every_file_may_be_its_owners() {
        let Some(dir) = homes() else { return };
        check(&dir.path().join("alice/app.ini"), ALICE, ALICE, false).unwrap();
        check(&dir.path().join("bob/../bob/./app.ini"), BOB, BOB, false).unwrap();
        // The administrator may link where he likes.
        symlink("alice/app.ini", dir.path().join("one.ini")).unwrap();
        check(&dir.path().join("one.ini"), ALICE, ALICE, false).unwrap();
    }

    #[test]
    fn nobody_links_to_what_is_anothers() {
        let Some(dir) = homes() else { return };
        let is_bobs =
            |path: &Path| matches!(check(path, ALICE, ALICE, false), Err(Refusal::Stranger { owner: BOB, .. }));
        let link = dir.path().join("link.ini");
        symlink("alice/app.ini", &link).unwrap();
        lchown(&link, Some(BOB), Some(BOB)).unwrap();
        assert!(is_bobs(&link));
        check(&link, BOB, BOB, true).unwrap();
        // A link among the folders, and one behind a link of root.
        symlink("../alice", dir.path().join("bob/site")).unwrap();
        assert!(is_bobs(&dir.path().join("bob/site/app.ini")));
        symlink("bob/site/app.ini", dir.path().join("roots.ini")).unwrap();
        assert!(is_bobs(&dir.path().join("roots.ini")));
    }

    #[test]
    fn a_folder_in_which_everybody_moves_files_is_refused() {
        let Some(dir) = homes() else { return };
        let mode = |mode| std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
        let path = dir.path().join("alice/app.ini");
        mode(0o777);
        assert!(matches!(check(&path, ALICE, ALICE, false), Err(Refusal::Open(_))));
        mode(0o1777);
        check(&path, ALICE, ALICE, false).unwrap();
    }

    #[test]
    fn links_in_a_circle_have_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        symlink("a", &path).unwrap();
        assert!(check(&path, ALICE, ALICE, false).is_err());
    }
}
