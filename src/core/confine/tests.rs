//! What a confined router is refused, tried in a process of its own: nobody can take confinement off again.

use std::fs::{File, OpenOptions, read};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::unistd::getppid;
use rsgi_config::Config;
use rsgi_sys::fork::{Fork, exit_now, fork};

use super::*;

/// Runs `work` in a child and returns what it says.
fn in_child(work: impl FnOnce() -> String) -> String {
    let (mut reader, mut writer) = io::pipe().unwrap();
    if fork().unwrap() == Fork::Child {
        let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| "a panic".into());
        let _ = writer.write_all(said.as_bytes());
        exit_now(0);
    }
    drop(writer);
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    said
}

fn outcome<T>(what: &str, result: io::Result<T>) -> String {
    let word = match result {
        Ok(_) => "ok".into(),
        Err(error) => format!("{:?}", nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0))),
    };
    format!("{what}: {word}\n")
}

#[test]
fn a_router_can_do_nearly_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    for name in ["static/page.html", "log/rsgi.log", "app/settings.py", "keys/a.crt"] {
        std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        std::fs::write(root.join(name), "x").unwrap();
    }
    let mut config = Config { start_dir: root.clone(), ..Config::default() };
    config.statics.map = vec![("/static".into(), root.join("static"))];
    config.log.to = Some(root.join("log/rsgi.log"));
    let unix = root.join("app/db.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&unix).unwrap();
    let attempt = |config: &Config| {
        router(config, &Material::default());
        let write = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        [
            outcome("a static file", read(root.join("static/page.html"))),
            outcome("its log, opened anew", write(&root.join("log/rsgi.log.1"))),
            outcome("a static file, to write", write(&root.join("static/page.html"))),
            outcome("anything else", read("/etc/passwd")),
            outcome("what is public", File::create("/tmp/rsgi-confined")),
            outcome("a listener", TcpListener::bind("127.0.0.1:0")),
            outcome("a database", UnixStream::connect(&unix)),
            outcome("a program", std::process::Command::new("/bin/true").status()),
            outcome("a fork", fork().map_err(io::Error::from)),
            outcome("a signal", nix::sys::signal::kill(getppid(), None).map_err(io::Error::from)),
            outcome("a thread", std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join())),
        ]
        .concat()
    };
    insta::assert_snapshot!(in_child(|| attempt(&config)));
}

#[test]
fn without_files_to_serve_it_reads_none() {
    let said = in_child(|| {
        router(&Config::default(), &Material::default());
        outcome("the program itself", read("/proc/self/exe"))
            + &outcome(
                "local time",
                read("/etc/localtime")
                    .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }),
            )
    });
    assert_eq!(said, "the program itself: EACCES\nlocal time: ok\n");
}
