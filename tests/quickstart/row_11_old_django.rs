//! Django without a `wsgi.py`: `pythonpath`, `env` and a `module` whose name is called.

use super::django::{about, post_form};
use crate::support::django::project;
use crate::support::{Kind, Running, Server, lab};

/// As it is typed, but for the port and the virtual environment.
const COMMAND: &str = "--http {ip}:9090 --virtualenv {venv} --chdir {dir}/myproject/myproject --pythonpath .. \
                       --env DJANGO_SETTINGS_MODULE=myproject.settings \
                       --module django.core.handlers.wsgi:WSGIHandler()";

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        about(&project(Server::of(kind, COMMAND), &lab::LAB.venv).start(), "5.2.");
    }
}

#[test]
fn the_name_is_called_once_for_all_workers() {
    let app = "import os\nCALLS = []\ndef make():\n    CALLS.append(os.getpid())\n    return answer\n\
               def answer(e, s):\n    s('200 OK', [])\n    return [b'%d %d' % (len(CALLS), CALLS[0] == os.getpid())]\n";
    for kind in Kind::each() {
        let server = Server::of(kind, "--http-socket {ip}:3031 --master --processes 2 --module made:make()");
        assert_eq!(server.file("made.py", app).start().get(3031, "/").expect(200).text(), "1 0");
    }
}

macro_rules! on_release {
    ($name:ident, $prepare:expr, $venv:expr, $version:expr) => {
        mod $name {
            use super::*;

            fn start() -> Running {
                let server = project(Server::new(COMMAND), $venv);
                $prepare(server).start()
            }

            #[test]
            fn the_project_answers() {
                about(&start(), $version);
            }

            #[test]
            fn form_post_with_csrf() {
                post_form(&start());
            }
        }
    };
}

on_release!(long_term, |server: Server| server, &lab::LAB.venv, "5.2.");
on_release!(current, Server::on_current, &lab::LAB.current.venv, "6.1.");
