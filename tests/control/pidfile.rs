//! `--reload PIDFILE`, `--stop PIDFILE`.

use crate::support::{Kind, Server};

#[test]
fn reloads_and_stops() {
    let server =
        Server::of(Kind::Rsgi, "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --pidfile {dir}/pid").start();
    let pidfile = server.dir().join("pid").display().to_string();
    let tell = |option: &str| Server::of(Kind::Rsgi, option).arg(&pidfile).run();
    assert_eq!(tell("--reload").code, 0);
    server.log.wait_for("gracefully reloading: generation 1");
    server.log.wait_for("worker 1 killed successfully");
    assert_eq!(tell("--stop").code, 0);
    let ended = server.wait();
    assert!(ended.code == 0 && ended.log.contains("goodbye"), "{}", ended.log);
}

#[test]
fn a_wrong_file_is_named() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let ended = Server::of(kind, "--reload {dir}/none").run();
        assert_eq!(ended.code, 1, "{}", ended.log);
    }
    let ended = Server::of(Kind::Rsgi, "--stop {dir}/pid").file("pid", "0\n").run();
    assert!(ended.code == 1 && ended.log.contains("expected the number of a process"), "{}", ended.log);
}

#[test]
fn pauses_and_goes_on() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --pidfile {dir}/pid --master";
    let server = Server::of(Kind::Rsgi, arguments).start();
    let pidfile = server.dir().join("pid").display().to_string();
    let tell = |option: &str| Server::of(Kind::Rsgi, option).arg(&pidfile).run();
    server.get(3031, "/").expect(200);
    assert_eq!(tell("--pause").code, 0);
    server.log.wait_for("PAUSE");
    let mut client = server.connect(3031);
    client.send("GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(server.log.matching("GET /later").is_empty(), "{}", server.log.text());
    assert_eq!(tell("--resume").code, 0);
    client.response().expect(200);
}
