//! `PYTHON=python3.4 ./uwsgi --build-plugin "plugins/python python34"`: one plugin for each interpreter.

use std::time::Duration;

use crate::plugins::build::build;
use crate::plugins::{core, release};
use crate::support::lab::LAB;

/// The first time, when nothing is compiled yet.
const COMPILING: Duration = Duration::from_secs(170);

#[test]
fn as_the_quickstart_says() {
    let name = &LAB.current.plugin;
    let building = build(&format!("plugins/python {name}"), &LAB.current.venv).spawn();
    building.log.whole(COMPILING);
    let ended = building.wait();
    assert_eq!(ended.code, 0, "{}", ended.log);
    let message = format!("*** {name} plugin built and available in {name}_plugin.so ***");
    assert!(ended.log.ends_with(&message), "{}", ended.log);
    let server = core(&format!("--plugin {name} --http-socket {{ip}}:3031 --wsgi-file {{apps}}/probe.py"));
    let file = format!("{name}_plugin.so");
    std::fs::copy(ended.dir.path().join(&file), server.dir().join(&file)).expect("the plugin");
    let server = server.start();
    assert_eq!(server.get(3031, "/process").expect(200).json()["version"], release(name));
}
