//! Every protocol that a web server or a proxy in front may speak.

mod proxy;

use crate::support::nginx::Nginx;
use crate::support::{Client, Running, Server};

/// What has to work through every protocol that a web server in front may speak.
fn prove(mut client: Client) {
    assert_eq!(client.get("/hello").expect(200).text(), "hello");
    let body = vec![b'z'; 700_000];
    client.send(format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len()));
    let response = client.send(&body).response().expect(200);
    assert!(response.body == body, "{} bytes came back", response.body.len());
    assert_eq!(client.get("/stream").expect(200).text(), "one two three");
    assert_eq!(client.get("/empty").expect(204).body, b"");
    let environ = client.get("/environ/a%20b?c=d").expect(200).json();
    for (key, value) in [
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", "c=d"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "localhost"),
        ("wsgi.url_scheme", "http"),
    ] {
        assert_eq!(environ[key], value, "{key} in {environ:#}");
    }
}

fn serve(option: &str) -> (Running, String) {
    let server = Server::new(&format!("--{option} {{ip}}:3031 --wsgi-file {{apps}}/probe.py --threads 2")).start();
    let address = server.address(3031).to_string();
    (server, address)
}

#[test]
fn fastcgi_behind_nginx() {
    let (_server, address) = serve("fastcgi-socket");
    let location =
        format!("include /etc/nginx/fastcgi_params; fastcgi_param PATH_INFO $document_uri; fastcgi_pass {address};");
    prove(Nginx::passing(&location, "").connect());
}

/// nginx keeps its connections to the server (`KEEP_CONN`).
#[test]
fn fastcgi_connections_are_kept() {
    let (_server, address) = serve("fastcgi-socket");
    let location = "include /etc/nginx/fastcgi_params; fastcgi_param PATH_INFO $document_uri; \
                    fastcgi_keep_conn on; fastcgi_pass kept;";
    let nginx = Nginx::passing(location, &format!("upstream kept {{ server {address}; keepalive 1; }}"));
    let mut client = nginx.connect();
    for _ in 0..3 {
        client.get("/hello").expect(200);
    }
    prove(nginx.connect());
}

#[test]
fn scgi_behind_nginx() {
    let (_server, address) = serve("scgi-socket");
    let location = format!("include /etc/nginx/scgi_params; scgi_param PATH_INFO $document_uri; scgi_pass {address};");
    prove(Nginx::passing(&location, "").connect());
}

#[test]
fn http_behind_nginx_with_kept_connections() {
    let (_server, address) = serve("http-socket");
    let location = "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_pass http://kept;";
    let nginx = Nginx::passing(location, &format!("upstream kept {{ server {address}; keepalive 4; }}"));
    prove(nginx.connect());
}

#[test]
fn the_protocol_of_plain_sockets_can_be_chosen() {
    let server = Server::new("--socket {ip}:3031 --protocol scgi --wsgi-file {apps}/probe.py").start();
    let address = server.address(3031);
    let location = format!("include /etc/nginx/scgi_params; scgi_param PATH_INFO $document_uri; scgi_pass {address};");
    prove(Nginx::passing(&location, "").connect());
}

#[test]
fn one_shared_socket_serves_router_or_worker() {
    for (options, shared) in [("--http =0", "http"), ("--http-socket =0", "http-socket")] {
        let server =
            Server::new(&format!("--shared-socket {{ip}}:3031 {options} --wsgi-file {{apps}}/probe.py")).start();
        server.get(3031, "/hello").expect(200);
        assert_eq!(server.stop().code, 0, "{shared}");
    }
}
