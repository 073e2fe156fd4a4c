//! The servers compared, each as its own documentation wants it for two processes of four threads.

use super::plan::{App, Door};

/// Who the others are compared with.
pub(super) const OURS: &str = "rsgi";

/// One of them.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    /// Program and options that both doors have; `{module}` is filled in.
    command: &'static str,
    /// What opens its own HTTP on port 8080.
    direct: &'static str,
    /// What opens the unix socket that nginx asks.
    behind: &'static str,
    /// nginx speaks uwsgi to it, else HTTP on kept connections.
    speaks_uwsgi: bool,
    /// Options of `docker run` that its documentation asks for.
    pub(super) container: &'static [&'static str],
    /// Whether a process runs the application.
    pub(super) is_worker: fn(&Process) -> bool,
    /// Where its documentation says so.
    pub(super) source: &'static str,
}

/// A process of a container.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) title: String,
    pub(super) rss: u64,
    pub(super) pss: u64,
    pub(super) private: u64,
}

pub(super) const SERVERS: [Server; 4] = [
    Server {
        name: OURS,
        command: "/usr/bin/rsgi --strict --master --processes 2 --threads 4 --listen 1024 --need-app --auto-procname --disable-logging \
                  --virtualenv /venv --module {module}",
        direct: "--http :8080 --http-keepalive",
        behind: "--socket /sockets/app.sock --chmod-socket=666",
        speaks_uwsgi: true,
        container: &[],
        is_worker: |process| process.title.contains("worker"),
        source: "[deploy/behind-nginx.md](deploy/behind-nginx.md), and `listen` as uWSGI has it: nginx answers 502 when more connections wait \
                 than a unix socket takes, 100 by default",
    },
    Server {
        name: "uWSGI",
        command: "/venv/bin/uwsgi --strict --master --processes 2 --threads 4 --listen 1024 --enable-threads --single-interpreter --thunder-lock \
                  --need-app --auto-procname --disable-logging --virtualenv /venv --module {module}",
        direct: "--http :8080 --http-keepalive",
        behind: "--socket /sockets/app.sock --chmod-socket=666",
        speaks_uwsgi: true,
        container: &[],
        is_worker: |process| process.title.contains("worker"),
        source: "\"Things to know\" and \"Serializing accept()\": `http` and not `http-socket` where clients come directly; `thunder-lock`; \
                 `listen` for more than 100 connections that wait",
    },
    Server {
        name: "gunicorn",
        command: "/venv/bin/gunicorn --worker-class gthread --workers 2 --threads 4 --keep-alive 75 --worker-tmp-dir /dev/shm \
                  --no-control-socket {module}:application",
        direct: "--bind 0.0.0.0:8080",
        behind: "--bind unix:/sockets/app.sock --umask 0",
        speaks_uwsgi: false,
        container: &[],
        is_worker: |process| process.parent == 1,
        source: "\"Deploying Gunicorn\" (unix socket behind nginx) and its FAQ (`/dev/shm` in containers); without `--preload`, which would \
                 keep SIGHUP from loading the application anew",
    },
    Server {
        name: "Granian",
        command: "/venv/bin/granian --interface wsgi --http 1 --no-ws --workers 2 --blocking-threads 4 {module}:application",
        direct: "--host 0.0.0.0 --port 8080",
        behind: "--uds /sockets/app.sock --uds-permissions 666",
        speaks_uwsgi: false,
        // So that connections move to the other worker when one is replaced.
        container: &["--sysctl=net.ipv4.tcp_migrate_req=1"],
        is_worker: |process| process.parent == 1,
        source: "its README, \"Workers and threads\": few blocking threads where answers take about a millisecond, and \
                 `net.ipv4.tcp_migrate_req` for respawns",
    },
];

impl Server {
    /// The command line that serves an application through a door.
    pub(super) fn command(&self, app: &App, door: Door) -> String {
        let door = if door == Door::Direct { self.direct } else { self.behind };
        format!("{} {door}", self.command.replace("{module}", app.module))
    }

    /// The configuration of the nginx before it.
    pub(super) fn nginx(&self) -> String {
        let (keepalive, pass) = if self.speaks_uwsgi {
            ("", "include /etc/nginx/uwsgi_params;\n            uwsgi_pass app;")
        } else {
            (
                "keepalive 32;",
                "proxy_pass http://app;\n            proxy_http_version 1.1;\n            proxy_set_header Connection \"\";\n            \
                 proxy_set_header Host $http_host;\n            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n            \
                 proxy_set_header X-Forwarded-Proto $scheme;",
            )
        };
        // Without an empty line where there is nothing to keep.
        let text = include_str!("nginx.conf").replace("{pass}", pass);
        text.replace(
            "        {keepalive}\n",
            &if keepalive.is_empty() { String::new() } else { format!("        {keepalive}\n") },
        )
    }
}
