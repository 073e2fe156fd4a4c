//! The servers compared, and the pages they serve: each with one process and one thread that runs the application.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{command, lab};

/// One page of the benchmark.
pub(crate) struct Page {
    /// Name in the table, and of the module in `lab/hello/`.
    pub name: &'static str,
    /// Headers that each request carries on top of the least.
    pub headers: &'static [&'static str],
}

pub(crate) const PAGES: &[Page] = &[
    Page { name: "hello", headers: &[] },
    Page {
        name: "realistic",
        headers: &[
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
            "Accept-Encoding: gzip, deflate, br",
            "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
        ],
    },
];

/// Where the programs lie.
pub(crate) struct Places {
    /// Environment with the peers.
    pub venv: PathBuf,
    /// rsgi, release profile.
    pub rsgi: PathBuf,
}

/// One server of the table.
pub(crate) struct Server {
    /// Name in the table.
    pub name: &'static str,
    program: Program,
    /// `{address}`, `{host}`, `{port}` and `{page}` are filled in.
    arguments: &'static str,
}

enum Program {
    Rsgi,
    /// A program of the peers' environment.
    Peer(&'static str),
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

impl Server {
    /// The command that serves `page` on `address`, pinned to CPU 0. A no-break space stands for a blank inside a word.
    pub(crate) fn command(&self, page: &Page, places: &Places, address: SocketAddr) -> Command {
        let program = match self.program {
            Program::Rsgi => places.rsgi.clone(),
            Program::Peer(name) => places.venv.join("bin").join(name),
        };
        let filled = self
            .arguments
            .replace("{address}", &address.to_string())
            .replace("{host}", &address.ip().to_string())
            .replace("{port}", &address.port().to_string())
            .replace("{page}", page.name);
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program);
        command.args(filled.split_ascii_whitespace().map(|word| word.replace('\u{a0}', " ")));
        command.current_dir(lab::root().join("lab/hello"));
        command
    }
}

/// Builds rsgi as a user would and returns the binary.
///
/// # Errors
/// When cargo fails.
pub(crate) fn build_rsgi() -> Result<PathBuf> {
    let target = lab::place().join("target/bench");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--quiet", "--bin", "rsgi", "--target-dir"]).arg(&target);
    command::run(cargo.current_dir(lab::root()))?;
    Ok(target.join("release/rsgi"))
}
