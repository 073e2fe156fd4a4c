//! Children that the application forks off, and that come back from it as if they were the worker.

use crate::support::Server;

use super::routes;

/// `double(work)` forks a child that works and returns like its parent, and tells how the child has ended.
const DOUBLE: &str = r"
import os, signal, uwsgi
ends = []
def double(work=lambda: None):
    child = os.fork()
    if child: return ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    work()
@route
def ended(e, s): ok(s); n = repr(ends); ends.clear(); return [n.encode()]
";

fn server(source: &str) -> Server {
    routes(&format!("{DOUBLE}{source}"), &[])
}

pub(crate) fn come_back_from_the_application() {
    let mut server = server("@route\ndef back(e, s): double(); ok(s); return [b'parent']\n");
    assert_eq!(server.text("/back"), "parent");
    assert_eq!(server.text("/ended"), "[1]");
}

pub(crate) fn come_back_from_the_hook_after_the_request() {
    let mut server = server(
        r"
@route
def hook(e, s):
    def back(): uwsgi.after_req_hook = None; double()
    uwsgi.after_req_hook = back
    ok(s); return [b'parent']
",
    );
    assert_eq!(server.text("/hook"), "parent");
    assert_eq!(server.text("/ended"), "[1]");
}

pub(crate) fn come_back_from_handlers_of_signals() {
    let mut server = server(
        r"
uwsgi.register_signal(7, '', lambda number: double())
signal.signal(signal.SIGUSR1, lambda *a: double())
",
    );
    assert!(server.language.remote().signal(7));
    assert_eq!(server.text("/ended"), "[1]");
    raise();
    server.language.check_signals();
    assert_eq!(server.text("/ended"), "[1]");
}

pub(crate) fn exit_with_their_own_code() {
    let mut server = server(
        r"
@route
def exits(e, s): double(lambda: sys.exit(int(e['QUERY_STRING']))); ok(s); return [b'parent']
@route
def hook(e, s):
    def back(): uwsgi.after_req_hook = None; double(lambda: sys.exit(4))
    uwsgi.after_req_hook = back
    ok(s); return [b'parent']
uwsgi.register_signal(7, '', lambda number: double(lambda: sys.exit(5)))
signal.signal(signal.SIGUSR1, lambda *a: double(sys.exit))
",
    );
    for (path, code) in [("/exits?0", "[0]"), ("/exits?3", "[3]"), ("/hook", "[4]")] {
        assert_eq!(server.text(path), "parent", "{path}");
        assert_eq!(server.text("/ended"), code, "{path}");
    }
    assert!(server.language.remote().signal(7));
    assert_eq!(server.text("/ended"), "[5]");
    raise();
    server.language.check_signals();
    assert_eq!(server.text("/ended"), "[0]");
}

fn raise() {
    let sent = std::process::Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

pub(crate) fn send_nothing() {
    let mut server = server(
        r"
import tempfile
def refused(work):
    try: work()
    except OSError: os._exit(7)
    os._exit(8)
with open('data', 'wb') as f: f.write(b'0123456789')
@route
def sendfile(e, s):
    ok(s, ('Content-Length', '10')); double(lambda: refused(lambda: uwsgi.sendfile('data'))); return [b'by parent.']
@route
def websocket(e, s):
    for work in uwsgi.websocket_handshake, uwsgi.websocket_recv, uwsgi.websocket_recv_nb, lambda: uwsgi.websocket_send('x'):
        double(lambda: refused(work))
    ok(s); return [b'parent']
",
    );
    assert_eq!(server.text("/sendfile"), "by parent.");
    assert_eq!(server.text("/ended"), "[7]");
    assert_eq!(server.text("/websocket"), "parent");
    assert_eq!(server.text("/ended"), "[7, 7, 7, 7]");
}
