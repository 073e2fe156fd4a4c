//! One configuration in every style: the running server is the same.

use crate::support::{Kind, Running, Server};

/// What the running server shows of its configuration.
fn seen(server: &Running) -> serde_json::Value {
    let workers = server.workers(2).len();
    let environ = server.get(3031, "/environ").expect(200).json();
    let process = server.get(3031, "/process").expect(200).json();
    serde_json::json!({
        "workers": workers,
        "threads": environ["wsgi.multithread"],
        "variables": [process["environment"]["LAB_A"], process["environment"]["LAB_B"]],
        "directory": process["cwd"].as_str().map(|cwd| cwd.ends_with("/here")),
    })
}

#[track_caller]
fn agrees(kind: Kind, server: Server) {
    // What the start is waited for.
    let server = server.file("here/empty", "").arg("--set").arg("expected={ip}:3031").start();
    let expected = serde_json::json!({"workers": 2, "threads": true, "variables": ["1", "x = y"], "directory": true});
    assert_eq!(seen(&server), expected, "{kind:?}");
}

const INI: &str = "[uwsgi]
http-socket = {ip}:3031
chdir = {dir}/here
wsgi-file = {apps}/probe.py
master = true
processes = 2
threads = 2
env = LAB_A=1
env = LAB_B=x = y
";

#[test]
fn ini() {
    for kind in Kind::each() {
        agrees(kind, Server::of(kind, "--ini {dir}/lab.ini").file("lab.ini", INI));
    }
}

#[test]
fn yaml() {
    let yaml = "uwsgi:
  http-socket: '{ip}:3031'
  chdir: {dir}/here
  wsgi-file: {apps}/probe.py
  master: true
  processes: 2
  threads: 2
  env: LAB_A=1
  env: LAB_B=x = y
";
    // The YAML of uWSGI takes no quotes off.
    agrees(Kind::Rsgi, Server::of(Kind::Rsgi, "--yaml {dir}/lab.yaml").file("lab.yaml", yaml));
    for kind in Kind::each() {
        agrees(kind, Server::of(kind, "{dir}/lab.yml").file("lab.yml", &yaml.replace('\'', "")));
    }
}

/// Plain uWSGI has no JSON.
#[test]
fn json() {
    let json = r#"{"uwsgi": {"http-socket": "{ip}:3031", "chdir": "{dir}/here", "wsgi-file": "{apps}/probe.py", "master": true,
        "processes": 2, "threads": 2, "env": ["LAB_A=1", "LAB_B=x = y"]}}"#;
    agrees(Kind::Rsgi, Server::of(Kind::Rsgi, "--json {dir}/lab.json").file("lab.json", json));
}

#[test]
fn xml() {
    let xml = "<uwsgi>
  <http-socket>{ip}:3031</http-socket>
  <chdir>{dir}/here</chdir>
  <wsgi-file>{apps}/probe.py</wsgi-file>
  <master/>
  <processes>2</processes>
  <threads>2</threads>
  <env>LAB_A=1</env>
  <env>LAB_B=x = y</env>
</uwsgi>
";
    for kind in Kind::each() {
        agrees(kind, Server::of(kind, "--xml {dir}/lab.xml").file("lab.xml", xml));
    }
}

/// uWSGI has none.
#[test]
fn toml() {
    let toml = "[uwsgi]
http-socket = '{ip}:3031'
chdir = '{dir}/here'
wsgi-file = '{apps}/probe.py'
master = true
processes = 2
threads = 2
env = ['LAB_A=1', 'LAB_B=x = y']
";
    agrees(Kind::Rsgi, Server::of(Kind::Rsgi, "{dir}/lab.toml").file("lab.toml", toml));
}

#[test]
fn the_environment() {
    let of = |kind, prefix: &str| {
        let options = [
            ("HTTP_SOCKET", "{ip}:3031"),
            ("CHDIR", "{dir}/here"),
            ("WSGI_FILE", "{apps}/probe.py"),
            ("MASTER", "true"),
            ("PROCESSES", "2"),
            ("THREADS", "2"),
            ("ENV", "LAB_B=x = y"),
        ];
        // A variable comes once, so the other value takes another way.
        let server = Server::of(kind, "--env LAB_A=1");
        options.iter().fold(server, |server, (name, value)| server.env(&format!("{prefix}_{name}"), value))
    };
    for kind in Kind::each() {
        agrees(kind, of(kind, "UWSGI"));
    }
    agrees(Kind::Rsgi, of(Kind::Rsgi, "RSGI"));
}

#[test]
fn standard_input() {
    for kind in Kind::each() {
        agrees(kind, Server::of(kind, "--ini -").stdin(INI));
    }
}

#[test]
fn the_command_line() {
    for kind in Kind::each() {
        let server = Server::of(kind, "--http-socket {ip}:3031 --chdir {dir}/here --wsgi-file {apps}/probe.py -M -p 2");
        agrees(kind, server.arg("--threads=2").arg("--env").arg("LAB_A=1").arg("--env=LAB_B=x = y"));
    }
}

/// As a file that could be given again.
#[test]
fn show_config_prints_what_is_in_effect() {
    for kind in Kind::each() {
        let ini = "http-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nname = LAB\nenv = %(name)_A=1\nmaster = true";
        let server = Server::of(kind, "--show-config").ini(ini).start();
        server.workers(1);
        let text = server.log.text();
        for line in ["[uwsgi]", "env = LAB_A=1", "master = true", "show-config = true"] {
            assert!(text.lines().any(|shown| shown.trim() == line), "{kind:?}: no line {line:?} in {text}");
        }
    }
}

#[test]
fn check_tells_by_its_exit_code_whether_a_file_will_do() {
    for (lines, code, says) in [
        ("http-socket = :9090\nmodule = app", 0, ""),
        ("http-socket = :9090\nprocesess = 4", 1, "processes"),
        ("http-socket = :9090\nprocesses = many", 1, "many"),
        ("http-socket = :9090\nsnmp = :161", 1, "snmp"),
        ("ini = nowhere.ini", 1, "nowhere.ini"),
    ] {
        let server = Server::of(Kind::Rsgi, "check {dir}/lab.ini").file("lab.ini", &format!("[uwsgi]\n{lines}\n"));
        let ended = server.run();
        assert_eq!(ended.code, code, "{lines}: {}", ended.log);
        assert!(ended.log.contains(says), "{lines}: {}", ended.log);
    }
}

#[test]
fn another_configuration_takes_over_when_the_instance_cannot_run() {
    let fallback = "[uwsgi]\nhttp-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\n";
    for kind in Kind::each() {
        let server = Server::of(kind, "--uid nobody-of-that-name --fallback-config {dir}/fallback.ini");
        let server = server.file("fallback.ini", fallback).spawn();
        crate::support::eventually("the fallback listens", || {
            crate::support::processes::listeners().contains(&server.address(3031)).then_some(())
        });
        server.get(3031, "/hello").expect(200);
    }
    // A mistake in the configuration itself counts as well, and one in the fallback ends it.
    let server = Server::new("--fallback-config {dir}/fallback.ini --harakiri soon");
    let ended =
        server.file("fallback.ini", &format!("{fallback}threads = two\nfallback-config = {{dir}}/fallback.ini")).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    let place = |text: &str| ended.log.find(text).unwrap_or_else(|| panic!("{text}: {}", ended.log));
    assert!(place("expected seconds") < place("starting with") && place("starting with") < place("threads"));
    assert_eq!(ended.log.matches("starting with").count(), 1, "{}", ended.log);
    // One that fails when it has its title, which is written over the arguments.
    let server = Server::new("--fallback-config {dir}/fallback.ini --harakiri soon");
    let itself = "uid = nobody-of-that-name\nauto-procname = true\nfallback-config = {dir}/fallback.ini";
    let ended = server.file("fallback.ini", &format!("{fallback}{itself}")).run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert_eq!(ended.log.matches("starting with").count(), 1, "{}", ended.log);
}

#[test]
fn the_application_may_read_the_standard_input() {
    let app = "import sys\nprint('heard', repr(sys.stdin.read()), flush=True)\n\
               def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";
    for kind in Kind::each() {
        for (option, heard) in [("", "''"), ("--honour-stdin", "'words'")] {
            let server = Server::of(kind, &format!("--http-socket {{ip}}:3031 --wsgi-file app.py --master {option}"));
            let server = server.file("app.py", app).stdin("words").start();
            server.log.wait_for(&format!("^heard {heard}$"));
        }
    }
}
