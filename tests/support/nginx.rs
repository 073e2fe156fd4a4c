//! A real nginx in front of the server, configured by `lab/nginx/site.conf`.

use std::net::SocketAddrV4;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use tempfile::TempDir;

use super::lab::root;
use super::log::Log;
use super::{Client, address, eventually, processes};

/// A running nginx, in the foreground, as the user of the test.
pub(crate) struct Nginx {
    child: Child,
    log: Log,
    address: SocketAddrV4,
    _dir: TempDir,
}

impl Nginx {
    /// Starts one that passes everything by the uwsgi protocol to `upstream`: `127.0.0.1:3031`, or `unix:/path`.
    #[track_caller]
    pub(crate) fn before(upstream: &str) -> Self {
        Self::passing(&format!("include /etc/nginx/uwsgi_params; uwsgi_pass {upstream};"), "")
    }

    /// Starts one with these lines for every location, and those beside the server block.
    #[track_caller]
    pub(crate) fn passing(location: &str, http: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("rsgi-nginx-").tempdir().expect("a temporary folder");
        let address = SocketAddrV4::new(address::fresh(), 8080);
        let template = std::fs::read_to_string(root().join("lab/nginx/site.conf")).expect("lab/nginx/site.conf");
        let text = template
            .replace("{dir}", &dir.path().display().to_string())
            // As root, nginx would give its workers another user, which could not read this folder.
            .replace("{user}", if Uid::effective().is_root() { "user root;" } else { "" })
            .replace("{listen}", &address.to_string())
            .replace("{http}", http)
            .replace("{location}", location);
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, text).expect("a file");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = Command::new("nginx");
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        command.arg("-c").arg(&file).arg("-p").arg(dir.path()).args(["-e", "stderr"]).env("PATH", path);
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("nginx: {error}; install it: apt-get install nginx"));
        drop(command);
        let mut nginx = Self { child, log: Log::collect(reader), address, _dir: dir };
        eventually("nginx listens", || {
            let ended = nginx.child.try_wait().expect("a child");
            assert!(ended.is_none(), "nginx ended: {ended:?}\n{}", nginx.log.text());
            processes::listeners().contains(&address).then_some(())
        });
        nginx
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// A connection to nginx.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::tcp(self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of nginx ---\n{}\n--- end ---", self.log.text());
        }
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")), Signal::SIGTERM);
        let _ = self.child.wait();
        let _ = self.log.whole(Duration::from_secs(5));
    }
}
