//! `yourfile.ini`: the rules of its format.

use crate::support::{Kind, Running, Server};

/// The environment that the application sees, from a server whose ini file says `lines` beside the socket and the app.
fn environment(server: Server, lines: &str) -> serde_json::Value {
    let server = server.ini(&format!("http-socket = {{ip}}:3031\nwsgi-file = {{apps}}/probe.py\n{lines}")).start();
    server.get(3031, "/process").expect(200).json()["environment"].clone()
}

fn answers(server: &Running) {
    assert_eq!(server.get(3031, "/hello").expect(200).text(), "hello");
}

#[test]
fn your_file_alone() {
    let server = Server::new("")
        .ini("http = {ip}:9090\nwsgi-file = {lab}/hello/foobar.py\nmaster = true\nprocesses = 2\nthreads = 2");
    let server = server.start();
    server.workers(2);
    assert_eq!(server.get(9090, "/").expect(200).text(), "Hello World");
}

#[test]
fn command_line_and_file_mix_freely() {
    // The file comes after the options however they are placed; what is given twice is taken from the later one.
    let server =
        Server::new("--processes 3 --master --wsgi-file {apps}/probe.py").ini("http-socket = {ip}:3031\nthreads = 2");
    let server = server.start();
    server.workers(3);
    let environ = server.get(3031, "/environ").expect(200).json();
    assert_eq!((&environ["wsgi.multiprocess"], &environ["wsgi.multithread"]), (&true.into(), &true.into()));
}

#[test]
fn a_section_is_chosen_by_name() {
    let server = Server::new("--ini {dir}/sites.ini:second").file(
        "sites.ini",
        "[uwsgi]\nenv = WHICH=default\n[second]\nhttp-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nenv = WHICH=second\n",
    );
    let server = server.arg("--env").arg("PORTS={ip}:3031").start();
    let environment = server.get(3031, "/process").expect(200).json()["environment"].clone();
    assert_eq!(environment["WHICH"], "second");
}

#[test]
fn another_section_of_the_same_file_is_pulled_in() {
    let environment = environment(Server::new(""), "ini = :more\n[more]\nenv = FROM=more");
    assert_eq!(environment["FROM"], "more");
}

#[test]
fn placeholders() {
    let environment = environment(
        Server::new("--set outer=from-the-command-line"),
        "project = shop\nbase = /srv/%(project)\nenv = BASE=%(base)/live\nenv = OUTER=%(outer)\nenv = NONE=%(nothing)\n\
         env = LATER=%(later)\nlater = defined-below\nnumber = 4\nenv = SUM=%(number + 3)",
    );
    assert_eq!(environment["BASE"], "/srv/shop/live");
    assert_eq!(environment["OUTER"], "from-the-command-line");
    assert_eq!(environment["NONE"], "%(nothing)");
    assert_eq!(environment["LATER"], "defined-below");
    assert_eq!(environment["SUM"], "7");
}

#[test]
fn magic_variables() {
    let server = Server::new("");
    let dir = server.dir().display().to_string();
    let environment = environment(
        server,
        "env = P=%p\nenv = D=%d\nenv = S=%s\nenv = N=%n\nenv = E=%e\nenv = V=%v\nenv = PERCENT=%%\nenv = K=%k\nenv = U=%U",
    );
    assert_eq!(environment["P"], format!("{dir}/app.ini"));
    assert_eq!(environment["D"], format!("{dir}/"));
    assert_eq!(
        (&environment["S"], &environment["N"], &environment["E"]),
        (&"app.ini".into(), &"app".into(), &"ini".into())
    );
    assert_eq!(environment["V"], dir);
    assert_eq!(environment["PERCENT"], "%");
    let cores = std::thread::available_parallelism().expect("a number").to_string();
    assert_eq!(environment["K"], cores);
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current()).expect("users").expect("this user").name;
    assert_eq!(environment["U"], user);
}

#[test]
fn environment_variables_are_filled_in() {
    let server = Server::new("").env("LAB_PORT_TEXT", "ninety").env("LAB_EMPTY", "");
    let environment = environment(server, "env = A=$(LAB_PORT_TEXT)-$(LAB_PORT_TEXT)\nenv = B=$(LAB_NOT_SET)");
    assert_eq!(environment["A"], "ninety-ninety");
    assert_eq!(environment["B"], "$(LAB_NOT_SET)");
}

#[test]
fn a_file_is_filled_in() {
    let server = Server::new("").file("secret", "open sesame\n");
    assert_eq!(environment(server, "env = SECRET=@({dir}/secret)")["SECRET"], "open sesame");
}

#[test]
fn comments_take_whole_lines_only() {
    let environment = environment(
        Server::new(""),
        "; env = ONE=1\n# env = TWO=2\n   ; env = THREE=3\nenv = FOUR=4 ; not a comment\n\n\tenv  =  FIVE=5 = 5  ",
    );
    assert!(["ONE", "TWO", "THREE"].iter().all(|name| environment.get(*name).is_none()), "{environment:#}");
    assert_eq!(environment["FOUR"], "4 ; not a comment");
    assert_eq!(environment["FIVE"], "5 = 5");
}

#[test]
fn the_last_of_single_values_wins_and_lists_grow() {
    let server = Server::new("").ini(
        "http-socket = {ip}:3031\nhttp-socket = {ip}:3032\nwsgi-file = /nothing.py\nwsgi-file = {apps}/probe.py\n\
         processes = 7\nprocesses = 2\nmaster = true\nmaster = false\nmaster = true",
    );
    let server = server.start();
    assert_eq!(server.workers(2).len(), 2);
    answers(&server);
    assert_eq!(server.get(3032, "/hello").expect(200).text(), "hello");
    assert_eq!(server.log.matching(crate::support::phrases::worker_ready(server.kind)).len(), 2);
}

#[test]
fn include_reads_another_file_in_place() {
    let server = Server::new("").file("more.ini", "[uwsgi]\nenv = MORE=more\n");
    assert_eq!(environment(server, "include = {dir}/more.ini")["MORE"], "more");
    let server = Server::new("").file("less.ini", "[uwsgi]\nenv = LESS=less\n");
    assert_eq!(environment(server, "ini = {dir}/less.ini")["LESS"], "less");
}

#[test]
fn for_repeats_each_option_for_each_word() {
    let environment = environment(
        Server::new(""),
        "for = red green\nenv = COLOUR_%(_)=%(_)\nendfor =\nfor-times = 2\nenv = TURN_%(_)=yes\nendfor =",
    );
    assert_eq!((&environment["COLOUR_red"], &environment["COLOUR_green"]), (&"red".into(), &"green".into()));
    assert_eq!((&environment["TURN_1"], &environment["TURN_2"]), (&"yes".into(), &"yes".into()));
}

#[test]
fn if_chooses() {
    let server = Server::new("").env("LAB_COLOUR", "red");
    let environment = environment(
        server,
        "if-env = LAB_COLOUR\nenv = SEEN=%(_)\nendif =\nif-env = LAB_NOTHING\nenv = BAD1=1\nendif =\n\
         if-not-env = LAB_NOTHING\nenv = ABSENT=yes\nendif =\nif-exists = {dir}/app.ini\nenv = FILE=%(_)\nendif =\n\
         if-not-exists = {dir}/app.ini\nenv = BAD2=1\nendif =\nif-opt = http-socket\nenv = OPTION=yes\nendif =\n\
         if-dir = {dir}\nenv = FOLDER=yes\nendif =\nif-file = {dir}\nenv = BAD3=1\nendif =",
    );
    assert_eq!(environment["SEEN"], "red");
    assert_eq!(
        (&environment["ABSENT"], &environment["OPTION"], &environment["FOLDER"]),
        (&"yes".into(), &"yes".into(), &"yes".into())
    );
    assert!(environment["FILE"].as_str().expect("a path").ends_with("/app.ini"), "{environment:#}");
    assert!(["BAD1", "BAD2", "BAD3"].iter().all(|name| environment.get(*name).is_none()), "{environment:#}");
}

#[test]
fn options_from_the_environment() {
    let server = Server::new("").env("UWSGI_HTTP_SOCKET", "{ip}:3031").env("UWSGI_WSGI_FILE", "{apps}/probe.py");
    let server = server.env("UWSGI_MASTER", "1").env("UWSGI_WORKERS", "2").env("LAB_LISTENS", "{ip}:3031").start();
    server.workers(2);
    answers(&server);
}

#[test]
fn windows_line_ends_and_no_last_newline() {
    let server = Server::new("--ini {dir}/dos.ini --set expected={ip}:3031");
    let server =
        server.file("dos.ini", "[uwsgi]\r\nhttp-socket = {ip}:3031\r\n\r\nwsgi-file = {apps}/probe.py").start();
    answers(&server);
}

#[test]
fn a_file_that_does_not_exist() {
    let ended = Server::new("{dir}/nothing.ini").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("nothing.ini"), "{}", ended.log);
    assert!(ended.log.to_lowercase().contains("no such file"), "{}", ended.log);
}

#[test]
fn strict_refuses_a_key_that_nobody_knows() {
    let ended = Server::new("").ini("strict = true\nhttp-socket = 127.0.0.1:0\nprocesess = 4").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("procesess"), "{}", ended.log);
    if Kind::under_test() == Kind::Rsgi {
        assert!(ended.log.contains("app.ini:4"), "file and line: {}", ended.log);
        assert!(ended.log.contains("processes"), "nearest name: {}", ended.log);
    }
}

#[test]
fn without_strict_a_key_that_nobody_knows_is_a_placeholder() {
    let server = Server::new("").ini("http-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nvaccum = true");
    let server = server.start();
    answers(&server);
    if server.kind == Kind::Rsgi {
        server.log.wait_for(r"app\.ini:4:1: warning: unknown option vaccum");
        server.log.wait_for("did you mean vacuum");
    }
}
