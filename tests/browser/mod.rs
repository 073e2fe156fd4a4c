//! What a person sees: pages over HTTPS in a real browser, forms, cookies, files, and a console without errors.

use std::path::PathBuf;
use std::process::Command;

use crate::support::browser::Browser;
use crate::support::django::project;
use crate::support::openssl::make_certificate;
use crate::support::{Running, Server, lab};

/// The browser asks for it unasked.
const ICON: &str = "--static-map /favicon.ico={dir}/favicon.ico";

/// A server with the quickstart's certificate, and where a browser finds it.
fn start(server: Server) -> (Running, String) {
    make_certificate(server.dir());
    let server = server.file("favicon.ico", "").start();
    let url = format!("https://{}", server.address(9090));
    (server, url)
}

#[test]
fn djangos_admin() {
    let server = Server::new(
        "--https {ip}:9090,foobar.crt,foobar.key --virtualenv {venv} --chdir {dir}/myproject --wsgi-file myproject/wsgi.py \
         --processes 2 --threads 2",
    );
    let files = lab::LAB.venv.join("lib").join(release()).join("site-packages/django/contrib/admin/static");
    let server = server.arg("--static-map").arg(&format!("/static={}", files.display()));
    let server = ICON.split(' ').fold(server, Server::arg);
    let (_server, url) = start(project(server, &lab::LAB.venv));
    let browser = Browser::open();

    browser.go(&format!("{url}/admin/"));
    browser.fill("#id_username", "admin");
    browser.fill("#id_password", "secret");
    browser.click("input[type=submit]");
    assert_eq!(browser.text("#content h1"), "Site administration");
    assert_eq!(browser.script("return performance.getEntriesByType('navigation')[0].nextHopProtocol"), "h2");

    browser.click(".model-note .addlink");
    browser.fill("#id_text", "first");
    browser.click("input[name=_save]");
    browser.click("#result_list tbody th a");
    browser.fill("#id_text", "changed \u{e4}\u{2713}");
    browser.click("input[name=_save]");
    assert!(browser.text(".messagelist").contains("was changed successfully"));
    assert_eq!(browser.text("#result_list tbody th a"), "changed \u{e4}\u{2713}");
    // The style sheet has come and was obeyed.
    assert_ne!(
        browser.script("return getComputedStyle(document.querySelector('#header')).backgroundColor"),
        "rgba(0, 0, 0, 0)"
    );
    browser.expect_no_errors();
    browser.screenshot("django_admin");
}

const WEB2PY: &str = "https = {ip}:9090,foobar.crt,foobar.key
chdir = {dir}/web2py
virtualenv = {venv}
module = wsgihandler
master = true
processes = 2
static-map = /favicon.ico={dir}/favicon.ico";

#[test]
fn web2pys_form() {
    let (_server, url) = start(Server::new("").copy("web2py").ini(WEB2PY));
    let browser = Browser::open();
    browser.go(&url);
    assert_eq!(browser.script("return document.title"), "web2py at work");
    browser.fill("input[name=name]", "lamp");
    browser.click("input[type=submit]");
    assert_eq!(browser.text("li"), "lamp");
    assert_eq!(browser.script("return getComputedStyle(document.body).fontFamily"), "sans-serif");
    for visit in 1..=3 {
        browser.go(&format!("{url}/welcome/default/visits"));
        assert_eq!(browser.text("body"), format!("visit {visit}"));
    }
    browser.expect_no_errors();
    browser.go(&url);
    browser.screenshot("web2py");
}

/// The whole framework, see `the_upstream_tree` of the quickstart.
#[test]
#[ignore = "needs WEB2PY_SRC, an upstream source tree that no package registry carries"]
fn web2pys_welcome_page_and_admin() {
    let tree = std::env::var_os("WEB2PY_SRC").map(PathBuf::from).expect("WEB2PY_SRC names an upstream source tree");
    let server = Server::new("").ini(WEB2PY);
    let folder = server.dir().join("web2py");
    assert!(Command::new("cp").arg("-r").arg(&tree).arg(&folder).status().expect("cp").success());
    std::fs::copy(tree.join("handlers/wsgihandler.py"), folder.join("wsgihandler.py")).expect("the handler");
    let (_server, url) = start(server);
    let browser = Browser::open();
    for (path, name) in [("/welcome/default/index", "web2py_welcome"), ("/admin/default/index", "web2py_admin")] {
        browser.go(&format!("{url}{path}"));
        assert!(browser.text("body").contains("web2py"), "{path}");
        browser.expect_no_errors();
        browser.screenshot(name);
    }
}

/// `python3.11`, as the folder in a virtual environment is called.
fn release() -> String {
    let digits = lab::LAB.embedded.trim_start_matches("python");
    format!("python{}.{}", &digits[..1], &digits[1..])
}
