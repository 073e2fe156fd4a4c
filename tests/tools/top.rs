//! `rsgi top` in a terminal.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::shop;
use crate::support::eventually;

/// A command in a pseudo terminal of 120 columns and 30 rows (script(1)).
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    fn run(line: &str) -> Self {
        let line = format!("stty cols 120 rows 30; exec {line}");
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of bsdutils");
        let keys = child.stdin.take().expect("a pipe");
        let mut output = child.stdout.take().expect("a pipe");
        let screen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                written.lock().expect("the screen").push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        Self { child, keys, screen }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it reads");
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        eventually(&format!("{text} on the screen"), || {
            self.screen.lock().expect("the screen").contains(text).then_some(())
        });
    }

    fn end(mut self) -> i32 {
        self.child.wait().expect("a child").code().expect("a code")
    }
}

#[test]
fn workers_are_watched_asked_and_drained() {
    let server = shop();
    let file = server.dir().join("app.ini");
    let mut terminal = Terminal::run(&format!("{} top {}", env!("CARGO_BIN_EXE_rsgi"), file.display()));
    terminal.shows("WORKER");
    // From now on workers write down what they are asked for.
    let mut client = server.connect(3031);
    client.send("GET /stuck?4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    terminal.shows("/stuck?4");
    terminal.shows("slow.py:22");
    terminal.press("t");
    server.log.wait_for(r"^\*\*\* stacks of worker 1 \(pid: \d+\), as user \d+ asked \*\*\*$");
    server.log.wait_for("most recent call first");
    terminal.shows("log");
    terminal.press("jd");
    terminal.shows("Drain");
    terminal.press("y");
    server.log.wait_for("worker 2 .* is drained, as user");
    server.log.wait_for("Respawned rsgi worker 2 ");
    assert_eq!(client.response().expect(200).text(), "awake");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn it_ends_with_the_instance() {
    let server = shop();
    let terminal = Terminal::run(&format!("{} top --pid {}", env!("CARGO_BIN_EXE_rsgi"), server.pid()));
    terminal.shows("WORKER");
    server.stop();
    terminal.shows("the instance has ended");
    assert_eq!(terminal.end(), 1);
}
