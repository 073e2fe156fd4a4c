//! The interpreter that applications see.

use std::process::Command;

use crate::support::{Server, write};

const SHOW: &str = "
import os, signal, subprocess, sys
seen = []
def application(environ, start_response):
    start_response('200 OK', [])
    return [repr(eval(environ['QUERY_STRING'], globals())).encode()]
";

/// The program of the Python that this was built for.
const PYTHON: &str = env!("RSGI_PYTHON_EXECUTABLE");

pub(crate) fn ordinary() {
    let mut server = Server::with_app(SHOW, &[]);
    assert_eq!(server.text("/?sys.argv"), "['uwsgi']");
    assert_eq!(server.text("/?sys.executable"), format!("'{PYTHON}'"));
    assert_eq!(server.text("/?subprocess.check_output([sys.executable,'-c','import sys;print(sys.prefix)'],text=True)==sys.prefix+chr(10)"), "True");
    let pool = "__import__('multiprocessing').get_context('spawn').Pool(1).map(abs,[-1])";
    assert_eq!(server.text(&format!("/?{pool}")), "[1]");
    for module in ["ssl", "ctypes", "hashlib", "sqlite3", "decimal"] {
        assert_eq!(server.text(&format!("/?__import__('{module}').__name__")), format!("'{module}'"));
    }
    assert!(server.host.log().starts_with(&format!("Python version: {}.", env!("RSGI_PYTHON_VERSION"))));
}

pub(crate) fn options() {
    let settings = [("pyargv", "--one  two"), ("py-executable", "/bin/other"), ("optimize", "1"), ("no-site", "true")];
    let mut server = Server::with_app(SHOW, &settings);
    assert_eq!(server.text("/?sys.argv"), "['uwsgi', '--one', 'two']");
    assert_eq!(server.text("/?sys.executable,sys.flags.optimize,sys.flags.no_site"), "('/bin/other', 1, 1)");
}

pub(crate) fn virtual_environment() {
    Server::enter_directory();
    let made = Command::new(PYTHON).args(["-m", "venv", "--without-pip", "env"]).status().expect("python runs");
    assert!(made.success());
    write(&format!("env/lib/python{}/site-packages/only_here.py", env!("RSGI_PYTHON_VERSION")), "value = 42\n");
    write("app.py", SHOW);
    let mut server = Server::start(&[("virtualenv", "env"), ("module", "app")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
    server.serve();
    let home = server.directory.join("env").display().to_string();
    assert_eq!(server.text("/?sys.prefix"), format!("'{home}'"));
    assert_eq!(server.text("/?sys.executable"), format!("'{home}/bin/python'"));
    assert_eq!(server.text("/?sys.base_prefix!=sys.prefix"), "True");
    assert_eq!(server.text("/?__import__('only_here').value"), "42");
    let child = "subprocess.check_output([sys.executable,'-c','import only_here;print(only_here.value)'],text=True)";
    assert_eq!(server.text(&format!("/?{child}")), "'42\\n'");
    assert!(server.host.log().contains("Set PythonHome to env\n"), "{}", server.host.log());
}

pub(crate) fn installation() {
    Server::enter_directory();
    write("app.py", SHOW);
    let prefix = std::path::Path::new(PYTHON).parent().and_then(std::path::Path::parent).expect("a prefix");
    let prefix = prefix.to_str().expect("text");
    let mut server = Server::start(&[("pyhome", prefix), ("module", "app")]).expect("an interpreter");
    assert_eq!(server.language.load_apps(), Ok(1), "{}", server.host.log());
    server.serve();
    assert_eq!(server.text("/?sys.prefix,sys.base_prefix"), format!("('{prefix}', '{prefix}')"));
    assert_eq!(server.text("/?__import__('ssl').__name__"), "'ssl'");
}

pub(crate) fn bad_home() {
    let (code, host) = Server::start(&[("home", "/no/such/env")]).err().expect("no interpreter");
    assert_eq!(code, 1);
    assert!(host.log().contains("!!! Python Home is not a directory: /no/such/env !!!"), "{}", host.log());
}

pub(crate) fn wrong_version() {
    Server::enter_directory();
    write("env/pyvenv.cfg", "home = /usr/bin\nversion = 3.1.4\n");
    let (code, host) = Server::start(&[("venv", "env")]).err().expect("no interpreter");
    assert_eq!(code, 1);
    let both = format!("is made for Python 3.1, this plugin runs Python {}", env!("RSGI_PYTHON_VERSION"));
    assert!(host.log().contains(&both), "{}", host.log());
}

pub(crate) fn signals() {
    let source = format!("{SHOW}\nsignal.signal(signal.SIGUSR1, lambda *a: seen.append('usr1'))\n");
    let mut server = Server::with_app(&source, &[]);
    assert_eq!(server.text("/?signal.getsignal(signal.SIGINT)==signal.SIG_DFL"), "True", "SIGINT is left alone");
    let sent = Command::new("kill").args(["-USR1", &std::process::id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    server.language.check_signals();
    assert_eq!(server.text("/?seen"), "['usr1']");
    assert_eq!(server.text("/?signal.signal(signal.SIGUSR2,signal.SIG_IGN)"), "<Handlers.SIG_DFL: 0>");
}

pub(crate) fn stdio() {
    let mut server = Server::with_app(SHOW, &[]);
    assert_eq!(server.text("/?sys.stdout.line_buffering,sys.stderr.line_buffering"), "(True, True)");
}
