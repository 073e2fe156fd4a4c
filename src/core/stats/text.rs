//! The document as text: uWSGI's form, with tabs and without blanks behind colons, or minified.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// In front of the document with `stats-http`. The end of the connection is the end of the document.
pub const HTTP_HEAD: &str = "HTTP/1.0 200 OK\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\
                             Content-Type: application/json\r\n\r\n";

/// Writes the document.
#[must_use]
pub fn write(document: &impl Serialize, http: bool, minified: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(16 * 1024);
    if http {
        text.extend_from_slice(HTTP_HEAD.as_bytes());
    }
    let written = if minified {
        document.serialize(&mut Serializer::with_formatter(&mut text, CompactFormatter))
    } else {
        document.serialize(&mut Serializer::with_formatter(&mut text, Tabs(PrettyFormatter::with_indent(b"\t"))))
    };
    // Neither memory nor the model's plain types can fail to be written.
    debug_assert!(written.is_ok());
    text
}

/// The library's indentation, with a bare colon.
struct Tabs(PrettyFormatter<'static>);

impl Formatter for Tabs {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::model::{App, Core, Instance, RequestInfo, Socket, Worker};

    fn instance() -> Instance {
        let app = App {
            id: 0,
            modifier1: 0,
            mountpoint: String::new(),
            startup_time: 1,
            requests: 3,
            exceptions: 1,
            chdir: "",
        };
        let idle = Core { id: 1, in_request: 0, req_info: RequestInfo { request_start: None }, ..busy() };
        let core = Core { vars: vec!["PATH_INFO=/\"a\"".into(), String::new()], ..busy() };
        Instance {
            version: "0.1.0",
            pid: 17,
            cwd: "/srv/app".into(),
            sockets: vec![Socket {
                name: "127.0.0.1:3031".into(),
                proto: "uwsgi",
                queue: 0,
                max_queue: 100,
                shared: 0,
                can_offload: 0,
            }],
            workers: vec![Worker {
                id: 1,
                pid: 18,
                accepting: 1,
                requests: 2,
                delta_requests: 2,
                exceptions: 1,
                harakiri_count: 0,
                signals: 0,
                signal_queue: 0,
                status: "busy",
                rss: 4096,
                vsz: 8192,
                running_time: 2200,
                last_spawn: 1_795_374_815,
                respawn_count: 1,
                tx: 150,
                avg_rt: 258,
                apps: vec![app],
                cores: Some(vec![core, idle]),
            }],
            ..Instance::default()
        }
    }

    fn busy() -> Core {
        Core {
            id: 0,
            requests: 2,
            static_requests: 0,
            routed_requests: 0,
            offloaded_requests: 0,
            write_errors: 0,
            read_errors: 0,
            in_request: 1,
            vars: vec![],
            req_info: RequestInfo { request_start: Some(1_795_374_816) },
        }
    }

    #[test]
    fn the_document_looks_like_uwsgis() {
        insta::assert_snapshot!(String::from_utf8(write(&instance(), false, false)).unwrap());
    }

    #[test]
    fn http_and_minified() {
        let mut instance = instance();
        instance.workers.clear();
        instance.sockets.clear();
        insta::assert_snapshot!(String::from_utf8(write(&instance, true, true)).unwrap().replace('\r', ""));
    }
}
