//! The request's body, and files as answers, by functions of the module.

use super::{ask, start};
use crate::support::{Kind, Server};

const BOTH: [Kind; 2] = [Kind::Uwsgi, Kind::Rsgi];

#[test]
fn a_chunked_body_comes_piece_by_piece() {
    for kind in BOTH {
        let server = start(kind, "");
        let mut client = server.connect(3031);
        let query = "list(iter(uwsgi.chunked_read,b'')),uwsgi.chunked_read(2)";
        client.send(format!("POST /?{query} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        client.send("b\r\nhello world\r\n0\r\n\r\n");
        assert_eq!(client.response().text(), "([b'hello world'], b'')", "{kind:?}");
    }
}

#[test]
fn nothing_is_suspended() {
    for kind in BOTH {
        assert_eq!(ask(&start(kind, ""), "uwsgi.suspend(),uwsgi.suspend(1)"), "(True, True)", "{kind:?}");
    }
}

#[test]
fn pieces_that_are_not_there_are_not_waited_for() {
    for kind in BOTH {
        let server = start(kind, "");
        let ask = |query: &str| {
            let mut client = server.connect(3031);
            client.send(format!("POST /?{query} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
            // A whole read-ahead: less of a body does not occupy a core.
            client.send(format!("10000\r\n{}\r\n", "x".repeat(0x10000)));
            client.response().text().to_owned()
        };
        assert_eq!(ask("[len(uwsgi.chunked_read()),uwsgi.chunked_read_nb()]"), "[65536, None]", "{kind:?}");
        assert_eq!(
            ask("[uwsgi.chunked_read(),uwsgi.chunked_read(1)]"),
            "OSError('unable to receive chunked part')",
            "{kind:?}"
        );
    }
}

#[test]
fn files_come_before_what_the_application_returns() {
    for kind in BOTH {
        let server = start(kind, "");
        let file = server.dir().join("digits");
        std::fs::write(&file, "0123456789").expect("written");
        let file = file.display();
        for (expression, expected) in [
            (format!("uwsgi.sendfile('{file}')"), "0123456789True"),
            (format!("uwsgi.sendfile(b'{file}',0,0,2)"), "01True"),
            (format!("uwsgi.sendfile('{file}',9,3,4)"), "3456True"),
            (format!("(lambda f:(f.read(3),uwsgi.sendfile(f)))(open('{file}','rb'))"), "0123456789(b'012', True)"),
            (format!("uwsgi.sendfile(os.open('{file}',0))"), "0123456789True"),
            (format!("uwsgi.sendfile('{file}-not')"), "None"),
        ] {
            assert_eq!(ask(&server, &expression), expected, "{kind:?} {expression}");
        }
        if kind == Kind::Rsgi {
            server.log.wait_for("sendfile: .*/digits-not: No such file or directory");
            assert_eq!(ask(&server, &format!("uwsgi.sendfile('{file}',0,7)")), "789True");
            assert_eq!(ask(&server, &format!("uwsgi.sendfile('{file}',0,7,99)")), "789True");
            assert_eq!(ask(&server, "uwsgi.sendfile(-1)"), "OSError('sendfile: a negative descriptor')");
            assert!(ask(&server, "uwsgi.sendfile(999999)").starts_with("OSError"), "no such descriptor");
            let pipe = "(lambda p:(os.write(p[1],b'piped'),os.close(p[1]),uwsgi.sendfile(p[0])))(os.pipe())";
            assert_eq!(ask(&server, pipe), "piped(5, None, True)");
        }
    }
}

/// With a known length the kernel sends the file, on every way to the client.
#[test]
fn a_file_of_known_length_is_the_whole_answer() {
    let app = "import uwsgi
def application(environ, start_response):
    length = int(environ['QUERY_STRING'])
    if length >= 0:
        write = start_response('200 OK', [('Content-Length', str(length))])
        write(b'ab')
    uwsgi.sendfile(__file__, 0, 2, max(length - 2, 0))
    return [b'surplus']
";
    let doors = "--master --http-socket {ip}:3031 --http {ip}:9090 --wsgi-file {dir}/app.py";
    let server = Server::new(doors).file("app.py", app).start();
    for port in [3031, 9090] {
        for length in [10, app.len()] {
            let mut client = server.connect(port);
            for _ in 0..2 {
                client.send(format!("GET /?{length} HTTP/1.1\r\nHost: a\r\n\r\n"));
                assert_eq!(client.response().expect(200).text(), format!("ab{}", &app[2..length]), "{port}");
            }
        }
        server.get(port, "/?-1").expect(500);
    }
    server.log.wait_for("AssertionError: a file before start_response was called");
}
