//! Options of every kind, one test or more each: that they are obeyed, seen from outside.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Client, Kind, Running, Server, eventually, phrases, processes, uwsgi};

fn start(options: &str) -> Running {
    Server::new(&format!("--http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py {options}")).start()
}

fn process(server: &Running) -> Value {
    server.get(3031, "/process").expect(200).json()
}

#[test]
fn virtualenv_and_its_aliases() {
    for option in ["virtualenv", "home", "venv", "pyhome"] {
        let server = Server::new(&format!("--http-socket {{ip}}:3031 --{option} {{venv}} --wsgi-file {{dir}}/app.py"));
        let server = server.file(
            "app.py",
            "import flask, sys\ndef application(e, s):\n    s('200 OK', [])\n    return [sys.prefix.encode(), b' ', flask.__name__.encode()]\n",
        );
        let expected = format!("{} flask", crate::support::lab::LAB.venv.display());
        assert_eq!(server.start().get(3031, "/").expect(200).text(), expected, "{option}");
    }
}

#[test]
fn a_virtualenv_that_does_not_exist_is_code_1() {
    let ended = Server::new("--http-socket 127.0.0.1:0 --virtualenv {dir}/nowhere --wsgi-file {apps}/probe.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("nowhere"), "{}", ended.log);
}

/// uWSGI gives its own binary there, which breaks `multiprocessing` (listed in docs/differences.md).
#[test]
fn the_interpreter_is_named_as_the_executable() {
    let server = start("--virtualenv {venv}");
    let executable = process(&server)["executable"].as_str().expect("a path").to_owned();
    assert!(executable.starts_with(&crate::support::lab::LAB.venv.display().to_string()), "{executable}");
    assert!(executable.contains("/bin/python"), "{executable}");
}

#[test]
fn pythonpath_goes_to_the_front_and_the_last_comes_first() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/probe.py")
        .arg("--pythonpath={dir}/one")
        .arg("--pythonpath={dir}/two")
        .file("one/a.py", "")
        .file("two/b.py", "")
        .start();
    let path = process(&server)["path"].clone();
    let folder = |name: &str| server.dir().join(name).display().to_string();
    let found: Vec<&str> = path.as_array().expect("a list").iter().take(2).filter_map(Value::as_str).collect();
    let found: Vec<&str> = found.iter().map(|entry| entry.trim_end_matches('/')).collect();
    assert_eq!(found, [folder("two"), folder("one")], "{path:#}");
}

#[test]
fn chdir_comes_before_the_application() {
    let server = Server::new("--http-socket {ip}:3031 --chdir {dir}/here --wsgi-file app.py")
        .file("here/app.py", "import beside\nfrom beside import application\n")
        .file(
            "here/beside.py",
            "import os\ndef application(e, s):\n    s('200 OK', [])\n    return [os.getcwd().encode()]\n",
        )
        .start();
    assert_eq!(server.get(3031, "/").expect(200).text(), server.dir().join("here").display().to_string());
}

#[test]
fn env_is_set_before_the_application_and_keeps_further_equal_signs() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {dir}/app.py --env LAB_A=1=2 --env LAB_B=")
        .file("app.py", "import os\nSEEN = repr((os.environ['LAB_A'], os.environ['LAB_B']))\ndef application(e, s):\n    s('200 OK', [])\n    return [SEEN.encode()]\n")
        .start();
    assert_eq!(server.get(3031, "/").expect(200).text(), "('1=2', '')");
}

#[test]
fn callable_names_the_application() {
    let app = "def wanted(e, s):\n    s('200 OK', [])\n    return [b'wanted']\ndef application(e, s):\n    s('500 No', [])\n    return []\n";
    for load in
        ["--wsgi-file {dir}/named.py --callable wanted", "--module named --callable wanted", "--module named:wanted"]
    {
        let server = Server::new(&format!("--http-socket {{ip}}:3031 {load}")).file("named.py", app).start();
        assert_eq!(server.get(3031, "/").expect(200).text(), "wanted", "{load}");
    }
}

#[test]
fn mount_with_manage_script_name() {
    let server = Server::new(
        "--http-socket {ip}:3031 --manage-script-name --mount /a={apps}/probe.py --mount /a/b={dir}/deep.py --mount /c={dir}/third.py",
    )
    .file("deep.py", "def application(e, s):\n    s('200 OK', [])\n    return [('%(SCRIPT_NAME)s|%(PATH_INFO)s' % e).encode()]\n")
    .file("third.py", "def application(e, s):\n    s('200 OK', [])\n    return [b'third']\n")
    .start();
    let environ = server.get(3031, "/a/environ/x?y").expect(200).json();
    assert_eq!((&environ["SCRIPT_NAME"], &environ["PATH_INFO"]), (&"/a".into(), &"/environ/x".into()));
    assert_eq!(environ["REQUEST_URI"], "/a/environ/x?y");
    // The longest mountpoint wins, at a slash only; what fits none goes to the application loaded first.
    assert_eq!(server.get(3031, "/a/b/c").expect(200).text(), "/a/b|/c");
    assert_eq!(server.get(3031, "/a/b").expect(200).text(), "/a/b|");
    assert_eq!(server.get(3031, "/c").expect(200).text(), "third");
    let other = server.get(3031, "/environ/abc").expect(200).json();
    assert_eq!((&other["SCRIPT_NAME"], &other["PATH_INFO"]), (&"".into(), &"/environ/abc".into()));
}

#[test]
fn a_mount_that_fails_to_load_is_code_22() {
    let ended = Server::new("--http-socket 127.0.0.1:0 --mount /x={dir}/broken.py")
        .file("broken.py", "raise OSError('no luck')\n")
        .run();
    assert_eq!(ended.code, 22, "{}", ended.log);
    assert!(ended.log.contains("no luck"), "{}", ended.log);
}

#[test]
fn threads_of_the_application_run_with_and_without_enable_threads() {
    for option in ["--enable-threads", ""] {
        let server = start(option);
        let ticks = || -> u32 { server.get(3031, "/wait_for_tick").expect(200).text().parse().expect("a number") };
        let first = ticks();
        eventually("the thread runs between requests", || (ticks() > first + 5).then_some(()));
    }
}

#[test]
fn lazy_apps_imports_in_each_worker() {
    let server = start("--master --processes 2 --lazy-apps");
    let workers = server.workers(2);
    let who = process(&server);
    assert_eq!(who["imported_by"], who["pid"]);
    assert!(workers.contains(&i32::try_from(who["pid"].as_i64().expect("a pid")).expect("a pid")));
}

#[test]
fn need_app_ends_with_code_22_when_there_is_none() {
    for load in ["--wsgi-file {dir}/missing.py", "--module missing_module", "--wsgi-file {dir}/broken.py"] {
        let server = Server::new(&format!("--http-socket 127.0.0.1:0 --need-app {load}"))
            .file("broken.py", "import missing_thing\n");
        let ended = server.run();
        assert_eq!(ended.code, 22, "{load}: {}", ended.log);
        assert!(ended.log.contains("missing"), "{load}: {}", ended.log);
    }
}

#[test]
fn need_app_with_lazy_apps_ends_the_instance() {
    let ended =
        Server::new("--http-socket 127.0.0.1:0 --master --need-app --lazy-apps --wsgi-file {dir}/missing.py").run();
    assert_eq!(ended.code, 22, "{}", ended.log);
}

#[test]
fn py_call_osafterfork_runs_pythons_fork_hooks() {
    let server =
        Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/forked.py --master --py-call-osafterfork").start();
    assert_eq!(server.get(3031, "/").expect(200).text(), "ran");
}

#[test]
fn single_interpreter_shares_modules_between_applications() {
    let server = Server::new(
        "--http-socket {ip}:3031 --single-interpreter --manage-script-name --mount /a={apps}/counter.py --mount /b={dir}/other.py",
    )
    .file("other.py", &std::fs::read_to_string("tests/apps/counter.py").expect("the application"))
    .start();
    let calls: Vec<String> =
        ["/a", "/b", "/a", "/b"].iter().map(|path| server.get(3031, path).expect(200).text().to_owned()).collect();
    assert_eq!(calls, ["1", "2", "3", "4"]);
}

#[test]
fn vacuum_removes_sockets_and_pid_file() {
    for (option, left) in [("--vacuum", false), ("", true)] {
        let server = Server::new(&format!(
            "--socket {{dir}}/app.sock --pidfile {{dir}}/app.pid --wsgi-file {{apps}}/probe.py --master {option}"
        ))
        .unix("app.sock")
        .start();
        let mut client = Client::unix(&server.dir().join("app.sock"));
        client.send(uwsgi::encode(&uwsgi::get("/hello"))).response().expect(200);
        let ended = server.stop();
        assert_eq!(ended.dir.path().join("app.sock").exists(), left, "the socket, {option}");
        assert_eq!(ended.dir.path().join("app.pid").exists(), left, "the pid file, {option}");
    }
}

#[test]
fn pidfile_holds_the_pid_that_signals_go_to() {
    let server = start("--master --processes 2 --pidfile {dir}/app.pid");
    server.workers(2);
    let text = std::fs::read_to_string(server.dir().join("app.pid")).expect("the pid file");
    let pid: i32 = text.trim().parse().expect("a pid");
    assert_eq!(pid, server.pid());
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("alive");
    assert_eq!(server.wait().code, 0);
}

#[test]
fn listen_sets_the_backlog() {
    let server = start("--listen 37");
    assert_eq!(processes::backlog(server.address(3031)), 37);
    let ended = Server::new("--http-socket 127.0.0.1:0 --listen 1000000 --wsgi-file {apps}/probe.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("somaxconn"), "{}", ended.log);
}

/// uWSGI closes in silence (listed in docs/differences.md).
#[test]
fn buffer_size_limits_the_packet() {
    let server = Server::new("--socket {ip}:3031 --wsgi-file {apps}/probe.py --buffer-size 8192").start();
    let with = |size| {
        let mut vars = uwsgi::get("/hello");
        vars.push(("HTTP_COOKIE".to_owned(), "c".repeat(size)));
        uwsgi::encode(&vars)
    };
    server.connect(3031).send(with(7000)).response().expect(200);
    let mut client = server.connect(3031);
    let _ = client.try_send(with(9000));
    client.response().expect(431);
    server.log.wait_for("8192");
}

#[test]
fn post_buffering_makes_the_body_seekable() {
    let server = Server::new("--http-socket {ip}:3031 --wsgi-file {apps}/input.py --post-buffering 4096").start();
    for size in [100, 4096, 300_000] {
        let answer = server.post(3031, "/", "text/plain", &vec![b'x'; size]).expect(200);
        assert_eq!(answer.text(), format!("{size} {size} same"));
    }
}

/// uWSGI reads on the core (listed in docs/differences.md).
#[test]
fn post_buffering_takes_a_slow_body_without_holding_the_core() {
    let server = start("--post-buffering 4096");
    let mut slow = server.connect(3031);
    slow.send("POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n").send(vec![b'x'; 299_999]);
    for _ in 0..3 {
        server.get(3031, "/hello").expect(200);
    }
    assert_eq!(slow.send("x").response().expect(200).text(), "300000");
}

/// uWSGI closes in silence (listed in docs/differences.md).
#[test]
fn http_timeout_gives_a_slow_application_up() {
    let server = Server::new("--http {ip}:9090 --http-timeout 1 --wsgi-file {apps}/probe.py --threads 2").start();
    let began = Instant::now();
    server.get(9090, "/sleep?3").expect(504);
    assert!((900..2900).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    server.get(9090, "/hello").expect(200);
}

#[test]
fn socket_timeout_gives_a_slow_packet_up() {
    let server = Server::new("--socket {ip}:3031 --socket-timeout 1 --wsgi-file {apps}/probe.py").start();
    let packet = uwsgi::encode(&uwsgi::get("/hello"));
    let began = Instant::now();
    let mut client = server.connect(3031);
    client.send(&packet[..20]);
    client.rest();
    assert!((900..4000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    server.connect(3031).send(&packet).response().expect(200);
}

fn titles(server: &Running) -> Vec<String> {
    let mut titles: Vec<String> = server.processes().into_iter().map(|process| process.title).collect();
    titles.sort();
    titles
}

#[test]
fn auto_procname_names_every_process() {
    let server =
        Server::new("--http {ip}:9090 --wsgi-file {apps}/probe.py --master --processes 2 --auto-procname").start();
    server.workers(2);
    eventually("the titles", || {
        let titles = titles(&server);
        let has = |part: &str| titles.iter().any(|title| title.ends_with(part));
        (has(" master") && has(" worker 1") && has(" worker 2") && has(" http 1")).then_some(())
    });
}

#[test]
fn procname_prefix_append_and_master() {
    let server = Server::new(
        "--http-socket {ip}:3031 --wsgi-file {apps}/probe.py --master --procname-prefix-spaced shop --procname-append -live --procname-master overseer",
    )
    .start();
    server.workers(1);
    eventually("the titles", || {
        let titles = titles(&server);
        let worker = titles.iter().any(|title| title.starts_with("shop ") && title.ends_with(" worker 1-live"));
        (worker && titles.iter().any(|title| title.contains("overseer"))).then_some(())
    });
}

#[test]
fn procname_is_the_title_of_all() {
    let server = start("--master --procname shopserver");
    server.workers(1);
    eventually("the titles", || {
        let count = titles(&server).iter().filter(|title| title.contains("shopserver")).count();
        (count >= 2).then_some(())
    });
}

#[test]
fn logto_takes_the_whole_log() {
    let server = start("--logto {dir}/server.log --master");
    server.get(3031, "/hello").expect(200);
    let file = server.dir().join("server.log");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("the request line", || read().contains("GET /hello => generated 5 bytes").then_some(()));
    let raised = server.connect(3031).send("GET /raising HTTP/1.1\r\nHost: localhost\r\n\r\n").rest();
    assert!(!String::from_utf8_lossy(&raised).contains("boom"), "the client sees no traceback");
    eventually("the traceback", || read().contains("RuntimeError: boom at once").then_some(()));
    assert!(!server.log.text().contains("/hello"), "{}", server.log.text());
}

#[test]
fn disable_logging_leaves_out_request_lines_alone() {
    let server = start("--disable-logging");
    server.get(3031, "/hello").expect(200);
    server.connect(3031).send("GET /raising HTTP/1.1\r\nHost: localhost\r\n\r\n").rest();
    server.log.wait_for("RuntimeError: boom at once");
    assert_eq!(server.log.matching(" => generated "), [""; 0]);
}

#[test]
fn log_4xx_and_log_5xx_bring_those_lines_back() {
    for (option, wanted) in [("--log-4xx", 404), ("--log-5xx", 503)] {
        let server = start(&format!("--disable-logging {option}"));
        for status in ["200%20OK", "404%20Not%20Found", "503%20Busy", "201%20Created"] {
            server.get(3031, &format!("/status?{status}"));
        }
        server.log.wait_for(&format!(r"HTTP/1\.1 {wanted}\)"));
        server.get(3031, "/hello").expect(200);
        assert_eq!(server.log.matching(" => generated ").len(), 1, "{option}: {}", server.log.text());
    }
}

#[test]
fn the_counts_of_a_killed_worker_go_on_in_its_replacement() {
    let server = start("--master");
    let first = server.workers(1)[0];
    server.get(3031, "/hello").expect(200);
    server.get(3031, "/hello").expect(200);
    server.log.wait_for_count(0, " => generated ", 2);
    let lines = server.log.len();
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("alive");
    server.log.wait_from(lines, phrases::worker_ready(server.kind));
    server.get(3031, "/hello").expect(200);
    // Requests of this worker, then of the instance.
    let line = server.log.wait_from(lines, " => generated ");
    assert!(line.contains("|req: 3/3]"), "{line}");
}

#[test]
fn so_many_idle_clients_do_not_keep_http_from_stopping() {
    let server =
        Server::new("--http {ip}:9090 --http-keepalive --wsgi-file {apps}/probe.py --master --processes 2").start();
    let mut clients: Vec<Client> = (0..30).map(|_| server.connect(9090)).collect();
    for client in &mut clients {
        client.get("/hello").expect(200);
    }
    let began = Instant::now();
    assert_eq!(server.stop().code, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_typo_gets_the_nearest_names() {
    let ended = Server::new("--http-socket 127.0.0.1:0 --procesess 4").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    if Kind::under_test() == Kind::Rsgi {
        assert!(ended.log.contains("processes"), "{}", ended.log);
    }
}

/// uWSGI obeys; rsgi names what is not built yet or refused, and goes on (or not, where silence would be dangerous).
#[test]
fn an_option_of_uwsgi_that_is_not_built_is_named_as_such() {
    let server = start("--use-abort --master");
    server.get(3031, "/hello").expect(200);
    if server.kind == Kind::Rsgi {
        server.log.wait_for("use-abort is not built");
    }
}

#[test]
fn niceness_and_processors_of_workers() {
    for kind in Kind::each() {
        let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py --master --processes 2";
        let server = Server::of(kind, &format!("{arguments} --prio 5 --cpu-affinity 1")).start();
        server.log.wait_for("^scheduler priority set to 5$");
        server.log.wait_for_count(0, r"^mapping worker [12] to CPUs: \d+$", 2);
        for pid in server.workers(2) {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
            // Field 19 of proc_pid_stat(5).
            assert_eq!(stat.rsplit_once(')').expect("a name").1.split_whitespace().nth(16), Some("5"), "{stat}");
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
            let processors = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
            assert!(processors.trim().parse::<u32>().is_ok(), "one processor: {processors}");
        }
    }
}
