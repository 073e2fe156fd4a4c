//! The modules `uwsgi` and `uwsgidecorators`.

use rsgi_abi::types::{CONTROL_RELOAD, CONTROL_STOP};

use crate::support::{Request, Server};

const SHOW: &str = "
import uwsgi, uwsgidecorators
def check():
    'Doc.'
def application(environ, start_response):
    start_response('200 OK', [])
    try: value = eval(environ['QUERY_STRING'], globals())
    except Exception as error: value = (type(error).__name__, str(error))
    return [repr(value).encode()]
";

fn check(cases: &[(&str, &str)]) -> Server {
    let mut server = Server::with_app(SHOW, &[("need-app", "true"), ("master", "false"), ("pp", "x"), ("pp", "y")]);
    for (expression, value) in cases {
        let answer = server.ask(Request::get("/").var("QUERY_STRING", expression));
        assert_eq!(answer.text(), *value, "{expression}");
    }
    server
}

pub(crate) fn attributes() {
    check(&[
        ("uwsgi.version, uwsgi.version_info", "(b'2.0.31', (2, 0, 31, 0, b''))"),
        ("type(uwsgi.hostname), uwsgi.numproc, uwsgi.cores, uwsgi.has_threads", "(<class 'bytes'>, 1, 1, 1)"),
        ("uwsgi.buffer_size, uwsgi.started_on, uwsgi.is_a_reload", "(65536, 1700000000, False)"),
        ("uwsgi.opt['pp'], uwsgi.opt['need-app'], uwsgi.opt['wsgi-file']", "(b'y', True, b'app.py')"),
        (
            "[uwsgi.opt[name] for name in ('enable-threads', 'py-call-uwsgi-fork-hooks', 'master')]",
            "[True, True, b'false']",
        ),
        (
            "[__import__('importlib.util').util.find_spec(name).name for name in ('uwsgi', 'uwsgidecorators')]",
            "['uwsgi', 'uwsgidecorators']",
        ),
        ("repr(uwsgi)", "\"<module 'uwsgi'>\""),
        ("list(uwsgi.applications), callable(uwsgi.applications[b''])", "([b''], True)"),
        ("uwsgi.SPOOL_OK, uwsgi.SPOOL_RETRY, uwsgi.SPOOL_IGNORE", "(-2, -1, 0)"),
    ]);
}

pub(crate) fn functions() {
    let server = check(&[
        ("uwsgi.worker_id(), uwsgi.masterpid(), uwsgi.mule_id()", "(0, 4242, 0)"),
        ("uwsgi.request_id(), uwsgi.total_requests()", "(7, 70)"),
        ("uwsgi.log('a line')", "True"),
        ("[n > 1_000_000 for n in uwsgi.mem()]", "[True, True]"),
        ("uwsgi.micros() > 1_600_000_000_000_000", "True"),
        ("uwsgi.reload(), uwsgi.stop()", "(True, True)"),
        ("uwsgi.setprocname('shop')", "None"),
    ]);
    assert!(server.host.log().contains("a line\n"));
    assert_eq!(server.host.titles(), ["shop"]);
    assert_eq!(server.host.controls(), [CONTROL_RELOAD, CONTROL_STOP]);
}

pub(crate) fn request_functions() {
    let mut server = Server::with_app(SHOW, &[]);
    let request = Request::post("/", b"12345").var("QUERY_STRING", "uwsgi.cl(), uwsgi.set_logvar('a', 'b'), uwsgi.set_logvar(b'a', b'c'), uwsgi.get_logvar('a'), uwsgi.get_logvar('z')");
    let answer = server.ask(request);
    assert_eq!(answer.text(), "(5, None, None, b'c', None)");
    assert_eq!(answer.log_variables, [("a".to_owned(), "b".to_owned()), ("a".to_owned(), "c".to_owned())]);
    assert_eq!(server.text("/?uwsgi.get_logvar('a')"), "None", "the next request starts without");
    let answer = server.get("/?uwsgi.disconnect()");
    assert_eq!((answer.text().as_str(), answer.complete, answer.outcome.exceptions), ("", true, 0));
    let elsewhere = "__import__('concurrent.futures').futures.ThreadPoolExecutor().submit(uwsgi.cl).result()";
    let answer = server.get(&format!("/?{elsewhere}"));
    assert_eq!(answer.text(), "('RuntimeError', 'no request is being served on this thread')");
}

pub(crate) fn sendfile_of_a_missing_file() {
    let server = check(&[("uwsgi.sendfile('/no where/\\n\\x1b[31mred\\u0085')", "None")]);
    let log = server.host.log();
    let line = "sendfile: /no where/\\n\\u{1b}[31mred\\u{85}: No such file or directory (os error 2)\n";
    assert!(log.contains(line), "{log}");
}

pub(crate) fn decorators() {
    check(&[
        ("uwsgidecorators.thread(lambda x: x)(1).join()", "None"),
        ("uwsgidecorators.rpc(3)", "('RuntimeError', 'uwsgidecorators.rpc needs RPC, which rsgi does not build yet')"),
        ("uwsgidecorators.timer(3, signum=4)(print)", "('ValueError', 'unable to register signal')"),
        (
            "uwsgidecorators.spool(print)",
            "('Exception', 'you have to enable the uWSGI spooler to use @_spool decorator')",
        ),
        ("uwsgidecorators.mulefunc(print)('x')", "('ValueError', 'no mule configured')"),
        ("uwsgidecorators.manage_spool_request({b'ud_spool_func': b'nobody'})", "0"),
        ("uwsgi.mule_get_msg()", "('ValueError', 'you can receive mule messages only in a mule !!!')"),
        (
            "uwsgi.mule_get_msg(signals=None, farms=0)",
            "('ValueError', 'you can receive mule messages only in a mule !!!')",
        ),
        ("uwsgi.farm_msg('mails', b'x'), uwsgi.in_farm(), uwsgi.i_am_the_spooler()", "(None, None, None)"),
    ]);
}

pub(crate) fn harakiri() {
    let server = check(&[
        ("uwsgidecorators.harakiri(3)(divmod)(7, 2)", "(3, 1)"),
        ("uwsgidecorators.harakiri(4)(dict)(a=1)", "{'a': 1}"),
        ("uwsgidecorators.harakiri(5)(int)('x')", "('ValueError', \"invalid literal for int() with base 10: 'x'\")"),
        ("uwsgidecorators.harakiri(99)(len)('four')", "4"),
        (
            "uwsgidecorators.harakiri(1)(check).__name__, uwsgidecorators.harakiri(1)(check).__doc__",
            "('check', 'Doc.')",
        ),
    ]);
    assert_eq!(server.host.deadlines(), [3, 0, 4, 0, 5, 0, 99], "taken back also after an exception");
}

pub(crate) fn absent() {
    check(&[
        ("uwsgi.cache_get('x')", "('AttributeError', \"module 'uwsgi' has no attribute 'cache_get'\")"),
        ("hasattr(uwsgi, 'rpc'), hasattr(uwsgi, 'spool')", "(False, False)"),
    ]);
}
