//! What stops the server from starting: one line that says what to do, and uWSGI's exit code.

use std::net::TcpListener;

use crate::support::{Ended, Kind, Server};

const APP: &str = "--wsgi-file {lab}/hello/foobar.py";

#[track_caller]
fn ends(server: Server, code: i32, says: &[&str]) -> Ended {
    let ended = server.run();
    assert_eq!(ended.code, code, "{}", ended.log);
    for text in says {
        assert!(ended.log.contains(text), "nothing of {text:?} in:\n{}", ended.log);
    }
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
    ended
}

fn rsgi(arguments: &str) -> Server {
    Server::of(Kind::Rsgi, arguments)
}

#[test]
fn a_port_in_use() {
    for option in ["http", "http-socket", "socket"] {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address").to_string();
        ends(rsgi(&format!("--{option} {address} {APP}")), 1, &[&address, "in use"]);
    }
}

#[test]
fn a_unix_socket_in_a_folder_that_does_not_exist() {
    ends(rsgi(&format!("--socket {{dir}}/nowhere/app.sock {APP}")), 1, &["nowhere/app.sock", "No such file"]);
}

#[test]
fn a_unix_socket_with_too_long_a_name() {
    let name = "x".repeat(150);
    ends(rsgi(&format!("--socket {{dir}}/{name} {APP}")), 1, &["107"]);
}

#[test]
fn an_address_that_is_none() {
    for address in ["nonsense:port", "999.1.1.1:80", "127.0.0.1:99999"] {
        ends(rsgi(&format!("--http-socket {address} {APP}")), 1, &[address]);
    }
}

#[test]
fn an_address_of_another_machine() {
    ends(rsgi(&format!("--http-socket 192.0.2.1:8000 {APP}")), 1, &["192.0.2.1:8000"]);
}

#[test]
fn a_missing_application() {
    ends(rsgi("--http-socket 127.0.0.1:0 --wsgi-file {dir}/missing.py"), 22, &["missing.py", "No such file"]);
    ends(rsgi("--http-socket 127.0.0.1:0 --module missing_module"), 22, &["missing_module", "ModuleNotFoundError"]);
    ends(rsgi("--http-socket 127.0.0.1:0 --module json:no_such_name"), 22, &["no_such_name"]);
}

#[test]
fn an_application_with_a_mistake_in_it() {
    let server = rsgi("--http-socket 127.0.0.1:0 --wsgi-file {dir}/app.py").file("app.py", "def application(:\n");
    ends(server, 22, &["SyntaxError", "app.py"]);
    let server =
        rsgi("--http-socket 127.0.0.1:0 --wsgi-file {dir}/app.py").file("app.py", "import sys\nsys.exit('no')\n");
    ends(server, 22, &["app.py"]);
    let server = rsgi("--http-socket 127.0.0.1:0 --wsgi-file {dir}/app.py").file("app.py", "application = 42\n");
    ends(server, 22, &["application"]);
}

/// uWSGI goes on without an application and answers every request with 500 (listed in docs/differences.md).
#[test]
fn need_app_false_goes_on_without_an_application() {
    let server = rsgi("--http-socket {ip}:3031 --wsgi-file {dir}/missing.py --need-app=false").start();
    server.get(3031, "/").expect(500);
    server.log.wait_for("missing.py");
}

#[test]
fn a_folder_that_does_not_exist() {
    ends(rsgi(&format!("--http-socket 127.0.0.1:0 --chdir {{dir}}/nowhere {APP}")), 1, &["nowhere", "chdir"]);
}

#[test]
fn users_and_groups_that_do_not_exist() {
    ends(rsgi(&format!("--http-socket 127.0.0.1:0 --uid nobody-of-that-name {APP}")), 1, &["nobody-of-that-name"]);
    ends(rsgi(&format!("--http-socket 127.0.0.1:0 --gid none-of-that-name {APP}")), 1, &["none-of-that-name"]);
}

#[test]
fn a_log_file_that_cannot_be_written() {
    ends(rsgi(&format!("--http-socket 127.0.0.1:0 --logto {{dir}}/nowhere/x.log {APP}")), 1, &["nowhere/x.log"]);
}

/// The message as a person reads it.
fn message(ini: &str) -> String {
    let server = rsgi("").ini(&format!("{ini}\nhttp-socket = 127.0.0.1:0\nwsgi-file = {{lab}}/hello/foobar.py"));
    let dir = server.dir().display().to_string();
    ends(server, 1, &["app.ini"]).log.replace(&dir, "[dir]")
}

#[test]
fn a_value_that_is_no_number_shows_file_line_caret_and_hint() {
    insta::assert_snapshot!(message("processes = many"));
}

#[test]
fn a_negative_number() {
    insta::assert_snapshot!(message("processes = -1"));
}

#[test]
fn a_typo_under_strict() {
    insta::assert_snapshot!(message("strict = true\nprocesess = 4"));
}

#[test]
fn an_include_that_does_not_exist() {
    insta::assert_snapshot!(message("include = {dir}/nothing.ini"));
}

#[test]
fn logic_within_logic() {
    insta::assert_snapshot!(message("for = a b\nfor = c d\nenv = A=%(_)\nendfor =\nendfor ="));
}

#[test]
fn a_file_that_is_no_configuration() {
    ends(rsgi("{dir}/app.py").file("app.py", ""), 1, &["app.py"]);
    ends(rsgi("{dir}/binary.ini").file("binary.ini", "\u{0}\u{1}\u{2}"), 1, &["socket"]);
}
