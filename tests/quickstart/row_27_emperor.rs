//! The next step: an emperor, one instance for each file of its folder.

use crate::support::{Kind, Server, eventually, processes};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let vassal =
            |port| format!("[uwsgi]\nhttp-socket = {{ip}}:{port}\nwsgi-file = {{apps}}/probe.py\nmaster = true\n");
        let server = Server::of(kind, "--emperor {dir}/vassals --emperor-freq 1")
            .file("vassals/one.ini", &vassal(3001))
            .file("vassals/two.ini", &vassal(3002))
            .spawn();
        let parents: Vec<_> = [3001, 3002]
            .into_iter()
            .map(|port| {
                eventually("the vassal listens", || {
                    processes::listeners().contains(&server.address(port)).then_some(())
                });
                server.get(port, "/process").expect(200).json()["parent"].clone()
            })
            .collect();
        assert_ne!(parents[0], parents[1], "each has a master of its own");
        assert!(parents.iter().all(|parent| *parent != server.pid()), "the emperor serves nothing");
    }
}
