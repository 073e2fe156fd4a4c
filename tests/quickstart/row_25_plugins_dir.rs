//! `plugins-dir = D`, `plugin = python26` at the top of a file: one binary, any version.

use crate::plugins::{core, release};
use crate::support::lab::LAB;

#[test]
fn as_the_quickstart_says() {
    assert!(LAB.plugins.len() >= 2, "at least two versions: {:?}", LAB.plugins);
    let dir = LAB.plugins_dir.display();
    for plugin in &LAB.plugins {
        let server = core("").ini(&format!(
            "plugins-dir = {dir}\nplugin = {plugin}\nhttp-socket = {{ip}}:3031\nwsgi-file = {{apps}}/probe.py\nthreads = 2"
        ));
        let server = server.start();
        let process = server.get(3031, "/process").expect(200).json();
        assert_eq!(process["version"], release(plugin));
        server.log.wait_for(&format!(r"Python version: {}\.", regex::escape(&release(plugin))));
    }
}
