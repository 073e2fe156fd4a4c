//! What the application sees of a request.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::both;
use crate::support::{Server, uwsgi};

/// Keys whose values are each server's own; uWSGI has no `wsgi.input_terminated`.
const OWN: [&str; 4] = ["wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.input_terminated"];

fn plain(value: Value) -> Map<String, Value> {
    let Value::Object(mut map) = value else { panic!("no object: {value}") };
    map.retain(|key, _| !OWN.contains(&key.as_str()));
    map
}

/// Names the keys that differ, and both values.
#[track_caller]
fn assert_same(ours: &Map<String, Value>, theirs: &Map<String, Value>, what: &str) {
    let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let differ = keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
    let list: Vec<String> =
        differ.map(|key| format!("{key}: {:?}, uWSGI {:?}", ours.get(key), theirs.get(key))).collect();
    assert!(list.is_empty(), "{what}\n{}", list.join("\n"));
}

#[test]
fn behind_nginx() {
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {apps}/probe.py --threads 2"));
    for target in ["/environ", "/environ/a b?c=d", "/environ/\u{e9}"] {
        let [mut theirs, mut ours] = servers.each_ref().map(|server| {
            plain(server.connect(3031).send(uwsgi::encode(&uwsgi::get(target))).response().expect(200).json())
        });
        // Which core answers is chance.
        assert!(theirs.remove("uwsgi.core").is_some() && ours.remove("uwsgi.core").is_some());
        // nginx sends none; rsgi gives the empty one that PEP 3333 wants.
        ours.remove("SCRIPT_NAME");
        assert_same(&ours, &theirs, target);
    }
}

#[test]
fn over_http_socket() {
    let servers = both(|kind| Server::of(kind, "--http-socket {ip}:8000 --wsgi-file {apps}/probe.py"));
    for line in
        ["GET /environ", "GET /environ/a%20b%2Fc?x=%20y", "POST /environ/../environ/./x", "PURGE /environ//twice"]
    {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: example.org\r\nContent-Type: text/x\r\nContent-Length: 0\r\nX-Other: ftp\r\n\
             Accept: a\r\nAccept: b\r\nUser-Agent:  blanks  \r\nX-Empty:\r\n\r\n"
        );
        let [mut theirs, mut ours] =
            servers.each_ref().map(|server| plain(server.ask(8000, &request).expect(200).json()));
        // uWSGI keeps blanks at a value's end; RFC 9110 takes them off.
        theirs.remove("HTTP_USER_AGENT");
        assert_eq!(ours.remove("HTTP_USER_AGENT"), Some("blanks".into()));
        // Only rsgi tells the port here.
        assert!(ours.remove("REMOTE_PORT").is_some());
        assert_same(&ours, &theirs, line);
    }
}

#[test]
fn through_the_router() {
    let servers = both(|kind| Server::of(kind, "--http {ip}:9090 --wsgi-file {apps}/probe.py"));
    let request = "GET /environ/a%20b?c HTTP/1.1\r\nHost: example.org\r\nX-Test: 1\r\nConnection: close\r\n\r\n";
    let [mut theirs, mut ours] = servers.each_ref().map(|server| plain(server.ask(9090, request).expect(200).json()));
    // uWSGI swaps the bytes of the port.
    assert!(theirs.remove("REMOTE_PORT").is_some() && ours.remove("REMOTE_PORT").is_some());
    assert_same(&ours, &theirs, "through the router");
}

#[test]
fn https_as_a_proxy_tells_it() {
    let servers = both(|kind| Server::of(kind, "--socket {ip}:3031 --wsgi-file {apps}/probe.py"));
    for (key, value) in [("HTTPS", "on"), ("HTTPS", "1"), ("HTTPS", ""), ("UWSGI_SCHEME", "https")] {
        let [theirs, ours] = servers.each_ref().map(|server| {
            let mut vars = uwsgi::get("/environ");
            vars.push((key.to_owned(), value.to_owned()));
            server.connect(3031).send(uwsgi::encode(&vars)).response().expect(200).json()["wsgi.url_scheme"].clone()
        });
        assert_eq!(ours, theirs, "{key}={value}");
    }
}
