//! Functions of the module `uwsgi`, on uWSGI and on rsgi.

mod bodies;
mod locks;
mod workers;

use crate::support::{Kind, Running, Server};

/// Serves `api.py`, which answers with what the expression in the query is.
#[track_caller]
fn start(kind: Kind, options: &str) -> Running {
    let door = "--http-socket {ip}:3031 --http-chunked-input --master --wsgi-file {apps}/api.py";
    Server::of(kind, &format!("{door} {options}")).start()
}

/// What an expression is to the worker that answers: its `repr`, or that of what it raises.
#[track_caller]
fn ask(server: &Running, expression: &str) -> String {
    let expression = expression.replace(' ', "%20");
    server.get(3031, &format!("/?{expression}")).expect(200).text().to_owned()
}

#[test]
fn an_application_may_reload_the_instance() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = start(kind, "");
        let before = ask(&server, "os.getpid()");
        assert_eq!(ask(&server, "uwsgi.reload()"), "True", "{kind:?}");
        crate::support::eventually("another worker", || {
            // While uWSGI starts itself anew, nobody may listen for a moment.
            let listens = crate::support::processes::listeners().contains(&server.address(3031));
            (listens && ask(&server, "os.getpid()") != before).then_some(())
        });
    }
}
