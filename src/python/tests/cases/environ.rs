//! What applications find in the environ.

use std::sync::atomic::Ordering;

use crate::support::{Request, Server, write};

const SHOW: &str = "
def application(environ, start_response):
    start_response('200 OK', [])
    return [repr(eval(environ['QUERY_STRING'], {'e': environ})).encode()]
";

fn show(server: &mut Server, expression: &str) -> String {
    server.ask(Request::get("/").var("QUERY_STRING", expression)).text()
}

pub(crate) fn keys_and_types() {
    let mut server = Server::with_app(SHOW, &[]);
    for (expression, value) in [
        ("e['wsgi.version']", "(1, 0)"),
        ("e['wsgi.multithread'], e['wsgi.multiprocess'], e['wsgi.run_once']", "(False, False, False)"),
        ("e['wsgi.input_terminated']", "True"),
        ("type(e['wsgi.errors']).__name__, e['wsgi.errors'].fileno()", "('TextIOWrapper', 2)"),
        ("callable(e['wsgi.file_wrapper'])", "True"),
        ("e['uwsgi.version'], type(e['uwsgi.node'])", "(b'2.0.31', <class 'bytes'>)"),
        ("'uwsgi.core' in e", "False"),
        ("e['SCRIPT_NAME'], e['PATH_INFO']", "('', '/')"),
        ("type(e)", "<class 'dict'>"),
        ("'CONTENT_LENGTH' in e", "False"),
        ("e['wsgi.errors'].write('said\\n'), e['wsgi.errors'].flush()", "(5, None)"),
    ] {
        assert_eq!(show(&mut server, expression), value, "{expression}");
    }
    let request =
        Request::get("/caf\u{e9}").raw(b"HTTP_X_RAW", b"\xff\x00a").var("HTTP_X_RAW2", "1").var("HTTP_X_RAW2", "2");
    let request = request
        .raw(b"HTTP_\xe9", b"")
        .var("QUERY_STRING", "e['PATH_INFO'], e['HTTP_X_RAW'], e['HTTP_X_RAW2'], e['HTTP_\\xe9']");
    assert_eq!(server.ask(request).text(), r"('/cafÃ©', 'ÿ\x00a', '2', '')");
}

pub(crate) fn what_a_request_lacks_is_absent() {
    let mut server = Server::with_app(SHOW, &[]);
    let request = Request::empty()
        .var("REQUEST_METHOD", "GET")
        .var("QUERY_STRING", "sorted(k for k in e if k.isupper()), None in e.values()");
    assert_eq!(server.ask(request).text(), "(['QUERY_STRING', 'REQUEST_METHOD', 'SCRIPT_NAME'], False)");
}

pub(crate) fn nothing_of_one_request_is_in_the_next() {
    let mut server = Server::with_app(SHOW, &[]);
    let _ =
        server.ask(Request::get("/").var("HTTP_SECRET", "x").var("HTTPS", "on").var("QUERY_STRING", "e.update(a=1)"));
    assert_eq!(
        show(&mut server, "'HTTP_SECRET' in e, 'a' in e, 'HTTPS' in e, e['wsgi.url_scheme']"),
        "(False, False, False, 'http')"
    );
}

pub(crate) fn many_names() {
    let mut server = Server::with_app(SHOW, &[]);
    for round in 0..40 {
        let names: Vec<String> = (0..100).map(|n| format!("HTTP_X_{round}_{n}")).collect();
        let mut request = Request::get("/").var("QUERY_STRING", "sum(k.startswith('HTTP_X_') for k in e)");
        for name in &names {
            request = request.var(name, "v");
        }
        assert_eq!(server.ask(request).text(), "100");
    }
    let long = format!("HTTP_{}", "X".repeat(5000));
    assert_eq!(server.ask(Request::get("/").var(&long, "v").var("QUERY_STRING", "max(map(len, e))")).text(), "5005");
}

pub(crate) fn scheme() {
    let mut server = Server::with_app(SHOW, &[]);
    for (vars, scheme) in [
        (&[][..], "'http'"),
        (&[("HTTPS", "on")], "'https'"),
        (&[("HTTPS", "1")], "'https'"),
        (&[("HTTPS", "off")], "'http'"),
        (&[("REQUEST_SCHEME", "https")], "'https'"),
        (&[("UWSGI_SCHEME", "wss"), ("HTTPS", "on")], "'wss'"),
        (&[("HTTP_X_FORWARDED_PROTO", "https"), ("HTTP_X_FORWARDED_SSL", "on")], "'http'"),
    ] {
        let mut request = Request::get("/").var("QUERY_STRING", "e['wsgi.url_scheme']");
        for (key, value) in vars {
            request = request.var(key, value);
        }
        assert_eq!(server.ask(request).text(), scheme, "{vars:?}");
    }
}

pub(crate) fn several_cores() {
    Server::enter_directory();
    write("app.py", SHOW);
    let mut server = Server::start(&[("module", "app"), ("wsgi-disable-file-wrapper", "1")]).expect("an interpreter");
    server.host.cores.store(4, Ordering::Relaxed);
    server.host.processes.store(2, Ordering::Relaxed);
    assert_eq!(server.language.load_apps(), Ok(1));
    server.serve();
    let expression = "e['wsgi.multithread'], e['wsgi.multiprocess'], e['uwsgi.core'], 'wsgi.file_wrapper' in e";
    assert_eq!(show(&mut server, expression), "(True, True, 0, False)");
}

const MOUNTED: &str = "
def make(name):
    def application(environ, start_response):
        start_response('200 OK', [])
        return [repr((name, environ['SCRIPT_NAME'], environ['PATH_INFO'])).encode()]
    return application
a, b, root = make('a'), make('b'), make('root')
";

fn mounted(settings: &[(&str, &str)], apps: u32) -> Server {
    Server::enter_directory();
    write("apps.py", MOUNTED);
    let mut server = Server::start(settings).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(apps), "{}", server.host.log());
    server.serve();
    server
}

pub(crate) fn mounts_by_script_name() {
    let mut server = mounted(&[("mount", "/a=apps:a"), ("mount", "/a/b=apps:b")], 2);
    let reports: Vec<_> = server.host.reports().into_iter().map(|r| (r.id, r.is_default, r.mountpoint)).collect();
    assert_eq!(reports, [(Some(0), true, "/a".to_owned()), (Some(1), false, "/a/b".to_owned())]);
    for (script_name, app) in [("/a", "a"), ("/a/", "a"), ("/a/b", "b"), ("", "a"), ("/zzz", "a")] {
        let answer = server.ask(Request::get("/x").var("SCRIPT_NAME", script_name));
        assert_eq!(answer.text(), format!("('{app}', '{script_name}', '/x')"));
    }
    let answer = server.ask(Request::get("/x").var("SCRIPT_NAME", "/a").var("UWSGI_APPID", "/a/b"));
    assert_eq!((answer.text().as_str(), answer.outcome.app), ("('b', '/a', '/x')", 1));
}

pub(crate) fn mounts_by_path() {
    let settings =
        [("module", "apps:root"), ("mount", "/a=apps:a"), ("mount", "/a/b/=apps:b"), ("manage-script-name", "true")];
    let mut server = mounted(&settings, 3);
    for (path, seen) in [
        ("/", "('root', '', '/')"),
        ("/a", "('a', '/a', '')"),
        ("/a/", "('a', '/a', '/')"),
        ("/a/x", "('a', '/a', '/x')"),
        ("/ab", "('root', '', '/ab')"),
        ("/a/b/c", "('b', '/a/b', '/c')"),
    ] {
        assert_eq!(server.text(path), seen, "{path}");
    }
}

pub(crate) fn no_default_app() {
    let mut server = mounted(&[("mount", "/a=apps:a"), ("no-default-app", "1"), ("manage-script-name", "1")], 1);
    assert_eq!(server.text("/a/x"), "('a', '/a', '/x')");
    let answer = server.get("/other");
    assert_eq!((answer.status.as_str(), answer.outcome.app, answer.outcome.exceptions), ("", -1, 0));
    assert_eq!(
        server.host.log().lines().last(),
        Some("--- no python application found, check your startup logs for errors ---")
    );
}
