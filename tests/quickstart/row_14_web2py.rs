//! web2py: `chdir`, `module = wsgihandler`, `processes = 8`, `http = :9090`.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Kind, Running, Server};

const INI: &str = "http = {ip}:9090
chdir = {dir}/web2py
virtualenv = {venv}
module = wsgihandler
master = true
processes = 8";

fn start() -> Running {
    Server::new("").copy("web2py").ini(INI).start()
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        the_index_page_and_its_static_file(&Server::of(kind, "").copy("web2py").ini(INI).start());
    }
}

fn the_index_page_and_its_static_file(server: &Running) {
    server.workers(8);
    let moved = server.get(9090, "/").expect(303);
    assert_eq!(moved.header("location"), Some("/welcome/default/index"));
    let page = server.get(9090, "/welcome/default/index").expect(200);
    assert!(page.text().contains("web2py at work"), "{}", page.text());
    assert!(page.text().contains("/welcome/static/css/welcome.css"), "{}", page.text());
    let style = server.get(9090, "/welcome/static/css/welcome.css").expect(200);
    assert_eq!(style.text(), "body { font-family: sans-serif }\n");
}

#[test]
fn a_form_that_stores_into_the_model() {
    let server = start();
    let form = b"name=lamp&_formname=thing";
    let page = server.post(9090, "/welcome/default/index", "application/x-www-form-urlencoded", form).expect(200);
    assert!(page.text().contains("stored"), "{}", page.text());
    let page = server.get(9090, "/welcome/default/index").expect(200);
    assert!(page.text().contains("<li>lamp</li>"), "{}", page.text());
}

#[test]
fn a_session_survives_from_worker_to_worker() {
    let server = start();
    let first = server.get(9090, "/welcome/default/visits").expect(200);
    assert_eq!(first.text(), "visit 1");
    let cookie = first.header("set-cookie").expect("a cookie").split(';').next().expect("a pair").trim().to_owned();
    for visit in 2..=5 {
        let request = format!(
            "GET /welcome/default/visits HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(server.ask(9090, request).expect(200).text(), format!("visit {visit}"));
    }
}

/// The whole framework: the package has neither welcome page nor admin. `cargo dev test` runs this where it can.
#[test]
#[ignore = "needs WEB2PY_SRC, an upstream source tree that no package registry carries"]
fn the_upstream_tree() {
    let tree = std::env::var_os("WEB2PY_SRC").map(PathBuf::from).expect("WEB2PY_SRC names an upstream source tree");
    let server = Server::new("");
    let copied = Command::new("cp").arg("-r").arg(&tree).arg(server.dir().join("web2py")).status();
    assert!(copied.expect("cp").success(), "cannot copy {}", tree.display());
    std::fs::copy(tree.join("handlers/wsgihandler.py"), server.dir().join("web2py/wsgihandler.py"))
        .expect("the handler");
    let server = server.ini(INI).start();
    let page = server.get(9090, "/welcome/default/index").expect(200);
    assert!(page.text().contains("web2py"), "{}", page.text());
    let admin = server.get(9090, "/admin/default/index").expect(200);
    assert!(admin.text().contains("Admin"), "{}", admin.text());
}
