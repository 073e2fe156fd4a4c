//! `hook-*`, `exec-*`.

use crate::support::{Kind, Server, eventually};

const APP: &str = "with open('order', 'a') as order:
    order.write('APP\\n')
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'x']
";

/// Phases with a hook and a command, then those with a hook only.
const BOTH: [&str; 8] = ["asap", "pre-jail", "in-jail", "as-root", "as-user", "pre-app", "post-app", "as-user-atexit"];
const HOOKS: [&str; 6] = ["post-fork", "accepting", "accepting-once", "accepting1", "accepting1-once", "master-start"];

/// Lines of the file in the order of their first appearance: uWSGI runs some phases several times.
fn order(kind: Kind) -> Vec<String> {
    let mut ini = String::from("http-socket = {ip}:3031\nmaster = true\nchdir = {dir}\nwsgi-file = app.py\n");
    for phase in BOTH {
        ini += &format!(
            "exec-{phase} = echo exec-{phase} >> {{dir}}/order\nhook-{phase} = exec:echo hook-{phase} >> {{dir}}/order\n"
        );
    }
    for phase in HOOKS {
        ini += &format!("hook-{phase} = exec:echo hook-{phase} >> {{dir}}/order\n");
    }
    let server = Server::of(kind, "").file("app.py", APP).ini(&ini).start();
    server.get(3031, "/").expect(200);
    let path = server.dir().join("order");
    eventually("the last hook of the start", || {
        std::fs::read_to_string(&path).ok()?.contains("accepting1-once").then_some(())
    });
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::hard_link(&path, copy.path().join("order")).expect("a second name");
    server.stop();
    let text = std::fs::read_to_string(copy.path().join("order")).expect("the order");
    let mut lines: Vec<String> = Vec::new();
    for line in
        text.lines().filter(|line| !lines.iter().any(|known| known == line)).map(String::from).collect::<Vec<_>>()
    {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn run_in_the_order_of_uwsgi() {
    let [theirs, ours] = [Kind::Uwsgi, Kind::Rsgi].map(order);
    // The master works on while its processes are born: when it begins is a matter of definition.
    let but_the_master = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| !line.contains("master-start")).cloned().collect()
    };
    assert_eq!(but_the_master(&ours), but_the_master(&theirs));
    assert!(
        ours.iter().any(|line| line == "hook-master-start") && theirs.iter().any(|line| line == "hook-master-start")
    );
}

#[test]
fn one_that_fails_ends_the_start() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        for option in ["--exec-asap", "--exec-as-root", "--exec-as-user", "--exec-pre-app"] {
            let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
            let ended = Server::of(kind, arguments).arg(option).arg("exit 3").run();
            assert_eq!(ended.code, 1, "{option}: {}", ended.log);
        }
    }
}

#[test]
fn by_a_touched_file() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    let server =
        Server::of(Kind::Rsgi, arguments).arg("--hook-touch").arg("{dir}/touched print:a hook was here").start();
    std::fs::write(server.dir().join("touched"), "").expect("a file");
    server.log.wait_for("^a hook was here$");
}
