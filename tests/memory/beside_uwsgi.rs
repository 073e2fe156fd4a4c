//! Memory of a worker that runs Django, beside uWSGI's on the same project.

use crate::support::lab::LAB;
use crate::support::{Kind, Running, Server, processes};

/// Requests before the measurement, so that lazy imports and caches are filled on both.
const WARM_UP: usize = 200;

fn start(kind: Kind) -> Running {
    let arguments = "--http-socket {ip}:3031 --virtualenv {venv} --chdir {dir}/myproject --wsgi-file myproject/wsgi.py \
                     --master --processes 2 --threads 2 --disable-logging";
    let server = match kind {
        Kind::Uwsgi => Server::of(kind, arguments),
        // The release build: nobody runs the other one for its memory.
        Kind::Rsgi => {
            let plugin = format!("--plugins-dir {} --plugin {} ", LAB.plugins_dir.display(), LAB.embedded);
            Server::of(kind, &(plugin + arguments)).program(&LAB.core)
        }
    };
    server.copy("django/myproject").env("DJANGO_DATABASE", "{dir}/db.sqlite3").start()
}

/// The smallest unique and proportional size of a worker, KiB.
fn measure(kind: Kind) -> (u64, u64) {
    let server = start(kind);
    let workers = server.workers(2);
    for _ in 0..WARM_UP {
        server.get(3031, "/about/").expect(200);
        server.get(3031, "/admin/login/").expect(200);
    }
    let sizes = workers.iter().map(|pid| processes::memory(*pid));
    sizes.min_by_key(|(_, proportional)| *proportional).expect("a worker")
}

#[test]
fn a_worker_takes_no_more_than_uwsgis() {
    let (own_unique, own_proportional) = measure(Kind::Rsgi);
    let (unique, proportional) = measure(Kind::Uwsgi);
    println!("USS {own_unique} and {unique} KiB, PSS {own_proportional} and {proportional} KiB");
    assert!(own_proportional <= proportional, "PSS {own_proportional} KiB, uWSGI {proportional} KiB");
    assert!(own_unique <= unique, "USS {own_unique} KiB, uWSGI {unique} KiB");
}
