//! Vassals on demand: started by the first connection, asleep again when idle.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Client, Kind, Running, Server, eventually};

const GET: &str = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn emperor(options: &str) -> Server {
    Server::new(&format!("--emperor {{dir}}/vassals --emperor-freq 1 --emperor-throttle 200 {options}"))
}

/// A vassal that has no socket of its own.
fn vassal(more: &str) -> String {
    format!("[uwsgi]\nprotocol = http\nwsgi-file = {{apps}}/probe.py\n{more}\n")
}

fn processes(server: &Running) -> usize {
    server.processes().len()
}

#[test]
fn a_vassal_starts_at_the_first_connection_and_sleeps_when_idle() {
    let server = emperor("--emperor-on-demand-directory {dir}/sockets")
        .file("vassals/shop.ini", &vassal("idle = 1\ndie-on-idle = true"))
        .file("sockets/README", "")
        .spawn();
    server.log.wait_for("shop.ini is on demand: waiting for connections");
    let socket = server.dir().join("sockets/shop.socket");
    assert_eq!(std::fs::metadata(&socket).expect("the socket").permissions().mode() & 0o777, 0o666);
    assert_eq!(processes(&server), 1, "nothing runs before somebody asks");
    for _ in 0..2 {
        let seen = server.log.len();
        Client::unix(&socket).send(GET).response().expect(200);
        server.log.wait_from(seen, "workers have been inactive for more than 1 seconds");
        server.log.wait_from(seen, "shop.ini sleeps until it is asked");
        eventually("the vassal's processes are gone", || (processes(&server) == 1).then_some(()));
    }
    let ended = server.stop();
    assert_eq!(ended.code, 0, "{}", ended.log);
    assert!(!ended.dir.path().join("sockets/shop.socket").exists(), "the emperor made it and removes it");
}

#[test]
fn the_socket_may_be_named_in_a_file_and_in_the_vassal_itself() {
    let server = emperor("--emperor-on-demand-extension .socket")
        .file("vassals/named.ini", &vassal("").replace("protocol = http", "http-socket = {ip}:3001"))
        .file("vassals/named.ini.socket", "{ip}:3001\n")
        .file("vassals/other.ini", &super::vassal(3002, ""))
        .spawn();
    server.log.wait_for("named.ini is on demand");
    super::wait_until_served(&server, 3002);
    assert!(!server.log.text().contains("named.ini has been spawned"), "{}", server.log.text());
    for _ in 0..2 {
        server.get(3001, "/hello").expect(200);
    }
    assert_eq!(server.log.matching("named.ini has been spawned").len(), 1);
    std::fs::remove_file(server.dir().join("vassals/named.ini")).expect("the file goes");
    super::wait_until_gone(&server, 3001);
}

#[test]
fn a_command_may_name_the_socket() {
    let server = emperor("")
        .arg("--emperor-on-demand-exec")
        .arg("sh {dir}/socket-of")
        .file("socket-of", "case $1 in *asleep.ini) echo {dir}/asleep.sock;; esac\n")
        .file("vassals/asleep.ini", &vassal(""))
        .file("vassals/awake.ini", &super::vassal(3002, ""))
        .spawn();
    server.log.wait_for("asleep.ini is on demand");
    super::wait_until_served(&server, 3002);
    Client::unix(&server.dir().join("asleep.sock")).send(GET).response().expect(200);
    server.log.wait_for("asleep.ini is now loyal");
}

#[test]
fn connections_that_come_while_a_vassal_fails_wait_for_it() {
    let server =
        emperor("--emperor-on-demand-directory {dir}").file("vassals/shop.ini", &vassal("chdir = {dir}/later")).spawn();
    server.log.wait_for("shop.ini is on demand");
    let mut client = Client::unix(&server.dir().join("shop.socket"));
    client.send(GET);
    server.log.wait_for(r"shop.ini ended too early \(exit code 1\), next try in 400 ms");
    std::fs::create_dir(server.dir().join("later")).expect("what it lacked");
    client.response().expect(200);
}

#[test]
fn an_address_that_cannot_be_had_never_hurts_the_others() {
    let server = emperor("--emperor-on-demand-extension .socket")
        .file("vassals/bad.ini", &vassal(""))
        .file("vassals/bad.ini.socket", "/no/such/folder/socket")
        .file("vassals/good.ini", &super::vassal(3002, ""))
        .spawn();
    server.log.wait_for("the socket of vassal .*bad.ini: /no/such/folder/socket cannot be bound");
    server.log.wait_for("bad.ini its socket cannot be had, next try in 400 ms");
    super::wait_until_served(&server, 3002);
}

#[test]
fn the_same_files_do_the_same_under_uwsgi() {
    for kind in [Kind::Rsgi, Kind::Uwsgi] {
        let server =
            Server::of(kind, "--emperor {dir}/vassals --emperor-freq 1 --emperor-on-demand-directory {dir}/sockets")
                .file("vassals/shop.ini", &vassal("master = true\nidle = 2\ndie-on-idle = true"))
                .file("sockets/README", "")
                .spawn();
        let socket = server.dir().join("sockets/shop.socket");
        eventually("the emperor listens", || crate::support::processes::listens_on(&socket).then_some(()));
        for _ in 0..2 {
            let seen = server.log.len();
            let answer = Client::unix(&socket).send(GET.replace("/hello", "/process")).response().expect(200);
            assert!(answer.text().contains("version"), "{kind:?}: {}", answer.text());
            server.log.wait_from(seen, "workers have been inactive for more than 2 seconds");
            server.log.wait_from(seen, "waiting for connections on");
        }
    }
}
