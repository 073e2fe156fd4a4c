//! What makes an instance reload by itself: files and modules that change.

use crate::support::{Kind, Server};

use super::{app, deploy, says};

#[test]
fn a_directory_whose_files_change_reloads() {
    for options in ["--fs-reload {dir}/app.py", "--fs-reload {dir}/templates", "--fs-brutal-reload {dir}/templates"] {
        let server = Server::of(
            Kind::Rsgi,
            &format!("--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{dir}}/app.py --processes 2 {options}"),
        )
        .file("app.py", &app("old", "pass"))
        .file("templates/page.html", "old")
        .start();
        server.workers(2);
        deploy(&server, &app("new", "pass"));
        if options.ends_with("templates") {
            std::fs::write(server.dir().join("templates/page.html"), "new").expect("written");
        }
        server.log.wait_for("has changed");
        server.log.wait_for("generation 1 serves");
        says(&server, "new");
    }
}

/// Looks for changed modules each second. The first look is over when the workers are ready.
fn watched(options: &str) -> crate::support::Running {
    let app = "import helper\ndef application(e, s):\n    s('200 OK', [])\n    return [helper.TEXT]\n";
    let options = format!(
        "--http {{ip}}:9090 --http-socket {{ip}}:3031 --wsgi-file {{dir}}/app.py --pythonpath {{dir}} --processes 2 \
         --py-autoreload 1 {options}"
    );
    let server = Server::of(Kind::Rsgi, &options).file("app.py", app).file("helper.py", "TEXT = b'old'\n").start();
    server.workers(2);
    server
}

fn write(server: &crate::support::Running, file: &str, text: &str) {
    std::fs::write(server.dir().join(file), text).expect("written");
}

#[test]
fn a_changed_module_reloads_and_a_broken_one_can_be_mended() {
    for options in ["", "--lazy-apps --threads 2"] {
        let server = watched(options);
        says(&server, "old");
        // Of another size than before, so that the interpreter does not take what it has compiled within the same second.
        write(&server, "helper.py", "import broken\nTEXT = broken.TEXT\n");
        write(&server, "broken.py", "TEXT = b'new'\nsyntax error here\n");
        server.log.wait_for(r"\[rsgi-python-reloader\] module/file .*helper.py has been modified");
        server.log.wait_for("reload failed");
        says(&server, "old");
        write(&server, "broken.py", "TEXT = b'new'\n");
        server.log.wait_for(r"module/file .*broken.py has been modified");
        says(&server, "new");
    }
}

#[test]
fn an_ignored_module_does_not() {
    let server = watched("--py-auto-reload-ignore helper");
    write(&server, "helper.py", "TEXT = b'newer'\n");
    write(&server, "app.py", "def application(e, s):\n    s('200 OK', [])\n    return [b'app']\n");
    says(&server, "app");
    assert!(server.log.matching("helper.py has been modified").is_empty(), "{}", server.log.text());
}

#[test]
fn a_link_that_is_switched_at_each_deployment_reloads_each_time() {
    let server = Server::of(
        Kind::Rsgi,
        "--http {ip}:9090 --http-socket {ip}:3031 --wsgi-file {dir}/app.py --processes 2 --fs-reload {dir}/current/page.html",
    )
    .file("app.py", &app("old", "pass"))
    .file("releases/0/page.html", "old")
    .start();
    server.workers(2);
    // It is not there at the start.
    for number in 1..=3 {
        deploy(&server, &app(&format!("new{number}"), "pass"));
        let release = format!("releases/{}", number % 2);
        std::fs::create_dir_all(server.dir().join(&release)).expect("made");
        std::fs::write(server.dir().join(&release).join("page.html"), "new").expect("written");
        std::os::unix::fs::symlink(&release, server.dir().join("next")).expect("a link");
        std::fs::rename(server.dir().join("next"), server.dir().join("current")).expect("switched");
        server.log.wait_for_count(0, "has changed", number);
        says(&server, &format!("new{number}"));
    }
}
