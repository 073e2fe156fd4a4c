//! Which applications are found, and what is said when they are not.

use crate::support::{Server, write};

const APP: &str = "
import sys
def application(environ, start_response):
    start_response('200 OK', [])
    return [repr(eval(environ['QUERY_STRING'])).encode()]
other = application
def factory(*args, **kwargs):
    print('made', args, kwargs)
    sys.made = (args, kwargs)
    return application
class Holder:
    app = staticmethod(application)
number = 1
";

/// Starts, loads and serves in an empty directory with `shop/wsgi.py` and `my-app.py`.
fn load(settings: &[(&str, &str)]) -> Server {
    Server::enter_directory();
    write("shop/__init__.py", "");
    write("shop/wsgi.py", APP);
    write("my-app.py", APP);
    let mut server = Server::start(settings).expect("an interpreter");
    let loaded = server.language.load_apps();
    assert!(loaded.is_ok() || settings.iter().any(|(key, _)| *key == "mount"), "{}", server.host.log());
    server.serve();
    server
}

/// The reason in the report of the one application that failed.
fn reason(settings: &[(&str, &str)]) -> String {
    let server = load(settings);
    let reports = server.host.reports();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].id, None);
    assert!(server.host.log().contains(&reports[0].error));
    reports[0].error.clone()
}

fn evaluates(settings: &[(&str, &str)], expression: &str, value: &str) {
    let mut server = load(settings);
    assert_eq!(server.text(&format!("/?{expression}")), value, "{settings:?}\n{}", server.host.log());
}

pub(crate) fn module() {
    evaluates(&[("module", "shop.wsgi")], "__name__", "'shop.wsgi'");
}
pub(crate) fn module_with_name() {
    evaluates(&[("wsgi", "shop.wsgi:other")], "1", "1");
}
pub(crate) fn module_with_callable() {
    evaluates(&[("module", "shop.wsgi"), ("callable", "factory()")], "sys.made", "((), {})");
}
pub(crate) fn module_with_call() {
    evaluates(&[("module", "shop.wsgi:factory()")], "sys.made", "((), {})");
}
pub(crate) fn module_with_arguments() {
    evaluates(&[("module", "shop.wsgi:factory('x', debug=[1, None])")], "sys.made", "(('x',), {'debug': [1, None]})");
}
pub(crate) fn module_with_dots() {
    evaluates(&[("module", "shop.wsgi:Holder.app")], "1", "1");
}
pub(crate) fn file() {
    evaluates(&[("wsgi-file", "my-app.py")], "__name__, __file__", "('uwsgi_file_my-app', 'my-app.py')");
}
pub(crate) fn file_in_sys_modules() {
    evaluates(&[("file", "./shop/wsgi.py"), ("callable", "other")], "__name__ in sys.modules", "True");
}
pub(crate) fn eval() {
    evaluates(&[("eval", APP)], "1 + 1", "2");
}

pub(crate) fn the_first_becomes_the_default() {
    let server = load(&[("wsgi-file", "my-app.py"), ("module", "shop.wsgi")]);
    let reports: Vec<_> = server.host.reports().into_iter().map(|r| (r.id, r.is_default, r.name)).collect();
    assert_eq!(reports, [(Some(0), true, "shop.wsgi".to_owned())]);
    assert!(server.host.log().contains("mountpoint  already configured. skip."), "{}", server.host.log());
}

pub(crate) fn several_in_one_module() {
    Server::enter_directory();
    write("many.py", &format!("{APP}\napplications = {{'/': application, '/x': 'other', '/y/': factory()}}\n"));
    let server = Server::start(&[("module", "many")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(3), "{}", server.host.log());
    let mounts: Vec<_> = server.host.reports().into_iter().map(|report| report.mountpoint).collect();
    assert_eq!(mounts, ["", "/x", "/y"]);
}

pub(crate) fn missing_module() {
    let reason = reason(&[("module", "shop.nothing:app")]);
    assert!(reason.starts_with("no module named shop.nothing: is chdir or pythonpath right? cwd is /"), "{reason}");
    assert!(reason.contains("sys.path is ['.', '', "), "{reason}");
}

pub(crate) fn missing_dependency() {
    Server::enter_directory();
    write("needs.py", "import flask_that_is_not_there\n");
    let server = Server::start(&[("module", "needs")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(0));
    let reason = &server.host.reports()[0].error;
    assert!(
        reason.starts_with("needs needs the module flask_that_is_not_there, which is not installed in "),
        "{reason}"
    );
    assert!(server.host.log().contains("Traceback (most recent call last):\n"));
}

pub(crate) fn missing_callable() {
    assert_eq!(
        reason(&[("wsgi-file", "my-app.py"), ("callable", "nope")]),
        "unable to find \"nope\" callable in file my-app.py: name yours with `callable`, or as `module = mod:name`"
    );
}
pub(crate) fn uncallable() {
    assert!(
        reason(&[("module", "shop.wsgi:number")]).starts_with("unable to find \"number\" callable in module shop.wsgi")
    );
}
pub(crate) fn nonsense_behind_the_colon() {
    assert_eq!(
        reason(&[("module", "shop.wsgi:factory(open('x'))")]),
        "\"factory(open('x'))\" is neither a name nor a call with literal arguments, such as create_app(\"x\")"
    );
}
pub(crate) fn missing_file() {
    let reason = reason(&[("wsgi-file", "no/such.py")]);
    assert!(reason.starts_with("failed to open python file no/such.py: No such file or directory"), "{reason}");
}

pub(crate) fn file_given_as_module() {
    assert_eq!(reason(&[("module", "my-app.py")]), "my-app.py is a file: load it by wsgi-file = my-app.py");
}

pub(crate) fn several_through_the_uwsgi_module() {
    Server::enter_directory();
    write("many.py", &format!("{APP}\nimport uwsgi\nuwsgi.applications = {{'/m': application}}\n"));
    write("one.py", APP);
    let server = Server::start(&[("module", "many"), ("mount", "/one=one.py")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(2), "{}", server.host.log());
    let mounts: Vec<_> = server.host.reports().into_iter().map(|report| report.mountpoint).collect();
    assert_eq!(mounts, ["/m", "/one"]);
}

pub(crate) fn syntax_error() {
    Server::enter_directory();
    write("bad.py", "def application(:\n");
    let server = Server::start(&[("wsgi-file", "bad.py")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(0));
    assert!(server.host.reports()[0].error.starts_with("bad.py failed: SyntaxError: "), "{:?}", server.host.reports());
    assert!(server.host.log().contains("File \"bad.py\", line 1"), "{}", server.host.log());
}

pub(crate) fn exit_while_importing() {
    Server::enter_directory();
    write("quits.py", "import sys\nsys.exit(9)\n");
    let server = Server::start(&[("module", "quits")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(0));
    assert_eq!(server.host.reports()[0].error, "quits asked to exit while it was imported (SystemExit: 9)");
}

pub(crate) fn failing_mount() {
    Server::enter_directory();
    let server = Server::start(&[("mount", "/x=missing.py")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Err(-22));
}

pub(crate) fn imports_and_aliases() {
    Server::enter_directory();
    write("early.py", "import sys\nsys.order = ['early']\n");
    write("lib/first.py", "import sys\nsys.order.append('first')\n");
    write("broken.py", "1 / 0\n");
    write("app.py", &format!("{APP}\nimport nick, sys\nsys.order.append(nick.__name__)\n"));
    let settings = [
        ("shared-import", "early"),
        ("import", "lib/first.py"),
        ("py-import", "broken"),
        ("pymodule-alias", "nick=early"),
        ("module", "app"),
    ];
    let mut server = Server::start(&settings).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
    server.serve();
    assert_eq!(server.text("/?sys.order"), "['early', 'first', 'early']");
    assert!(server.host.log().contains("ZeroDivisionError") && server.host.log().contains("import = broken failed"));
}

pub(crate) fn search_path() {
    Server::enter_directory();
    write("a/app.py", APP);
    write("lib1/x", "");
    write("lib2/x", "");
    std::env::set_current_dir("a").expect("a directory");
    let settings = [("pythonpath", ".."), ("pp", "../lib*"), ("python-path", "/no/such"), ("module", "app")];
    let mut server = Server::start(&settings).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
    server.serve();
    assert_eq!(server.text("/?sys.path[:6]"), "['/no/such', '../lib2/', '../lib1/', '../', '.', '']");
}
