//! nginx in front: what it takes for a request and what the application sees have to be the same requests.
//!
//! nginx gives each request that it passes on an identifier of its own, and logs it with what it has read. A request that
//! nobody sent would reach the application without an identifier, with one that was there before, or with another method,
//! target or body than nginx has logged.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::corpus;
use super::doors::followed;
use super::exchange::{Way, exchange_within};
use super::witness::{self, value};
use crate::support::nginx::Nginx;
use crate::support::{Running, eventually};

/// nginx keeps its connections to rsgi, and one request after the other goes over them: so would what was left of one.
fn front(server: &Running, pass: &str) -> Nginx {
    let log = server.dir().join("front.log");
    let http = format!(
        r#"log_format read escape=json '{{"id":"$request_id","method":"$request_method","uri":"$request_uri","body":"$request_body","status":"$status","behind":"$upstream_addr"}}';
        ignore_invalid_headers off; underscores_in_headers on;
        upstream direct {{ server {direct}; keepalive 1; }}
        upstream router {{ server {router}; keepalive 1; }}"#,
        direct = server.address(3031),
        router = server.address(9090),
    );
    let location = format!(
        "access_log {} read; client_body_buffer_size 128k; \
         client_body_in_single_buffer on; {pass}",
        log.display()
    );
    Nginx::passing(&location, &http)
}

/// Sends the whole corpus through nginx and compares what it has read with what the application has.
#[track_caller]
fn nobody_is_deceived(server: &Running, pass: &str) {
    let keeps_bodies = !pass.contains("proxy_request_buffering off");
    let nginx = front(server, pass);
    let cases = corpus::all();
    for (index, case) in cases.iter().enumerate() {
        for way in [Way::Whole, Way::Split(index as u64)] {
            // nginx waits for some of what rsgi refuses at once; what it has passed on by then is compared as well.
            exchange_within(nginx.address(), &followed(&case.bytes), way, Duration::from_millis(250));
        }
    }
    let read = read_by_nginx(server);
    let records = witness::records(server);
    let (mut seen, mut wrong) = (HashMap::new(), Vec::new());
    for record in records.values() {
        let id = value(record, "HTTP_X_FRONT").unwrap_or_default();
        if seen.insert(id, record).is_some() {
            wrong.push(format!("a second request of {id}: {record:?}"));
        }
        let Some(sent) = read.get(id) else {
            wrong.push(format!("a request that nginx has not sent: {record:?}"));
            continue;
        };
        for (name, variable) in [("method", "REQUEST_METHOD"), ("uri", "REQUEST_URI"), ("body", "body")] {
            let mut sent = sent[name].as_str().unwrap_or_default().to_owned();
            if name == "uri" && sent.starts_with('?') && pass.contains("proxy_pass") {
                // Of `http://host?query`, to which nginx adds the slash.
                sent.insert(0, '/');
            }
            // A body that the application has left is not known, nor one that nginx has not kept.
            let known = value(record, variable).filter(|_| name != "body" || keeps_bodies);
            if known.is_some_and(|got| got != sent) {
                wrong.push(format!("{name} was {sent:?} for nginx: {record:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(records.len() > cases.len() / 2, "only {} of {} requests passed nginx", records.len(), read.len());
}

/// nginx' log, by identifier. Bytes beyond ASCII stand in it as they are.
fn read_by_nginx(server: &Running) -> HashMap<String, Value> {
    let whole = || {
        let bytes = std::fs::read(server.dir().join("front.log")).ok()?;
        let text = corpus::latin(&bytes);
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
        let read: HashMap<_, _> =
            lines.map(|line| (line["id"].as_str().expect("an identifier").to_owned(), line)).collect();
        // It logs a request when it is over.
        let ids = witness::records(server);
        ids.values().all(|record| value(record, "HTTP_X_FRONT").is_none_or(|id| read.contains_key(id))).then_some(read)
    };
    eventually("nginx logs what it has passed on", whole)
}

const OVER_HTTP: &str =
    "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Front $request_id;";

#[test]
fn nginx_and_the_workers_socket_read_the_same_requests() {
    nobody_is_deceived(&witness::start(""), &format!("{OVER_HTTP} proxy_pass http://direct;"));
}

#[test]
fn nginx_and_the_router_read_the_same_requests() {
    nobody_is_deceived(&witness::start(""), &format!("{OVER_HTTP} proxy_pass http://router;"));
}

#[test]
fn nginx_that_streams_bodies_and_the_workers_socket_read_the_same_requests() {
    let pass = format!("{OVER_HTTP} proxy_request_buffering off; proxy_pass http://direct;");
    nobody_is_deceived(&witness::start(""), &pass);
}

#[test]
fn nginx_and_the_uwsgi_socket_read_the_same_requests() {
    let server = witness::start("--uwsgi-socket {ip}:3032");
    let pass = format!(
        "include /etc/nginx/uwsgi_params; uwsgi_param HTTP_X_FRONT $request_id; uwsgi_pass {};",
        server.address(3032)
    );
    nobody_is_deceived(&server, &pass);
}

#[test]
fn nginx_that_streams_bodies_and_the_router_read_the_same_requests() {
    let pass = format!("{OVER_HTTP} proxy_request_buffering off; proxy_pass http://router;");
    nobody_is_deceived(&witness::start(""), &pass);
}

#[test]
fn nginx_and_the_fastcgi_socket_read_the_same_requests() {
    let server = witness::start("--fastcgi-socket {ip}:3032");
    let pass = format!(
        "include /etc/nginx/fastcgi_params; fastcgi_param PATH_INFO $document_uri; \
         fastcgi_param HTTP_X_FRONT $request_id; fastcgi_keep_conn on; fastcgi_pass {};",
        server.address(3032)
    );
    nobody_is_deceived(&server, &pass);
}

#[test]
fn nginx_and_the_scgi_socket_read_the_same_requests() {
    let server = witness::start("--scgi-socket {ip}:3032");
    let pass = format!(
        "include /etc/nginx/scgi_params; scgi_param PATH_INFO $document_uri; scgi_param HTTP_X_FRONT $request_id; \
         scgi_pass {};",
        server.address(3032)
    );
    nobody_is_deceived(&server, &pass);
}
