//! Exit codes.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::support::{Kind, Server};

#[test]
fn of_starts_that_fail() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address");
    for arguments in [
        "--nonsense".to_owned(),
        "--http-sock 127.0.0.1:0".to_owned(),
        "--processes".to_owned(),
        "{dir}/missing.ini".to_owned(),
        "{dir}/foobar.txt".to_owned(),
        ":9090".to_owned(),
        "--http-socket 127.0.0.1:0 --processes -1".to_owned(),
        format!("--http-socket {taken} --wsgi-file {{lab}}/hello/foobar.py"),
        format!("--http {taken} --wsgi-file {{lab}}/hello/foobar.py"),
        "--http-socket 127.0.0.1:0 --chdir {dir}/missing".to_owned(),
        "--http-socket 127.0.0.1:0 --uid nobody-of-that-name".to_owned(),
        "--http-socket 127.0.0.1:0 --virtualenv {dir}/missing --wsgi-file {lab}/hello/foobar.py".to_owned(),
        "--http-socket 127.0.0.1:0 --need-app --wsgi-file {dir}/missing.py".to_owned(),
        "--http-socket 127.0.0.1:0 --need-app --module missing_module".to_owned(),
        "--http-socket 127.0.0.1:0 --mount /x={dir}/missing.py".to_owned(),
        "--http-socket 127.0.0.1:0 --strict --ini {dir}/typo.ini".to_owned(),
        "--http-socket 127.0.0.1:0 --ini {dir}/fenced.ini".to_owned(),
        "--http-socket 127.0.0.1:0 --ini {dir}/allowed.ini".to_owned(),
        "--http-socket 127.0.0.1:0 --listen 10000000".to_owned(),
        "--wsgi-file {lab}/hello/foobar.py".to_owned(),
        "--http-socket 127.0.0.1:0 --need-plugin missing_plugin".to_owned(),
    ] {
        let codes = [Kind::Uwsgi, Kind::Rsgi].map(|kind| {
            let ended = Server::of(kind, &arguments)
                .file("typo.ini", "[uwsgi]\nstrict = true\nvaccum = 1\n")
                .file("fenced.ini", "[uwsgi]\nblacklist = uid harakiri\nvacuum = true\nharakiri = 3\nend-blacklist =\n")
                .file("allowed.ini", "[uwsgi]\nwhitelist = vacuum print\nprint = x\nharakiri = 3\nend-whitelist =\n")
                .run();
            (ended.code, ended.log)
        });
        assert_eq!(codes[1].0, codes[0].0, "{arguments}\n--- uWSGI\n{}\n--- rsgi\n{}", codes[0].1, codes[1].1);
    }
}

#[test]
fn of_stops() {
    for (options, signal) in
        [("--master", Signal::SIGINT), ("--master --die-on-term", Signal::SIGTERM), ("--master", Signal::SIGQUIT)]
    {
        let codes = [Kind::Uwsgi, Kind::Rsgi].map(|kind| {
            let server =
                Server::of(kind, &format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}")).start();
            server.get(3031, "/hello").expect(200);
            server.stop_by(signal).code
        });
        assert_eq!(codes[1], codes[0], "{options} {signal}");
    }
}

#[test]
fn of_questions() {
    for question in ["--version", "--help"] {
        let codes = [Kind::Uwsgi, Kind::Rsgi].map(|kind| Server::of(kind, question).run().code);
        assert_eq!(codes[1], codes[0], "{question}");
    }
}

#[test]
fn of_a_connection_whose_worker_is_killed() {
    for kind in Kind::each() {
        // uWSGI's router is another matter.
        let router = if kind == Kind::Rsgi { "--http {ip}:9090" } else { "" };
        let arguments = format!("--master --http-socket {{ip}}:3031 {router} --wsgi-file {{apps}}/probe.py");
        let server = Server::of(kind, &arguments).start();
        let kill =
            |worker| nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker), Signal::SIGKILL).expect("a worker");
        let ask = |port| {
            let mut client = server.connect(port);
            client.send("POST /sleep?60 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            client
        };
        let mut direct = ask(3031);
        server.log.wait_for("asleep for 60");
        kill(server.workers(1)[0]);
        assert!(direct.closed(), "{kind:?}: nobody else has the connection");
        if kind == Kind::Rsgi {
            let worker = server.workers(2)[1];
            let mut routed = ask(9090);
            server.log.wait_for_count(0, "asleep for 60", 2);
            kill(worker);
            routed.response().expect(502);
        }
    }
}
