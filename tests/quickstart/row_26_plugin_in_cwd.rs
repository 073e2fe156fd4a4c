//! Without `plugins-dir`, plugins are looked for where the server is started.

use crate::plugins::{core, release};
use crate::support::lab::LAB;
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        if kind == Kind::Uwsgi {
            // No plugin of uWSGI is built for these tests: it tells where it looks.
            let server = Server::of(kind, "--plugin x --http-socket {ip}:3031 --wsgi-file {apps}/probe.py").start();
            server.log.wait_for(r#"^open\("\./x_plugin\.so"\): No such file"#);
            continue;
        }
        let name = &LAB.plugins[0];
        let file = format!("{name}_plugin.so");
        // The directory that it changes to later has nothing to do with it.
        let server = core(&format!("--plugin {name} --chdir {{apps}} --http-socket {{ip}}:3031 --wsgi-file probe.py"));
        std::fs::copy(LAB.plugins_dir.join(&file), server.dir().join(&file)).expect("the plugin");
        let server = server.start();
        assert_eq!(server.get(3031, "/process").expect(200).json()["version"], release(name));
    }
}
