//! `master-fifo`.

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use crate::support::{Kind, Running, Server, eventually};

fn server(options: &str) -> Running {
    let arguments = format!("--http-socket {{ip}}:3031 --wsgi-file {{lab}}/hello/foobar.py {options}");
    let server = Server::of(Kind::Rsgi, &arguments).start();
    server.log.wait_for("worker 1 .* ready$");
    server
}

fn write(server: &Running, pipe: &str, letters: &str) {
    let path = server.dir().join(pipe);
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("a pipe")
        .write_all(letters.as_bytes())
        .expect("a reader");
}

#[test]
fn is_a_pipe_for_its_owner() {
    let server = server("--master-fifo {dir}/fifo");
    let found = std::fs::metadata(server.dir().join("fifo")).expect("a pipe");
    assert!(found.file_type().is_fifo());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
}

#[test]
fn reloads_and_tells() {
    let server = server("--master-fifo {dir}/fifo --safe-pidfile {dir}/pid");
    write(&server, "fifo", "r\n");
    server.log.wait_for("gracefully reloading: generation 1");
    server.log.wait_for("worker 1 killed successfully");
    server.get(3031, "/").expect(200);
    write(&server, "fifo", "s");
    server.log.wait_for("serving generation 1: 1 of 1 workers ready");
    let pid = server.dir().join("pid");
    std::fs::remove_file(&pid).expect("a pid file");
    write(&server, "fifo", "P");
    eventually("a pid file", || pid.exists().then_some(()));
    assert_eq!(std::fs::read_to_string(&pid).expect("a pid file").trim(), server.pid().to_string());
}

#[test]
fn stops_gracefully() {
    for letter in ["q", "Q"] {
        let server = server("--master-fifo {dir}/fifo");
        write(&server, "fifo", letter);
        let ended = server.wait();
        assert!(ended.code == 0 && ended.log.contains("goodbye"), "{}", ended.log);
    }
}

#[test]
fn another_pipe_is_chosen_by_its_number() {
    let server = server("--master-fifo {dir}/one --master-fifo {dir}/two");
    write(&server, "one", "7");
    server.log.wait_for("there is no master-fifo number 7");
    write(&server, "one", "1");
    server.log.wait_for("active master fifo is now .*/two$");
    write(&server, "two", "s");
    server.log.wait_for("serving generation 0");
}

#[test]
fn what_means_nothing_is_said() {
    let server = server("--master-fifo {dir}/fifo");
    write(&server, "fifo", "S");
    server.log.wait_for("the command S .subscriptions. means nothing here");
    write(&server, "fifo", "+");
    server.log.wait_for("the number of workers is fixed without cheaper");
}

#[test]
fn a_file_in_its_place_ends_the_start() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --master-fifo {dir}/fifo";
    let ended = Server::of(Kind::Rsgi, arguments).file("fifo", "").run();
    assert!(ended.code == 1 && ended.log.contains("master-fifo: ") && ended.log.contains("no pipe"), "{}", ended.log);
}

#[test]
fn belongs_to_the_user_that_the_master_becomes() {
    let server = server("--master-fifo {dir}/fifo --uid nobody --gid nogroup");
    let found = std::fs::metadata(server.dir().join("fifo")).expect("a pipe");
    assert_ne!(std::os::unix::fs::MetadataExt::uid(&found), 0);
    write(&server, "fifo", "s");
    server.log.wait_for("serving generation 0");
}
