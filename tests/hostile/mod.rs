//! Broken and hostile input at every door that speaks something else than HTTP: uwsgi, FastCGI, SCGI and the PROXY header. Whatever
//! comes, afterwards the same processes serve, on every core, and hold no more than before.
//!
//! Links, which only routers and workers speak, are asked the same in `src/core/worker/tests` and `src/core/router/tests`.

mod broken;
mod doors;
mod floods;
mod health;
mod mutations;
mod trust;

use crate::support::{Kind, Running, Server};

/// What answers through every door.
const PORT: u16 = 3031;
/// Workers and threads.
const PROCESSES: usize = 2;
const THREADS: usize = 2;

/// Says `WHOLE` and the body only when all of it has come, shows its variables, or waits until every core is at work.
const APP: &str = "\
import json, os, threading, time

def meet(name):
    os.makedirs(name, exist_ok=True)
    open(f'{name}/{os.getpid()}-{threading.get_ident()}', 'w').close()
    until = time.monotonic() + 20
    while len(os.listdir(name)) < 4 and time.monotonic() < until:
        time.sleep(0.005)
    return str(len(os.listdir(name)))

def application(environ, start_response):
    path = environ.get('PATH_INFO', '')
    if path.startswith('/meet/'):
        body = 'MET ' + meet(path[1:])
    elif path == '/seen':
        body = json.dumps({key: value for key, value in environ.items() if isinstance(value, str)})
    else:
        body = 'WHOLE ' + environ['wsgi.input'].read().decode('latin-1')
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [body.encode('latin-1')]
";

fn start(door: &doors::Door, options: &str) -> Running {
    let arguments = format!("{} --wsgi-file app.py --processes {PROCESSES} --threads {THREADS}", door.options);
    let server = Server::of(Kind::Rsgi, &format!("{arguments} --socket-timeout 5 --disable-logging {options}"));
    let server = server.file("app.py", APP).start();
    server.workers(PROCESSES);
    server
}
