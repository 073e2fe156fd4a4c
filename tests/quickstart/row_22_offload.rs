//! `--offload-threads N`: files are sent by threads of their own.

use std::io::Read;
use std::net::TcpStream;

use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = Server::of(
            kind,
            "--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --offload-threads 2 --stats {ip}:9191",
        )
        .arg("--static-map=/files={dir}/files")
        .file("files/page.html", &"static ".repeat(1000))
        .start();
        let page = server.get(3031, "/files/page.html").expect(200);
        assert_eq!(page.text(), "static ".repeat(1000));
        assert!(server.request_line("/files/page.html").contains(" via offload() "));
        let mut text = String::new();
        TcpStream::connect(server.address(9191)).expect("connected").read_to_string(&mut text).expect("a document");
        let stats: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(stats["sockets"][0]["can_offload"], 1);
    }
}
