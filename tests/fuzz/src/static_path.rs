//! Static files: whatever a path says, the file that answers lies in a directory that is served, and is none that is never served.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rsgi::statics::{Ask, Statics};
use rsgi_config::Config;
use rsgi_proto::http1::target::decode_path;
use tempfile::TempDir;

/// Directories that are served, one that links may lead to, and one that nobody may see.
struct Site {
    home: PathBuf,
    statics: Statics,
    _directory: TempDir,
}

thread_local! {
    static SITE: Site = Site::new();
}

pub(crate) fn run(input: &[u8]) {
    SITE.with(|site| site.ask(input));
    let mut path = Vec::new();
    if decode_path(input, &mut path).is_ok() {
        SITE.with(|site| site.ask(&path));
    }
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("room");
        let home = directory.path().canonicalize().expect("it is there");
        for folder in ["public/deep/er", "media", "app/static", "common", "secret"] {
            fs::create_dir_all(home.join(folder)).expect("room");
        }
        for file in [
            "public/a.txt", "public/index.html", "public/deep/b.css", "public/deep/b.css.gz", "public/deep/er/c", "public/code.py",
            "media/m.png", "app/static/s.js", "common/x.txt", "secret/key", "public/a b", "public/...", "public/..a",
        ] {
            fs::write(home.join(file), file).expect("room");
        }
        for (link, to) in [
            ("public/inside", "deep/b.css"), ("public/up", "../secret/key"), ("public/root", "/"), ("public/shared", "../common"),
            ("public/loop", "loop"), ("public/code", "code.py"), ("media/far", "/etc/hostname"), ("media/self", "/proc/self"),
        ] {
            symlink(to, home.join(link)).expect("room");
        }
        let statics = rsgi_config::Statics {
            map: vec![("/static".into(), home.join("public")), ("/one".into(), home.join("media/m.png"))],
            map2: vec![("/static".into(), home.join("app"))],
            check: vec![home.join("media")],
            index: vec!["index.html".into(), "../secret/key".into()],
            skip_ext: vec![".py".into()],
            safe: vec![home.join("common")],
            gzip_all: true,
            honour_range: true,
            ..rsgi_config::Statics::default()
        };
        let config = Config { statics, ..Config::default() };
        let statics = Statics::of(&config).expect("the kernel can").expect("there are some");
        Self { home, statics, _directory: directory }
    }

    fn ask(&self, path: &[u8]) {
        let ask = Ask { method: b"GET", path, uri: path, accept_encoding: Some(b"gzip, br"), ..Ask::default() };
        let Ok(Some(reply)) = self.statics.find(&ask) else { return };
        assert!(self.statics.claims(b"GET", path), "what is found was claimed");
        let name = format!("/proc/self/fd/{}", reply.file.as_raw_fd());
        let name = fs::read_link(name).expect("it is open");
        let is_served = ["public", "media", "app", "common"].iter().any(|folder| name.starts_with(self.home.join(folder)));
        assert!(is_served, "{} answers {}", name.display(), path.escape_ascii());
        assert!(!name.to_string_lossy().ends_with(".py"), "{} answers {}", name.display(), path.escape_ascii());
        assert!(reply.file.metadata().expect("it is open").is_file());
        assert!(!path.contains(&0));
    }
}
