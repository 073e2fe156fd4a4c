//! The command line and the environment.

use super::{Case, Ran};
use crate::{Address, Loaded, Protocol, Seconds};

fn run(words: &str) -> Ran {
    Case::new().run(words)
}

#[test]
fn values_stand_behind_a_blank_or_an_equals_sign() {
    for words in ["--processes 4", "--processes=4", "-p 4", "-p4", "--workers 4", "--proces 4", "-Mp4", "-M -p 4"] {
        let config = run(words).quiet();
        assert_eq!(config.workers.processes, 4, "{words}");
        assert_eq!(config.workers.master, words.contains('M'), "{words}");
    }
}

#[test]
fn flags_take_no_value_and_optional_values_need_an_equals_sign() {
    let config = run("--master --vacuum --http-keepalive --need-app=false --chmod-socket=660").quiet();
    assert!(config.workers.master && config.process.vacuum && !config.process.need_app);
    assert_eq!(config.router.keepalive, Some(Seconds(60)));
    assert_eq!(config.process.chmod_socket, Some(0o660));
}

#[test]
fn a_value_may_look_like_an_option() {
    let config = run("--procname-append --master --procname - --set a=--b").quiet();
    assert_eq!(config.process.procname_append.as_deref(), Some("--master"));
    assert_eq!(config.process.procname.as_deref(), Some("-"));
}

#[test]
fn files_are_read_after_all_options_wherever_they_stand() {
    let case = Case::ini("processes = 2\nthreads = 3");
    for words in ["t.ini --processes 5", "--processes 5 t.ini", "--processes 5 -- t.ini"] {
        let config = case.run(words).quiet();
        assert_eq!((config.workers.processes, config.workers.threads), (2, 3), "{words}");
        assert_eq!(config.files, [case.path().join("t.ini")]);
    }
}

#[test]
fn an_ini_option_is_read_where_it_stands() {
    let case = Case::ini("processes = 2");
    assert_eq!(case.run("--ini t.ini -p 5").config.workers.processes, 5);
    assert_eq!(case.run("-p 5 --ini t.ini").config.workers.processes, 2);
}

#[test]
fn arguments_in_brackets_are_ignored() {
    run("[emperor] --processes 2").quiet();
}

#[test]
fn later_single_values_win_and_lists_add_up() {
    let config = run("-s :1 -s /tmp/a --threads 2 --threads 4 --pp a --pythonpath b --pp c").quiet();
    assert_eq!(config.workers.threads, 4);
    assert_eq!(config.sockets.len(), 2);
    let paths: Vec<_> = config.app.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(paths, ["pythonpath=a", "pythonpath=b", "pythonpath=c"]);
}

#[test]
fn the_environment_comes_first() {
    let case = Case::new()
        .env("UWSGI_HTTP_SOCKET", "127.0.0.1:1")
        .env("UWSGI_MASTER", "1")
        .env("UWSGI_THREADS", "2")
        .env("RSGI_PROCESSES", "3")
        .env("UWSGI_PROCESSES", "9")
        .env("UWSGI_RELOADS", "1")
        .env("UWSGI_VASSALS_DIR", "/x");
    let config = case.run("--threads 4").quiet();
    assert_eq!(config.sockets[0].text, "127.0.0.1:1");
    assert!(config.workers.master);
    assert_eq!((config.workers.processes, config.workers.threads), (3, 4));
}

#[test]
fn sockets_carry_protocol_and_address() {
    let words = "--protocol http -s :1 --uwsgi-socket :2 --http-socket @x --shared-socket :3 --socket =0";
    let config = run(words).quiet();
    let sockets: Vec<_> = config.sockets.iter().map(|socket| (socket.protocol, socket.address.to_string())).collect();
    assert_eq!(
        sockets,
        [
            (Protocol::Http, ":1".into()),
            (Protocol::Uwsgi, ":2".into()),
            (Protocol::Http, "@x".into()),
            (Protocol::Http, "=0".into())
        ]
    );
    assert_eq!(config.shared_sockets, [Address::Tcp { host: String::new(), port: 3 }]);
}

#[test]
fn the_routers_own_deadlines_follow_its_timeout() {
    let router = run("--http :1 --http-timeout 90 --http-connect-timeout 5").quiet().router;
    assert_eq!(
        (router.timeout, router.headers_timeout, router.connect_timeout),
        (Seconds(90), Seconds(90), Seconds(5))
    );
    assert_eq!((router.binds.len(), router.binds[0].text.as_str(), router.keepalive), (1, ":1", Some(Seconds(75))));
    assert_eq!(run("--http :1 --http-keepalive=0").quiet().router.keepalive, None);
}

#[test]
fn set_times_have_limits_of_their_own() {
    let case = Case::ini("unique-cron = -5 -1 -1 -1 -1 sync it\ncron = 1 2 -1 -1 -1 true\ncron-harakiri = 9\n");
    let config = case.run("t.ini").quiet();
    let crons: Vec<_> = config.crons.iter().map(|cron| (cron.command.as_str(), cron.unique, cron.harakiri)).collect();
    assert_eq!(crons, [("sync it", true, None), ("true", false, None)]);
    assert_eq!(config.cron_harakiri, Some(9));
}

#[test]
fn version_help_and_get_print_and_end() {
    let print = |words: &str| match Case::ini("p = 5\nq = %(p)").load(words) {
        Ok(Loaded::Print { text, exit_code }) => (text, exit_code),
        other => panic!("{words}: {other:?}"),
    };
    assert_eq!(print("--version"), (format!("{}\n", env!("CARGO_PKG_VERSION")), 0));
    assert!(print("--help").0.contains("--wsgi-file FILE"));
    assert_eq!(print("--get q t.ini"), ("5\n".into(), 0));
    assert_eq!(print("--exit=3"), (String::new(), 3));
    assert_eq!(print("--exit"), (String::new(), 1));
    assert!(print("--dump-options").0.lines().any(|name| name == "wsgi-file"));
    assert_eq!(print("explain nonsense").1, 1);
}

#[test]
fn words_that_are_not_text_are_errors() {
    use std::os::unix::ffi::OsStringExt;
    let word = std::ffi::OsString::from_vec(vec![b'-', b'-', b'x', 0xff]);
    let error = crate::load([word], [], std::path::Path::new("/")).unwrap_err();
    assert!(error.to_string().contains("not UTF-8"), "{error}");
}
