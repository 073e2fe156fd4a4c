//! `virtualenv = PATH`: its packages are the application's.

use crate::support::lab::LAB;
use crate::support::{Kind, Server};

#[test]
fn as_the_quickstart_says() {
    let app = "import flask, sys\ndef application(e, s):\n    s('200 OK', [])\n    return [(sys.prefix + ' ' + flask.__file__).encode()]\n";
    let venv = LAB.venv.display();
    for kind in Kind::each() {
        let ini = "http-socket = {ip}:3031\nvirtualenv = {venv}\nwsgi-file = app.py";
        let server = Server::of(kind, "").ini(ini).file("app.py", app).start();
        let answer = server.get(3031, "/").expect(200).text().to_owned();
        assert!(answer.starts_with(&format!("{venv} {venv}/lib/")), "{answer}");
    }
}
