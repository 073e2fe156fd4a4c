//! Django by its `wsgi.py`, behind nginx: `--chdir PROJECT --wsgi-file myproject/wsgi.py`.

use super::django::{about, log_in, stream, upload};
use crate::support::django::project;
use crate::support::nginx::Nginx;
use crate::support::{Kind, Running, Server, lab};

#[test]
fn as_the_quickstart_says() {
    for kind in Kind::each() {
        let command = "--socket {ip}:3031 --chdir {dir}/myproject/ --wsgi-file myproject/wsgi.py --master --processes 4 \
                       --threads 2 --stats {ip}:9191 --virtualenv {venv}";
        let server = project(Server::of(kind, command), &lab::LAB.venv).start();
        let nginx = Nginx::before(&server.address(3031).to_string());
        assert_eq!(nginx.connect().get("/").expect(200).text(), "It works");
        let about = nginx.connect().get("/about/").expect(200).json();
        assert_eq!(about["settings"], "myproject.settings");
    }
}

/// The same by HTTP, with what a browser would do.
const COMMAND: &str = "--http {ip}:9090 --virtualenv {venv} --chdir {dir}/myproject --wsgi-file myproject/wsgi.py \
                       --master --processes 2 --threads 2";

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
            fn admin_login() {
                log_in(&start());
            }

            #[test]
            fn upload_of_twenty_megabytes() {
                upload(&start());
            }

            #[test]
            fn streaming_response() {
                stream(&start());
            }
        }
    };
}

on_release!(long_term, |server: Server| server, &lab::LAB.venv, "5.2.");
on_release!(current, Server::on_current, &lab::LAB.current.venv, "6.1.");
