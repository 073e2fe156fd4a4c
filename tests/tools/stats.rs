//! `rsgi stats`: every way to an instance.

use std::os::unix::process::CommandExt;

use serde_json::Value;

use super::{printed, refused, shop};
use crate::support::as_root::nobody;
use crate::support::{Kind, Server, eventually};

#[test]
fn an_instance_is_found_by_its_file_and_its_pid() {
    let server = shop();
    let (file, pid) = (server.dir().join("app.ini"), server.pid().to_string());
    let file = file.to_str().expect("a path");
    let pid_file = server.dir().join("pid");
    std::fs::write(&pid_file, format!("{pid}\n")).expect("a file");
    let pid_file = pid_file.to_str().expect("a path");
    for words in [&["stats", file][..], &["stats", pid_file], &["stats", "--pid", &pid], &["stats", "--pid", pid_file]]
    {
        let text = printed(words);
        assert!(text.contains(&format!("(pid {pid}, rsgi ")), "{text}");
        assert!(text.contains("2 of 2 workers ready"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("  idle  ")).count(), 2, "{text}");
    }
    server.get(3031, "/").expect(200);
    let json = |words: &[&str]| -> Value { serde_json::from_str(&printed(words)).expect("JSON") };
    eventually("the request is counted", || {
        let document = json(&["stats", "--json", file]);
        let requests: u64 =
            document["workers"].as_array()?.iter().filter_map(|worker| worker["requests"].as_u64()).sum();
        (requests == 1 && document["mood"] == "serving").then_some(())
    });
}

#[test]
fn a_running_request_is_told_with_its_line() {
    let server = shop();
    let pid = server.pid().to_string();
    let mut client = server.connect(3031);
    client.send("GET /stuck?2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let line = eventually("the line of Python", || {
        let text = printed(&["stats", "--pid", &pid]);
        text.lines().find(|line| line.ends_with("slow.py:22 answer_stuck")).map(str::to_owned)
    });
    assert!(line.contains(" app "), "{line}");
    client.response().expect(200);
}

#[test]
fn the_stats_server_of_either_server_is_read() {
    for kind in Kind::each() {
        let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --master --stats {ip}:9191";
        let server = Server::of(kind, arguments).start();
        server.workers(1);
        let address = server.address(9191).to_string();
        let text = printed(&["stats", &address]);
        let known = if kind == Kind::Rsgi { "1 of 1 workers ready" } else { "stats of version 2." };
        assert!(text.starts_with(&format!("{address} (pid {}, ", server.pid())) && text.contains(known), "{text}");
        let document: Value = serde_json::from_str(&printed(&["stats", &address, "--json"])).expect("JSON");
        assert_eq!(document["workers"][0]["id"], 1);
    }
}

#[test]
fn who_is_not_there_is_named() {
    assert_eq!(refused(&["stats", "--pid", "1"]), "error: no instance of rsgi listens to process 1's control socket\n");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("shop.ini");
    std::fs::write(&file, "[uwsgi]\nhttp-socket = 127.0.0.1:1\n").expect("a file");
    let file = file.to_str().expect("a path");
    assert_eq!(refused(&["stats", file]), format!("error: {file}: no instance runs with this file\n"));
    assert!(refused(&["stats", "127.0.0.1:1"]).starts_with("error: 127.0.0.1:1: no stats can be read there"));
    assert_eq!(refused(&["top", "--pid", "1"]), "error: rsgi top wants a terminal; rsgi stats prints once\n");
}

#[test]
fn several_instances_are_listed() {
    let (one, two) = (shop(), shop());
    let said = refused(&["stats"]);
    assert!(said.starts_with("error: several instances run; name one by its file, or by --pid:\n"), "{said}");
    for server in [&one, &two] {
        let file = server.dir().join("app.ini");
        let line = format!("  --pid {}  {}  (serving generation 0: ", server.pid(), file.display());
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn other_users_are_turned_away() {
    let server = shop();
    let pid = server.pid().to_string();
    if !nix::unistd::geteuid().is_root() {
        // Nobody but root can run a program as somebody else; the user itself may ask.
        assert!(printed(&["stats", "--pid", &pid]).contains("workers ready"));
        return;
    }
    let (uid, gid) = nobody();
    // A copy, since the program may lie where only root can go.
    let program = server.dir().join("rsgi");
    std::fs::copy(env!("CARGO_BIN_EXE_rsgi"), &program).expect("a copy");
    let line = format!(
        "exec setpriv --reuid={uid} --regid={gid} --clear-groups /proc/self/fd/3 stats --pid {pid} 3<{}",
        program.display()
    );
    let output = std::process::Command::new("sh").args(["-c", &line]).process_group(0).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, format!("error: user {uid} may not control this instance: root and the user it runs as may\n"));
}
