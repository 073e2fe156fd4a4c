//! Fifteen configurations as they are found in the field: what each comes to, and what is said about it.

use super::{Case, lasting};
use crate::Config;

/// What differs from the defaults, one field a line.
fn changes(config: &Config) -> String {
    let (mut lines, defaults) = (Vec::new(), serde_json::to_value(Config::default()).unwrap());
    let config = serde_json::to_value(config).unwrap();
    for (part, fields) in config.as_object().unwrap() {
        match fields.as_object() {
            _ if ["options", "files", "start_dir"].contains(&part.as_str()) => {}
            None if defaults[part] != *fields => lines.push(format!("{part}: {fields}")),
            None => {}
            Some(fields) => {
                let changed = fields.iter().filter(|(name, value)| defaults[part][name.as_str()] != **value);
                lines.extend(changed.map(|(name, value)| format!("{part}.{name}: {value}")));
            }
        }
    }
    lines.join("\n")
}

fn report(case: &Case, words: &str) -> String {
    let ran = case.run(words);
    let report = format!("{}\n\n{}", changes(&ran.config), lasting(&ran.warnings).join("\n"));
    report.replace(&*case.path().canonicalize().unwrap().to_string_lossy(), "[dir]")
}

macro_rules! samples {
    ($($test:ident: $file:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            let case = Case::with($file, include_str!(concat!("samples/", $file)));
            insta::assert_snapshot!(report(&case.env("PORT", "5001").env("BEAT", "5s").env("CELERY_WORKERS", "3"), $file));
        }
    )*};
}

samples! {
    docker_flask: "docker-flask.ini",
    django_behind_nginx: "django-nginx-unix-socket.ini",
    emperor: "emperor.ini",
    vassal: "emperor-vassal.ini",
    many_mounts: "multi-mount.ini",
    busyness: "cheaper-busyness.ini",
    gevent: "gevent.ini",
    daemons: "celery-attach-daemon.ini",
    static_files: "static-map.ini",
    heroku: "heroku.ini",
    own_certificate: "https-own-certificate.ini",
    kubernetes: "kubernetes.ini",
    development: "dev-autoreload.yaml",
    old_machine: "old-vm-daemonize.ini",
}

#[test]
fn command_line_and_environment() {
    let case = Case::with("base.ini", include_str!("samples/base.ini"))
        .env("UWSGI_HTTP", ":8000")
        .env("UWSGI_MASTER", "1")
        .env("UWSGI_WORKERS", "2")
        .env("UWSGI_LAZY_APPS", "1");
    let words = "base.ini --threads=8 --http-auto-chunked --http-keepalive --static-map /media/=/srv/shop/media/ \
                 --wsgi-file shop/wsgi.py";
    insta::assert_snapshot!(report(&case, words));
}
