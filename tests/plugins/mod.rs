//! The language-free server with plugins for several versions of Python.

pub(crate) mod build;

use std::process::Command;

use crate::support::lab::LAB;
use crate::support::{Kind, Server};

pub(crate) fn core(arguments: &str) -> Server {
    Server::of(Kind::Rsgi, arguments).program(&LAB.core)
}

/// `3.12` of `python312`.
pub(super) fn release(plugin: &str) -> String {
    let digits = plugin.trim_start_matches("python");
    format!("{}.{}", &digits[..1], &digits[1..])
}

#[test]
fn two_versions_serve_side_by_side_from_one_binary() {
    let dir = LAB.plugins_dir.display();
    let servers: Vec<_> = LAB.plugins[..2]
        .iter()
        .map(|plugin| {
            core(&format!("--plugins-dir {dir} --plugin {plugin} --http {{ip}}:9090 --wsgi-file {{apps}}/probe.py"))
                .start()
        })
        .collect();
    let versions: Vec<_> =
        servers.iter().map(|server| server.get(9090, "/process").expect(200).json()["version"].clone()).collect();
    assert_eq!(versions, LAB.plugins[..2].iter().map(|plugin| release(plugin)).collect::<Vec<_>>());
}

#[test]
fn a_virtualenv_chooses_its_plugin() {
    let dir = LAB.plugins_dir.display();
    let venv = LAB.current.venv.display();
    let server = core(&format!(
        "--plugins-dir {dir} --virtualenv {venv} --http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py"
    ));
    let process = server.start().get(3031, "/process").expect(200).json();
    assert_eq!(process["version"], release(&LAB.current.plugin));
    assert_eq!(process["prefix"], venv.to_string());
}

#[test]
fn a_virtualenv_of_another_version_than_the_plugin_names_both() {
    let other = LAB.plugins.iter().find(|plugin| **plugin != LAB.current.plugin).expect("two plugins");
    let dir = LAB.plugins_dir.display();
    let venv = LAB.current.venv.display();
    let ended = core(&format!(
        "--plugins-dir {dir} --plugin {other} --virtualenv {venv} --http-socket 127.0.0.1:0 --wsgi-file {{apps}}/probe.py"
    ))
    .run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    for version in [release(other), release(&LAB.current.plugin)] {
        assert!(ended.log.contains(&version), "{version} is not named:\n{}", ended.log);
    }
    for plugin in &LAB.plugins {
        let there = format!("Python {} (", release(plugin));
        assert!(ended.log.contains(&there), "{plugin} is there and not named:\n{}", ended.log);
    }
}

#[test]
fn without_a_plugin_the_server_says_how_to_get_one() {
    let ended = core("--http-socket 127.0.0.1:0 --wsgi-file {apps}/probe.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(
        ended.log.contains("no request plugin is loaded, you will not be able to manage requests."),
        "{}",
        ended.log
    );
    assert!(ended.log.contains("rsgi --build-plugin \"python python3\""), "{}", ended.log);
}

#[test]
fn two_vassals_run_two_versions_under_one_emperor() {
    let vassal = |plugin: &str, port: u16| {
        let dir = LAB.plugins_dir.display();
        format!(
            "[uwsgi]\nplugins-dir = {dir}\nplugin = {plugin}\nhttp-socket = {{ip}}:{port}\nwsgi-file = {{apps}}/probe.py\n"
        )
    };
    let (first, last) = (&LAB.plugins[0], &LAB.plugins[LAB.plugins.len() - 1]);
    let server = core("--emperor {dir}/vassals")
        .file("vassals/first.ini", &vassal(first, 3001))
        .file("vassals/last.ini", &vassal(last, 3002))
        .spawn();
    server.log.wait_for_count(0, "is now loyal", 2);
    for (port, plugin) in [(3001, first), (3002, last)] {
        assert_eq!(server.get(port, "/process").expect(200).json()["version"], release(plugin));
    }
}

#[test]
fn a_build_with_a_language_names_both_versions_when_asked_for_another() {
    let other = LAB.plugins.iter().find(|plugin| **plugin != LAB.embedded).expect("two plugins");
    let file = format!("{}/{other}_plugin.so", LAB.plugins_dir.display());
    for plugin in [other.clone(), file] {
        let dir = LAB.plugins_dir.display();
        let ended = Server::of(
            Kind::Rsgi,
            &format!("--plugins-dir {dir} --plugin {plugin} --http-socket 127.0.0.1:0 --wsgi-file {{apps}}/probe.py"),
        )
        .run();
        assert_eq!(ended.code, 1, "{}", ended.log);
        let both =
            format!("runs Python {}, but this rsgi has Python {} built in", release(other), release(&LAB.embedded));
        assert!(ended.log.contains(&both), "{}", ended.log);
    }
}

#[test]
fn a_plugin_that_is_not_there_names_the_places_searched() {
    let ended =
        core("--plugins-dir {dir} --need-plugin python399 --http-socket 127.0.0.1:0 --wsgi-file {apps}/probe.py").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    let searched = ended.dir.path().display().to_string();
    assert!(ended.log.contains("python399") && ended.log.contains(&searched), "{}", ended.log);
}

#[test]
fn a_library_that_is_no_plugin_is_refused() {
    let source = "int answer(void) { return 42; }\n";
    let server = core("--plugins-dir {dir} --plugin python311 --http-socket 127.0.0.1:0 --wsgi-file {apps}/probe.py");
    let (c, library) = (server.dir().join("no.c"), server.dir().join("rsgi_python311.so"));
    std::fs::write(&c, source).expect("written");
    let status = Command::new("cc").args(["-shared", "-o"]).arg(&library).arg(&c).status().expect("cc");
    assert!(status.success());
    let ended = server.run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("rsgi_python311.so"), "{}", ended.log);
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let server = core("--plugins-dir {dir} --plugin python311 --http-socket 127.0.0.1:0 --wsgi-file {apps}/probe.py");
    let ended = server.file("rsgi_python311.so", "not a library").run();
    assert_eq!(ended.code, 1, "{}", ended.log);
    assert!(ended.log.contains("rsgi_python311.so"), "{}", ended.log);
}

#[test]
fn the_default_build_takes_the_names_of_what_it_embeds() {
    for plugin in ["python", "python3", "python,http", LAB.embedded.as_str()] {
        let server = Server::of(
            Kind::Rsgi,
            &format!("--plugin {plugin} --http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py"),
        );
        assert_eq!(server.start().get(3031, "/process").expect(200).json()["version"], release(&LAB.embedded));
    }
}
