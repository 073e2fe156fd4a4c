//! User, groups, capabilities, root directory.

mod jail;

use std::os::unix::fs::MetadataExt;

use nix::unistd::{User, geteuid};

use crate::support::Server;

/// The interpreter of the tests may lie where only root can look: this capability lets the dropped-to user read it, and
/// shows at the same time that `cap` keeps what it names, and nothing else, through every exec and fork.
const KEPT: &str = "--cap dac_read_search";
const DAC_READ_SEARCH: u64 = 1 << 2;

pub(crate) fn status(pid: i32, field: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).expect("the field");
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_process_becomes_the_user_once_sockets_are_bound() {
    let arguments = "--http {ip}:9090 --socket {dir}/app.sock --wsgi-file {lab}/hello/foobar.py --uid nobody";
    let server = Server::new(&format!("{arguments} {KEPT}")).unix("app.sock");
    if !geteuid().is_root() {
        let ended = server.run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        assert!(ended.log.contains("cannot setuid() as non-root user"), "{}", ended.log);
        return;
    }
    let server = server.start();
    assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
    let nobody = User::from_name("nobody").expect("the user database").expect("nobody");
    let (uid, gid) = (nobody.uid.to_string(), nobody.gid.to_string());
    let processes = server.processes();
    assert!(processes.len() >= 4, "master, router, zygote and worker: {processes:?}");
    for process in processes {
        assert_eq!(status(process.pid, "Uid"), vec![uid.clone(); 4], "{process:?}");
        assert_eq!(status(process.pid, "Gid"), vec![gid.clone(); 4], "{process:?}");
        let groups = status(process.pid, "Groups");
        assert!(!groups.contains(&"0".to_owned()), "{process:?} keeps root's groups: {groups:?}");
        for set in ["CapPrm", "CapEff"] {
            let kept = u64::from_str_radix(&status(process.pid, set).concat(), 16).expect("a number");
            assert_eq!(kept, DAC_READ_SEARCH, "{set} of {process:?}");
        }
    }
    let socket = std::fs::metadata(server.dir().join("app.sock")).expect("the socket");
    assert_eq!((socket.uid(), socket.gid()), (nobody.uid.as_raw(), nobody.gid.as_raw()));
}

#[test]
fn a_user_that_does_not_exist_stops_the_start() {
    for (option, name) in [("uid", "no-such-user"), ("gid", "no-such-group")] {
        let ended =
            Server::new(&format!("--http {{ip}}:9090 --wsgi-file {{lab}}/hello/foobar.py --{option} {name}")).run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        assert!(ended.log.contains(&format!("{name} not found.")), "{}", ended.log);
        assert!(!ended.log.contains("Python version"), "nothing foreign was looked at: {}", ended.log);
    }
}

/// As in a container without a user database.
#[test]
fn a_number_that_is_nobodys_has_no_group_of_its_own() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --uid 54321 --add-gid 23456";
    for (group, gid, warned) in [("", "0", true), ("--gid 54322", "54322", false)] {
        let server = Server::new(&format!("{arguments} {group} {KEPT}"));
        if !geteuid().is_root() {
            assert_eq!(server.run().code, 1);
            continue;
        }
        let server = server.start();
        assert_eq!(server.get(3031, "/").expect(200).text(), "Hello World");
        for process in server.processes() {
            assert_eq!(status(process.pid, "Uid"), vec!["54321"; 4], "{process:?}");
            assert_eq!(status(process.pid, "Gid"), vec![gid; 4], "{process:?}");
            let mut groups = status(process.pid, "Groups");
            groups.sort();
            let mut wanted = vec![gid, "23456"];
            wanted.sort_unstable();
            assert_eq!(groups, wanted, "{process:?}");
        }
        assert_eq!(server.log.text().contains("uid 54321 is nobody's, so the group stays 0"), warned, "{group}");
    }
}

#[test]
fn root_without_a_user_is_warned() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py").start();
    let warned = server.log.text().contains("running rsgi as root");
    assert_eq!(warned, geteuid().is_root());
}

#[test]
fn no_process_can_gain_rights() {
    let server = Server::new("--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py --no-new-privs").start();
    server.get(9090, "/").expect(200);
    for process in server.processes() {
        assert_eq!(status(process.pid, "NoNewPrivs"), ["1"], "{process:?}");
    }
}

#[test]
fn routers_may_have_a_user_of_their_own() {
    let arguments = "--http {ip}:9090 --wsgi-file {lab}/hello/foobar.py --http-uid nobody --http-gid daemon";
    let server = Server::new(arguments);
    if !geteuid().is_root() {
        let ended = server.run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        assert!(ended.log.contains("http-uid, http-gid: who is not root"), "{}", ended.log);
        return;
    }
    let server = server.start();
    assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
    let nobody = User::from_name("nobody").expect("the user database").expect("nobody").uid.to_string();
    let daemon = nix::unistd::Group::from_name("daemon").expect("the group database").expect("daemon").gid.to_string();
    for process in server.processes() {
        let is_router = process.title.starts_with("rsgi http");
        let (uid, gid) = if is_router { (nobody.as_str(), daemon.as_str()) } else { ("0", "0") };
        assert_eq!(status(process.pid, "Uid"), vec![uid; 4], "{process:?}");
        assert_eq!(status(process.pid, "Gid"), vec![gid; 4], "{process:?}");
        if is_router {
            assert_eq!(status(process.pid, "CapEff"), ["0000000000000000"]);
        }
    }
    assert_eq!(server.stop().code, 0);
    let ended = Server::new(&format!("{arguments} --uid nobody --gid nogroup")).run();
    assert!(ended.code == 1 && ended.log.contains("add master-as-root"), "{}", ended.log);
}
