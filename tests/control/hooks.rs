//! `hook-*`, `exec-*`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::{Kind, Running, Server, eventually};

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

/// uWSGI ends as well, with 0, or hangs on the way.
#[test]
fn one_that_fails_in_the_first_workers_ends_the_start_too() {
    for option in ["--hook-accepting", "--hook-post-fork", "--hook-accepting1-once"] {
        let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
        let ended = Server::of(Kind::Rsgi, arguments).arg(option).arg("exec:exit 3").run();
        assert_eq!(ended.code, 1, "{option}: {}", ended.log);
        assert!(ended.log.contains("a hook has failed, so the start ends"), "{}", ended.log);
    }
}

/// What uWSGI's actions leave behind.
#[test]
fn actions_do_what_they_do_in_uwsgi() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let actions = "write:{dir}/w one
write:{dir}/w two
writen:{dir}/wn one
append:{dir}/a one
append:{dir}/a two
appendn:{dir}/an one
appendn:{dir}/an two
create:{dir}/c
sticky:{dir}/c
chown2:{dir}/c 65534 0
safeexec:exit 3
mkdir:{dir}/d
wait_for_dir:{dir}/d
wait_for_file:{dir}/c
wait_for_fs:{dir}/d
putenv:SAID=hello
alarm:nobody hears
exec:echo $SAID > {dir}/said
exec:mkfifo {dir}/fifo
writefifo:{dir}/fifo lost
print:all done";
        let hooks: String = actions.lines().map(|action| format!("hook-asap = {action}\n")).collect();
        let ini = "http-socket = {ip}:3031\nmaster = true\nwsgi-file = {lab}/hello/foobar.py\n";
        let server = Server::of(kind, "").ini(&format!("{ini}{hooks}")).start();
        server.log.wait_for("all done");
        let text = |name: &str| std::fs::read_to_string(server.dir().join(name)).expect(name);
        let found = ["w", "wn", "a", "an", "said"].map(text);
        assert_eq!(found, ["two", "one\n", "onetwo", "one\ntwo\n", "hello\n"], "{kind:?}");
        let created = std::fs::metadata(server.dir().join("c")).expect("created");
        assert_eq!((created.permissions().mode() & 0o1000, created.uid()), (0o1000, 65534), "{kind:?}");
    }
}

fn touch(server: &Running) {
    std::fs::write(server.dir().join("touched"), "").expect("a file");
}

/// Touches the file until that shows in the log: how a file was in the first moment counts for nothing.
#[track_caller]
fn touch_until(server: &Running, said: &str) {
    eventually(said, || {
        touch(server);
        server.log.text().contains(said).then_some(())
    });
}

/// Without anybody who reads, a pipe holds up nobody; with somebody, it brings the text.
#[test]
fn a_pipe_without_a_reader_holds_up_nobody() {
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
        let server = Server::of(kind, arguments).arg("--hook-touch").arg("{dir}/touched writefifo:{dir}/pipe text");
        let server = server.start();
        let pipe = server.dir().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        touch_until(&server, if kind == Kind::Rsgi { "pipe: nobody reads it" } else { "No such device or address" });
        server.get(3031, "/").expect(200);
        let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).expect("a text"));
        eventually("the text", || {
            touch(&server);
            reader.is_finished().then_some(())
        });
        assert_eq!(reader.join().expect("read"), "text", "{kind:?}");
    }
}

/// The master has better things to do than to wait for it.
#[test]
fn a_slow_one_by_a_touched_file_holds_up_nobody() {
    let arguments = "--master --http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    for action in ["exec:sleep 3", "spinningfifo:{dir}/pipe text", "wait_for_file:{dir}/never"] {
        let server =
            Server::of(Kind::Rsgi, arguments).arg("--hook-touch").arg(&format!("{{dir}}/touched {action}")).start();
        nix::unistd::mkfifo(&server.dir().join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        touch_until(&server, "has been touched");
        let worker = server.workers(1)[0];
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker), nix::sys::signal::Signal::SIGKILL)
            .expect("a worker");
        server.log.wait_for("Respawned");
        server.get(3031, "/").expect(200);
    }
}

#[test]
fn by_a_touched_file() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {lab}/hello/foobar.py";
    let server =
        Server::of(Kind::Rsgi, arguments).arg("--hook-touch").arg("{dir}/touched print:a hook was here").start();
    touch_until(&server, "\na hook was here\n");
}
