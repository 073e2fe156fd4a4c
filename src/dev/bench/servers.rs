//! The servers compared, and the pages they serve: each with one process and one thread that runs the application.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{command, setup};

/// One page of the benchmark.
pub(crate) struct Page {
    /// Name in the table.
    pub name: &'static str,
    /// The module in `lab/hello/` that answers.
    pub module: &'static str,
    /// What is asked for.
    pub url: &'static str,
    /// Headers that each request carries on top of the least.
    pub headers: &'static [&'static str],
    /// Who is compared.
    pub servers: &'static [Server],
    /// What the project wants to reach: (ours, peer, largest ratio of CPU time).
    pub goals: &'static [(&'static str, &'static str, f64)],
}

pub(crate) const PAGES: &[Page] = &[
    Page {
        name: "hello",
        module: "hello",
        url: "http://{address}/",
        headers: &[],
        servers: SERVERS,
        goals: &[
            (DIRECT, "bjoern", 1.0),
            (DIRECT, "granian", 0.5),
            (DIRECT, "uwsgi --http-socket", 0.3),
            (ROUTED, "uwsgi --http", 0.35),
        ],
    },
    Page {
        name: "realistic",
        module: "realistic",
        url: "http://{address}/",
        headers: &[
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
            "Accept-Encoding: gzip, deflate, br",
            "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
        ],
        servers: SERVERS,
        goals: &[],
    },
    Page {
        name: "static 64 KB file",
        module: "hello",
        url: "http://{address}/static/64k.bin",
        headers: &[],
        servers: STATIC,
        goals: &[(DIRECT, "nginx", 1.25), (ROUTED, "nginx", 1.25)],
    },
    Page {
        name: "TLS hello, kept connections",
        module: "hello",
        url: "https://{address}/",
        headers: &[],
        servers: TLS,
        goals: &[("rsgi --https", "uwsgi --https", 0.4)],
    },
    Page {
        name: "TLS hello, one connection each",
        module: "hello",
        url: "https://{address}/",
        headers: &["Connection: close"],
        servers: TLS,
        goals: &[("rsgi --https", "uwsgi --https", 0.4)],
    },
];

/// Where the programs lie.
pub(crate) struct Places {
    /// Environment with the peers.
    pub venv: PathBuf,
    /// rsgi, release profile.
    pub rsgi: PathBuf,
    /// Folder with `static/64k.bin`, `cert.pem` and `key.pem`; configurations are written there.
    pub files: PathBuf,
}

/// One server of the table.
pub(crate) struct Server {
    /// Name in the table.
    pub name: &'static str,
    program: Program,
    /// `{address}`, `{host}`, `{port}`, `{page}` and `{files}` are filled in.
    arguments: &'static str,
}

enum Program {
    Rsgi,
    /// A program of the peers' environment.
    Peer(&'static str),
    /// The system's nginx, with a configuration of ours.
    Nginx,
}

/// Names that the goals refer to.
pub(crate) const DIRECT: &str = "rsgi --http-socket";
pub(crate) const ROUTED: &str = "rsgi --http";

pub(crate) const SERVERS: &[Server] = &[
    Server {
        name: DIRECT,
        program: Program::Rsgi,
        arguments: "--http-socket {address} --wsgi-file {page}.py --disable-logging",
    },
    Server {
        name: ROUTED,
        program: Program::Rsgi,
        arguments: "--http {address} --http-keepalive --wsgi-file {page}.py --disable-logging",
    },
    Server {
        name: "bjoern",
        program: Program::Peer("python"),
        arguments: "-c import\u{a0}bjoern,{page};bjoern.run({page}.application,'{host}',{port})",
    },
    Server {
        name: "fastwsgi",
        program: Program::Peer("python"),
        arguments: "-c import\u{a0}fastwsgi,{page};fastwsgi.run(wsgi_app={page}.application,host='{host}',port={port})",
    },
    Server {
        name: "granian",
        program: Program::Peer("granian"),
        arguments: "--interface wsgi --host {host} --port {port} --workers 1 --blocking-threads 1 --no-access-log \
                    {page}:application",
    },
    Server {
        name: "uwsgi --http-socket",
        program: Program::Peer("uwsgi"),
        arguments: "--http-socket {address} --wsgi-file {page}.py --disable-logging",
    },
    Server {
        name: "uwsgi --http",
        program: Program::Peer("uwsgi"),
        arguments: "--http {address} --http-keepalive --wsgi-file {page}.py --disable-logging --master",
    },
];

/// The same file from the same folder.
const STATIC: &[Server] = &[
    Server {
        name: DIRECT,
        program: Program::Rsgi,
        arguments: "--http-socket {address} --wsgi-file {page}.py --disable-logging --static-map /static={files}/static \
                    --offload-threads 2",
    },
    Server {
        name: ROUTED,
        program: Program::Rsgi,
        arguments: "--http {address} --http-keepalive --wsgi-file {page}.py --disable-logging \
                    --static-map /static={files}/static",
    },
    Server { name: "nginx", program: Program::Nginx, arguments: "-c {files}/nginx-{port}.conf -p {files} -e stderr" },
];

const TLS: &[Server] = &[
    Server {
        name: "rsgi --https",
        program: Program::Rsgi,
        arguments: "--https {address},{files}/cert.pem,{files}/key.pem --http-keepalive --wsgi-file {page}.py \
                    --disable-logging",
    },
    Server {
        name: "uwsgi --https",
        program: Program::Peer("uwsgi"),
        arguments: "--https {address},{files}/cert.pem,{files}/key.pem --http-keepalive --wsgi-file {page}.py \
                    --disable-logging --master",
    },
];

/// Nothing but the file, as its manual recommends.
const NGINX: &str = "daemon off; pid {files}/nginx-{port}.pid; worker_processes 1; error_log stderr; {user} \
                     events { worker_connections 256; } \
                     http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; \
                     server { listen {address}; root {files}; } }";

impl Server {
    /// The command that serves `page` on `address`, pinned to CPU 0. A no-break space stands for a blank inside a word.
    ///
    /// # Errors
    /// When a configuration cannot be written.
    pub(crate) fn command(&self, page: &Page, places: &Places, address: SocketAddr) -> Result<Command> {
        let fill = |text: &str| {
            text.replace("{address}", &address.to_string())
                .replace("{host}", &address.ip().to_string())
                .replace("{port}", &address.port().to_string())
                .replace("{page}", page.module)
                .replace("{files}", &places.files.display().to_string())
        };
        let program = match self.program {
            Program::Rsgi => places.rsgi.clone(),
            Program::Peer(name) => places.venv.join("bin").join(name),
            Program::Nginx => {
                // As root it would change to a user that may not read the folder.
                let user = if nix::unistd::Uid::effective().is_root() { "user root;" } else { "" };
                let file = places.files.join(format!("nginx-{}.conf", address.port()));
                std::fs::write(file, fill(&NGINX.replace("{user}", user)))?;
                PathBuf::from("/usr/sbin/nginx")
            }
        };
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program);
        command.args(fill(self.arguments).split_ascii_whitespace().map(|word| word.replace('\u{a0}', " ")));
        command.current_dir(setup::root().join("lab/hello"));
        Ok(command)
    }
}

/// Makes the files that are served, and a certificate.
///
/// # Errors
/// When openssl fails or the folder cannot be written.
pub(crate) fn make_files() -> Result<PathBuf> {
    let files = setup::place().join("bench");
    std::fs::create_dir_all(files.join("static"))?;
    std::fs::write(files.join("static/64k.bin"), vec![b'x'; 64 * 1024])?;
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj".split(' '));
    openssl.args(["/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]);
    command::output(openssl.current_dir(&files))?;
    Ok(files)
}

/// Builds rsgi as a user would and returns the binary.
///
/// # Errors
/// When cargo fails.
pub(crate) fn build_rsgi() -> Result<PathBuf> {
    let target = setup::place().join("target/bench");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--bin", "rsgi", "--target-dir"]).arg(&target);
    command::run(cargo.current_dir(setup::root()))?;
    Ok(target.join("release/rsgi"))
}
