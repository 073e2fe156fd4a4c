//! Routers are confined always. What that forbids is tried in `src/core/confine`; here is what it must not forbid.

use std::os::unix::fs::symlink;

use crate::support::Server;

fn status(pid: i32, field: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.trim_start_matches(':').trim().to_owned()
}

#[test]
fn every_router_is_confined() {
    let server = Server::new("--http {ip}:9090 --http-processes 2 --wsgi-file {lab}/hello/foobar.py").start();
    server.log.wait_for("^http 2 .*ready");
    let routers: Vec<_> =
        server.processes().into_iter().filter(|process| process.title.starts_with("rsgi http")).collect();
    assert_eq!(routers.len(), 2);
    for router in routers {
        assert_eq!([status(router.pid, "Seccomp"), status(router.pid, "NoNewPrivs")], ["2", "1"], "{router:?}");
    }
    server.get(9090, "/").expect(200);
    assert!(!server.log.text().contains("not confined"));
}

/// The usual deployment: a new folder, and a link that is set anew; or a folder that takes the other's place.
#[test]
fn static_files_follow_a_deployment_without_a_reload() {
    let server = Server::new("--http {ip}:9090 --static-map /a={dir}/app/current/static --static-map /b={dir}/files")
        .arg("--wsgi-file={lab}/hello/foobar.py")
        .file("app/releases/1/static/page.txt", "first")
        .file("app/releases/2/static/page.txt", "second")
        .file("files/page.txt", "first")
        .file("next/page.txt", "second");
    let app = server.dir().join("app");
    std::fs::create_dir(&app).expect("a folder");
    symlink("releases/1", app.join("current")).expect("a link");
    let server = server.start();
    let see = |text: &str| {
        ["/a", "/b"].map(|at| assert_eq!(server.get(9090, &format!("{at}/page.txt")).expect(200).text(), text))
    };
    see("first");
    symlink("releases/2", app.join("next")).expect("a link");
    std::fs::rename(app.join("next"), app.join("current")).expect("set anew");
    std::fs::rename(server.dir().join("files"), server.dir().join("old")).expect("moved away");
    std::fs::rename(server.dir().join("next"), server.dir().join("files")).expect("takes its place");
    see("second");
}
