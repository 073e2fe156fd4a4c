//! The metrics of a running instance.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::scrape::{Scrape, ask, parse, scrape};
use crate::support::openssl::openssl;
use crate::support::{Client, Kind, Running, Server, eventually};

const ARGUMENTS: &str = "--http {ip}:9090 --socket {ip}:3031 --wsgi-file {apps}/probe.py --processes 2 --threads 2 \
                         --metrics {ip}:9192";

fn server(arguments: &str) -> Server {
    Server::of(Kind::Rsgi, arguments)
}

/// Scrapes until `is_so`: counting follows the answer.
#[track_caller]
fn when(server: &Running, what: &str, is_so: impl Fn(&Scrape) -> bool) -> Scrape {
    eventually(what, || Some(scrape(server)).filter(&is_so))
}

#[test]
fn both_formats_are_understood_by_prometheus() {
    let server = server(ARGUMENTS).start();
    server.workers(2);
    server.get(9090, "/hello").expect(200);
    let text = ask(server.connect(9192), "*/*");
    assert_eq!(text.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let open = ask(server.connect(9192), accept);
    assert_eq!(open.header("Content-Type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let (text, open) = (parse("text", &text.body), parse("openmetrics", &open.body));
    let named: Vec<_> = open.families().into_iter().map(|(name, kind)| format!("{name} {kind}")).collect();
    insta::assert_snapshot!(named.join("\n"));
    assert_eq!(text.families().len(), open.families().len());
    assert!(text.sum("process_start_time_seconds", &[]) > 1_700_000_000.0);
    assert_eq!(text.sum("rsgi_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

#[test]
fn requests_are_counted_where_they_come_in() {
    let server = server(&format!("{ARGUMENTS} --check-static {{lab}}/hello")).start();
    server.workers(2);
    for (path, status) in [("/hello", 200), ("/hello", 200), ("/raising", 500), ("/foobar.py", 200)] {
        server.get(9090, path).expect(status);
    }
    server.ask(9090, "nonsense\r\n\r\n").expect(400);
    // A worker counts what is its own a moment after the router has seen the answer.
    let seen = when(&server, "every request", |seen| {
        let sum = |name| seen.sum(name, &[]);
        let ours = (sum("rsgi_exceptions_total"), sum("rsgi_interpreter_lock_wait_seconds_count"));
        sum("rsgi_requests_total") == 5.0 && ours == (1.0, 3.0)
    });
    let requests = |code: &str| seen.get("rsgi_requests_total", &[("door", "http"), ("code", code)]);
    assert_eq!(["200", "400", "500"].map(requests), [Some(3.0), Some(1.0), Some(1.0)]);
    assert_eq!(seen.sum("rsgi_requests_total", &[("door", "uwsgi-socket")]), 0.0);
    let durations = |class: &str| seen.sum("rsgi_request_duration_seconds_count", &[("status", class)]);
    assert_eq!(["1xx", "2xx", "3xx", "4xx", "5xx"].map(durations), [0.0, 3.0, 0.0, 1.0, 1.0]);
    assert_eq!((seen.sum("rsgi_exceptions_total", &[]), seen.sum("rsgi_static_files_total", &[])), (1.0, 1.0));
    assert_eq!(seen.sum("rsgi_interpreter_lock_wait_seconds_count", &[]), 3.0);
    assert!(seen.sum("rsgi_core_busy_seconds_total", &[]) > 0.0);
    assert!(seen.sum("rsgi_received_bytes_total", &[]) > 100.0 && seen.sum("rsgi_sent_bytes_total", &[]) > 100.0);
    assert_eq!(seen.sum("rsgi_connections_total", &[]), 5.0);
    when(&server, "all have gone", |seen| seen.sum("rsgi_connections_open", &[]) == 0.0);
    assert!(seen.sum("rsgi_listen_queue_limit", &[]) >= 200.0);
    for worker in ["1", "2"] {
        let (all, part) = ("rsgi_worker_resident_memory_bytes", "rsgi_worker_proportional_memory_bytes");
        let of = |name: &str| seen.sum(name, &[("worker", worker)]);
        assert!(of(part) > 100_000.0 && of(all) > of(part), "{} {}", of(all), of(part));
    }
}

#[test]
fn busy_cores_and_waiting_requests_are_seen() {
    let server = server(&ARGUMENTS.replace("--processes 2 --threads 2", "--processes 1")).start();
    server.workers(1);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect(9090)).collect();
    for (client, seconds) in clients.iter_mut().zip([5, 0, 0]) {
        client.send(format!("GET /sleep?{seconds} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        // The others are to find the core busy.
        when(&server, "a core is busy", |seen| seen.sum("rsgi_cores", &[("state", "busy")]) == 1.0);
    }
    // The router has handed one on before the worker has begun with it.
    when(&server, "two wait, and the core is busy", |seen| {
        let cores = ["busy", "idle"].map(|state| seen.sum("rsgi_cores", &[("state", state)]));
        seen.sum("rsgi_queue_length", &[]) == 2.0 && cores == [1.0, 0.0]
    });
    when(&server, "the first of them grows old", |seen| seen.sum("rsgi_queue_oldest_seconds", &[]) > 0.2);
    clients.iter_mut().for_each(|client| drop(client.response().expect(200)));
    let seen = when(&server, "all are served", |seen| seen.sum("rsgi_queue_wait_seconds_count", &[]) == 3.0);
    assert_eq!((seen.sum("rsgi_queue_length", &[]), seen.sum("rsgi_queue_oldest_seconds", &[])), (0.0, 0.0));
    assert!(seen.sum("rsgi_queue_wait_seconds_sum", &[]) > 1.0);
}

#[test]
fn who_waits_for_the_interpreter_is_seen() {
    let server = server(&ARGUMENTS.replace("probe.py --processes 2 --threads 2", "spinning.py")).start();
    server.get(9090, "/").expect(200);
    server.get(9090, "/spin").expect(200);
    // The thread keeps the lock for 20 ms when another wants it; it only has to get hold of it first.
    when(&server, "a wait", |seen| {
        server.get(9090, "/").expect(200);
        let count = |bound: &[(&str, &str)]| seen.sum("rsgi_interpreter_lock_wait_seconds_bucket", bound);
        count(&[("le", "+Inf")]) - count(&[("le", "0.005")]) >= 3.0
    });
}

#[test]
fn counters_outlive_workers_and_generations() {
    let server = server(ARGUMENTS).start();
    let pids = server.workers(2);
    for _ in 0..5 {
        server.get(9090, "/hello").expect(200);
    }
    let first = when(&server, "five requests", |seen| seen.sum("rsgi_requests_total", &[]) == 5.0);
    kill(Pid::from_raw(pids[0]), Signal::SIGKILL).expect("alive");
    server.log.wait_for("Respawned");
    let lines = server.log.len();
    server.signal(Signal::SIGHUP);
    server.log.wait_from(lines, "generation 1 serves");
    server.get(9090, "/hello").expect(200);
    let second = when(&server, "six requests", |seen| seen.sum("rsgi_requests_total", &[]) == 6.0);
    second.never_falls_since(&first);
    assert_eq!(second.sum("rsgi_generation", &[]), 1.0);
    let ended =
        |seen: &Scrape, cause: &str| seen.sum("rsgi_processes_ended_total", &[("role", "worker"), ("cause", cause)]);
    assert_eq!(ended(&second, "signal"), 1.0);
    let third = when(&server, "the old workers leave", |seen| ended(seen, "ordered") == 2.0);
    assert_eq!(third.sum("rsgi_processes_started_total", &[("role", "worker")]), 5.0);
    assert_eq!(third.sum("rsgi_connections_open", &[]), 0.0);
}

#[test]
fn reloads_are_told_by_outcome() {
    let app = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";
    let server = server("--http-socket {ip}:9090 --ini app.ini --metrics {ip}:9192")
        .file("app.ini", "[uwsgi]\nwsgi-file = app.py\n")
        .file("app.py", app)
        .start();
    let outcome = |seen: &Scrape, outcome: &str| seen.sum("rsgi_reloads_total", &[("outcome", outcome)]);
    let reload = || server.signal(Signal::SIGHUP);
    assert_eq!(scrape(&server).sum("rsgi_last_reload_successful", &[]), 1.0);
    reload();
    when(&server, "a success", |seen| outcome(seen, "succeeded") == 1.0);
    std::fs::write(server.dir().join("app.py"), "raise RuntimeError\n").expect("a file");
    reload();
    let seen = when(&server, "a failure", |seen| outcome(seen, "failed") == 1.0);
    assert_eq!(seen.sum("rsgi_last_reload_successful", &[]), 0.0);
    std::fs::write(server.dir().join("app.ini"), "[uwsgi]\nprocesses = many\n").expect("a file");
    reload();
    let seen = when(&server, "a refusal", |seen| outcome(seen, "refused") == 1.0);
    assert_eq!((outcome(&seen, "succeeded"), outcome(&seen, "failed")), (1.0, 1.0));
    let last = |outcome: &str| seen.get("rsgi_last_reload_timestamp_seconds", &[("outcome", outcome)]).expect("a time");
    assert!(last("succeeded") <= last("failed") && last("failed") <= last("refused") && last("succeeded") > 1e9);
}

#[test]
fn harakiri_is_counted_with_its_504() {
    let server = server(&format!("{ARGUMENTS} --harakiri 1")).start();
    server.workers(2);
    server.get(9090, "/sleep?60").expect(504);
    let seen = when(&server, "the end of a worker", |seen| {
        seen.get("rsgi_processes_ended_total", &[("role", "worker"), ("cause", "harakiri")]) == Some(1.0)
    });
    assert_eq!((seen.sum("rsgi_harakiri_total", &[]), seen.sum("rsgi_requests_timed_out_total", &[])), (1.0, 1.0));
    assert_eq!(seen.sum("rsgi_requests_total", &[("code", "504")]), 1.0);
}

#[test]
fn certificates_tell_until_when_they_last() {
    let certificate = |server: &Running, name: &str, days: &str| {
        let subject = format!("-days {days} -subj /CN=localhost -keyout {name}.key.new -out {name}.crt.new");
        openssl(server.dir(), &format!("req -x509 -newkey rsa:2048 -nodes {subject}"));
        for end in ["key", "crt"] {
            let path = server.dir().join(name).with_extension(end);
            std::fs::rename(path.with_extension(format!("{end}.new")), &path).expect("a file");
        }
    };
    let server = server(
        "--https {ip}:9443,own.crt,own.key --https-socket {ip}:8443,own.crt,own.key \
         --wsgi-file {apps}/probe.py --metrics {ip}:9192",
    )
    .arg("--sni")
    .arg("example.org named.crt,named.key");
    for name in ["own", "named"] {
        let subject = format!("-days 10 -subj /CN=localhost -keyout {name}.key -out {name}.crt");
        openssl(server.dir(), &format!("req -x509 -newkey rsa:2048 -nodes {subject}"));
    }
    let server = server.start();
    let name = "rsgi_certificate_expiry_timestamp_seconds";
    let days = |seen: &Scrape, of: &str| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs_f64();
        seen.get(name, &[("name", of)]).map(|until| ((until - now) / 86_400.0).round())
    };
    let own = [9443, 8443].map(|port| server.address(port).to_string());
    let known = when(&server, "three certificates", |seen| {
        [own[0].as_str(), &own[1], "example.org"].iter().all(|of| days(seen, of).is_some_and(|days| days > 0.0))
    });
    assert_eq!([own[0].as_str(), &own[1], "example.org"].map(|of| days(&known, of)), [Some(10.0); 3]);
    certificate(&server, "named", "90");
    when(&server, "the new certificate", |seen| days(seen, "example.org") == Some(90.0));
}

#[test]
fn a_unix_socket_and_one_for_all_to_see() {
    let arguments =
        "--http-socket {ip}:9090 --wsgi-file {apps}/probe.py --metrics {dir}/metrics.sock --chmod-socket=600";
    let server = server(arguments).unix("metrics.sock").start();
    let path = server.dir().join("metrics.sock");
    assert_eq!(path.metadata().expect("a socket").permissions().mode() & 0o777, 0o600);
    let seen = parse("text", &ask(Client::unix(&path), "*/*").body);
    assert_eq!(seen.sum("rsgi_workers_configured", &[]), 1.0);
    assert!(!server.log.text().contains("is open to other machines"));

    let open = self::server("--http-socket {ip}:9090 --wsgi-file {apps}/probe.py --metrics 0.0.0.0:0").start();
    open.log.wait_for(r"0\.0\.0\.0:\d+ is open to other machines: whoever reaches it sees how much is served");
}

#[test]
fn an_emperor_has_none() {
    let server = server("--emperor {dir} --metrics 127.0.0.1:0").spawn();
    server.log.wait_for("warning: metrics does nothing in an emperor");
}

#[test]
fn a_reload_opens_moves_and_closes_the_address() {
    let base = "[uwsgi]\nhttp-socket = {ip}:9090\nwsgi-file = {apps}/probe.py\n";
    let server = server("--ini app.ini").file("app.ini", base).spawn();
    server.workers(1);
    let reload = |text: &str, generation: u32| {
        let path = server.dir().join("app.ini");
        let before = std::fs::read_to_string(&path).expect("a file");
        let own = before.lines().filter(|line| !line.starts_with("metrics")).collect::<Vec<_>>().join("\n");
        std::fs::write(&path, format!("{own}\n{text}\n")).expect("a file");
        server.signal(Signal::SIGHUP);
        server.log.wait_for(&format!("generation {generation} serves"));
    };
    let ip = server.ip;
    reload(&format!("metrics = {ip}:9192"), 1);
    // The old worker counts nothing, and may still take one.
    server.log.wait_for("worker 1 killed successfully");
    server.get(9090, "/hello").expect(200);
    let first = when(&server, "a request", |seen| seen.sum("rsgi_requests_total", &[("code", "200")]) == 1.0);
    reload(&format!("metrics = {ip}:9193"), 2);
    let moved = parse("text", &ask(server.connect(9193), "*/*").body);
    moved.never_falls_since(&first);
    eventually("the old address is closed", || {
        std::net::TcpStream::connect(server.address(9192)).is_err().then_some(())
    });
    reload("", 3);
    eventually("the new address is closed", || {
        std::net::TcpStream::connect(server.address(9193)).is_err().then_some(())
    });
    server.get(9090, "/hello").expect(200);
}

#[test]
fn curl_scrapes_and_slow_readers_hold_nobody_up() {
    let server = server(ARGUMENTS).start();
    server.workers(2);
    let _silent: Vec<_> = (0..10).map(|_| server.connect(9192)).collect();
    let url = format!("http://{}/metrics", server.address(9192));
    let scraped = Command::new("curl").args(["--silent", "--fail", "--max-time", "20", &url]).output().expect("curl");
    assert!(scraped.status.success());
    parse("text", &scraped.stdout);
    server.get(9090, "/hello").expect(200);
}
