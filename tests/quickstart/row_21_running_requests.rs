//! The stats show what each core is at: the `vars` of running requests.

use super::row_06_stats::{COMMAND, cores, stats};
use crate::support::{Kind, Server, eventually};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        a_running_request_is_shown(kind, "", if kind == Kind::Rsgi { "HTTP_COOKIE=***" } else { "HTTP_COOKIE=id=7" });
    }
}

#[test]
fn secrets_are_shown_to_who_asks_for_them() {
    a_running_request_is_shown(Kind::Rsgi, "--stats-secrets", "HTTP_COOKIE=id=7");
}

fn a_running_request_is_shown(kind: Kind, option: &str, cookie: &str) {
    let command = COMMAND.replace("--http ", "--http-socket ");
    let server = Server::of(kind, &format!("{command} {option}")).start();
    let mut client = server.connect(9090);
    client.send("GET /sleep?2 HTTP/1.1\r\nHost: localhost\r\nCookie: id=7\r\n\r\n");
    let stats = eventually("a core is in the request", || {
        let stats = stats(&server);
        cores(&stats).iter().any(|core| core["in_request"] == 1).then_some(stats)
    });
    let busy: Vec<_> = cores(&stats).into_iter().filter(|core| core["in_request"] == 1).collect();
    assert_eq!(busy.len(), 1);
    let vars: Vec<_> =
        busy[0]["vars"].as_array().expect("vars").iter().map(|var| var.as_str().expect("text")).collect();
    for wanted in ["REQUEST_METHOD=GET", "PATH_INFO=/sleep", "QUERY_STRING=2", "HTTP_HOST=localhost"] {
        assert!(vars.contains(&wanted), "{wanted} in {vars:?}");
    }
    assert_eq!(vars.last(), Some(&""), "uWSGI ends the list so");
    assert!(vars.contains(&cookie), "{cookie} in {vars:?}");
    assert!(busy[0]["req_info"]["request_start"].as_u64().expect("a time") > 1_700_000_000);
    assert!(stats["workers"].as_array().expect("workers").iter().any(|worker| worker["status"] == "busy"));
    client.response().expect(200);
    eventually("the core is idle", || {
        cores(&super::row_06_stats::stats(&server)).iter().all(|core| core["in_request"] == 0).then_some(())
    });
}
