//! What the server tells of itself.

use super::{ask, start};
use crate::support::{Kind, Running, eventually};

const BOTH: [Kind; 2] = [Kind::Uwsgi, Kind::Rsgi];

#[test]
fn workers_are_told_with_uwsgis_names() {
    for kind in BOTH {
        let server = start(kind, "--processes 2");
        let names = ask(&server, "[*uwsgi.workers()[0]]");
        let expected = "['id', 'pid', 'requests', 'delta_requests', 'signals', 'exceptions', 'status', 'rss', 'vsz', \
            'running_time', 'last_spawn', 'respawn_count', 'tx', 'avg_rt', 'apps']";
        assert_eq!(names, expected, "{kind:?}");
        let app = ask(&server, "[uwsgi.workers()[1]['apps'][0][k] for k in ('id','modifier1','mountpoint','chdir')]");
        assert_eq!(app, "[0, 0, b'', b'']", "{kind:?}");
        assert_eq!(ask(&server, "type(uwsgi.workers()),len(uwsgi.workers())"), "(<class 'tuple'>, 2)", "{kind:?}");
    }
}

/// The entry of the worker that answers.
fn mine(server: &Running, what: &str) -> String {
    ask(server, &format!("[w{what} for w in uwsgi.workers() if w['id'] == uwsgi.worker_id()]"))
}

#[test]
fn workers_are_told_as_they_are() {
    for kind in BOTH {
        let server = start(kind, "--processes 2");
        assert_eq!(mine(&server, "['pid']==os.getpid()"), "[True]", "{kind:?}");
        assert_eq!(mine(&server, "['status']"), "[b'busy']", "{kind:?}");
        // A request is counted, and its worker idle, a moment after its answer has arrived.
        eventually("another that is idle", || {
            let others = ask(&server, "[w['status'] for w in uwsgi.workers() if w['id'] != uwsgi.worker_id()]");
            (others == "[b'idle']").then_some(())
        });
        eventually("requests that are counted", || {
            let sums = "[sum(w[k] for w in uwsgi.workers())>2 for k in ('requests','delta_requests','tx')]";
            (ask(&server, sums) == "[True, True, True]").then_some(())
        });
        assert_eq!(mine(&server, "['last_spawn']>=uwsgi.started_on>0"), "[True]", "{kind:?}");
    }
}

#[test]
fn listening_sockets_are_told_with_their_queues() {
    for kind in BOTH {
        let server = start(kind, "");
        let name = "__import__('socket').socket(fileno=os.dup(uwsgi.sockets[0])).getsockname()[1]";
        assert_eq!(ask(&server, name), server.address(3031).port().to_string(), "{kind:?}");
        assert_eq!(
            ask(&server, "len(uwsgi.sockets),uwsgi.listen_queue(),uwsgi.listen_queue(0)"),
            "(1, 0, 0)",
            "{kind:?}"
        );
        let none = ask(&server, "uwsgi.listen_queue(1)");
        assert_eq!(none, "ValueError('unable to find socket 1')", "{kind:?}");
        assert!(ask(&server, "uwsgi.listen_queue('a')").starts_with("TypeError("), "{kind:?}");
    }
    assert_eq!(ask(&start(Kind::Rsgi, ""), "uwsgi.listen_queue(-1)"), "ValueError('unable to find socket -1')");
}

#[test]
fn a_server_is_ready_once_it_serves() {
    for kind in BOTH {
        let server = start(kind, "");
        assert_eq!(ask(&server, "uwsgi.ready(),uwsgi.accepting()"), "(True, None)", "{kind:?}");
    }
    assert_eq!(ask(&start(Kind::Rsgi, ""), "ready_at_import"), "None");
}

#[test]
fn options_are_told_by_the_names_that_were_written() {
    for kind in BOTH {
        let server = start(kind, "--pp /a --pp /b --set mine=1 --set-placeholder other=x");
        let expression = "[uwsgi.opt[k] for k in ('pp','mine','other','master')],type(uwsgi.opt)";
        assert_eq!(ask(&server, expression), "([b'/b', b'1', b'x', True], <class 'dict'>)", "{kind:?}");
    }
}
