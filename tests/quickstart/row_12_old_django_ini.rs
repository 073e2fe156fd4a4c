//! Django without a `wsgi.py`, in a file; only the first `=` of `env = NAME=VALUE` parts name and value.

use crate::support::django::project;
use crate::support::{Kind, Server, lab, uwsgi};

const YOURFILE: &str = "socket = {ip}:3031
chdir = {dir}/myproject/
pythonpath = {dir}/myproject/myproject/..
env = DJANGO_SETTINGS_MODULE=myproject.settings
module = django.core.handlers.wsgi:WSGIHandler()
processes = 4
threads = 2
stats = {ip}:9191
virtualenv = {venv}";

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let server = project(Server::of(kind, "").ini(YOURFILE), &lab::LAB.venv).start();
        let about = server.connect(3031).send(uwsgi::encode(&uwsgi::get("/about/"))).response().expect(200).json();
        assert_eq!(about["settings"], "myproject.settings");
    }
}

#[test]
fn further_equal_signs_belong_to_the_value() {
    for kind in Kind::each() {
        let ini = "http-socket = {ip}:3031\nwsgi-file = {apps}/probe.py\nenv = LAB_FURTHER=a=b = c";
        let process = Server::of(kind, "").ini(ini).start().get(3031, "/process").expect(200).json();
        assert_eq!(process["environment"]["LAB_FURTHER"], "a=b = c");
    }
}
