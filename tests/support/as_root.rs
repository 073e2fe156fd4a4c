//! What tests about root and its rights have in common.

use std::os::unix::fs::PermissionsExt;

use nix::unistd::{Group, User, geteuid};

use super::{Running, Server};

/// Numbers of the user `nobody` and of the group `nogroup`.
pub(crate) fn nobody() -> (u32, u32) {
    let user = User::from_name("nobody").expect("the user database").expect("nobody");
    let group = Group::from_name("nogroup").expect("the group database").expect("nogroup");
    (user.uid.as_raw(), group.gid.as_raw())
}

/// A server whose folder and interpreter `nobody` may read.
pub(crate) fn nobodys(server: Server) -> Server {
    std::fs::set_permissions(server.dir(), std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    server.readable_interpreter()
}

/// Starts it when root does; for anybody else it ends with one line that says why, and there is nothing more to see.
#[track_caller]
pub(crate) fn start_by_root(server: Server) -> Option<Running> {
    if geteuid().is_root() {
        return Some(server.start());
    }
    let ended = server.run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    None
}

/// Every process of the server has given its rights up.
#[track_caller]
pub(crate) fn all_are(server: &Running, uid: u32, gid: u32) {
    let processes = server.processes();
    assert!(processes.len() >= 4, "master, router and two workers: {processes:?}");
    for process in processes {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("the process lives");
        for (field, wanted) in [("Uid:", uid), ("Gid:", gid)] {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
            assert!(line.split_whitespace().all(|id| id == wanted.to_string()), "{process:?}: {field}{line}");
        }
    }
}
