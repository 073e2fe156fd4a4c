//! What applications return, and what becomes of it.

use crate::support::Server;

pub(crate) fn hello() {
    let mut server = Server::with_app(
        "def application(env, start_response):\n    start_response('200 OK', [('Content-Type', 'text/html')])\n    return [b'Hello World']\n",
        &[],
    );
    let answer = server.get("/");
    assert_eq!((answer.status.as_str(), answer.text().as_str()), ("200 OK", "Hello World"));
    assert_eq!(answer.headers, ["Content-Type: text/html"]);
    assert!(answer.complete);
    assert_eq!((answer.outcome.app, answer.outcome.switches, answer.outcome.exceptions), (0, 1, 0));
}
