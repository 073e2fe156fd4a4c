//! `enable-threads = true`: threads that the application starts run between its requests.

use crate::support::{Kind, Running, Server, eventually};

fn ticks(server: &Running) -> u32 {
    server.get(3031, "/wait_for_tick").expect(200).text().parse().expect("a number")
}

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        // uWSGI has done so without the option, too, since 2.0.27.
        for option in ["enable-threads = true", "", "enable-threads = false"] {
            let server = Server::of(kind, "")
                .ini(&format!("http-socket = {{ip}}:3031\nwsgi-file = {{apps}}/probe.py\nmaster = true\n{option}"));
            let server = server.start();
            let first = ticks(&server);
            eventually("the thread runs between requests", || (ticks(&server) > first + 5).then_some(()));
        }
    }
}
