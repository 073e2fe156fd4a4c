//! The same in a file: `uwsgi yourfile.ini`.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::django::project;
use crate::support::nginx::Nginx;
use crate::support::{Kind, Server, lab, phrases};

const YOURFILE: &str = "socket = {ip}:3031
chdir = {dir}/myproject/
wsgi-file = myproject/wsgi.py
processes = 4
threads = 2
stats = {ip}:9191
virtualenv = {venv}";

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = project(Server::of(kind, "").ini(YOURFILE), &lab::LAB.venv).start();
        let victim = server.workers(4)[0];
        server.log.wait_for("app.ini");
        let nginx = Nginx::before(&server.address(3031).to_string());
        assert_eq!(nginx.connect().get("/").expect(200).text(), "It works");
        // Nobody wrote `master`; the stats imply it.
        let lines = server.log.len();
        kill(Pid::from_raw(victim), Signal::SIGKILL).expect("the worker lives");
        server.log.wait_from(lines, phrases::worker_ready(kind));
        assert_eq!(nginx.connect().get("/").expect(200).text(), "It works");
    }
}
