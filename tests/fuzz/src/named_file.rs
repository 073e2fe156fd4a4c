//! Files that an application names in its answer: they lie in the directories for it, whatever the header says, and its other headers stay
//! whole. The input is what the headers say, and a Range, each on a line of its own.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rsgi::statics::{Ask, Instead, Named};
use rsgi_abi::head::Head;
use rsgi_abi::host::HeadView;
use rsgi_config::Config;
use tempfile::TempDir;

struct Site {
    home: PathBuf,
    named: Named,
    _directory: TempDir,
}

thread_local! {
    static SITE: Site = Site::new();
}

pub(crate) fn run(input: &[u8]) {
    SITE.with(|site| {
        // An application can only name a file below a directory whose name it knows.
        let home = site.home.to_string_lossy().into_owned().into_bytes();
        let mut text = Vec::new();
        for (number, piece) in input.split(|&byte| byte == b'~').enumerate() {
            if number > 0 {
                text.extend_from_slice(&home);
            }
            text.extend_from_slice(piece);
        }
        site.ask(&text);
    });
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("room");
        let home = directory.path().canonicalize().expect("it is there");
        for (file, text) in [("files/a.txt", "abcdefghij"), ("files/b/c d", "c"), ("protected/p.png", "p"), ("secret/key", "k")] {
            fs::create_dir_all(home.join(file).parent().expect("a folder")).expect("room");
            fs::write(home.join(file), text).expect("room");
        }
        symlink("../secret/key", home.join("files/up")).expect("room");
        symlink("/", home.join("protected/root")).expect("room");
        let statics = rsgi_config::Statics {
            x_sendfile: vec![home.join("files")],
            x_accel_redirect: vec![("/protected/".into(), home.join("protected")), ("/p".into(), home.join("protected"))],
            ..rsgi_config::Statics::default()
        };
        let config = Config { statics, ..Config::default() };
        let named = Named::of(&config).expect("the kernel can").expect("there are some");
        Self { home, named, _directory: directory }
    }

    fn ask(&self, text: &[u8]) {
        let mut values = text.split(|&byte| byte == b'\n');
        let (path, uri, range) = (values.next(), values.next(), values.next());
        let mut head = Head::default();
        head.start(b"200 OK").expect("it is one");
        for (name, value) in [("X-Sendfile", path), ("X-Accel-Redirect", uri), ("X-Other", Some(text)), ("X-Last", Some(b"1"))] {
            // What is no value of a header is refused before anybody looks at it.
            let _ = value.filter(|value| !value.is_empty()).map(|value| head.header(name.as_bytes(), value));
        }
        let view = HeadView {
            code: head.code(),
            flags: 0,
            count: 0,
            status: head.status(),
            lines: head.lines(),
            content_length: None,
        };
        let ask = Ask { method: b"GET", path: b"/", uri: b"/", range, ..Ask::default() };
        let Some(Instead::Reply(reply)) = self.named.find(&ask, &view) else { return };
        let name = fs::read_link(format!("/proc/self/fd/{}", reply.file.as_raw_fd())).expect("it is open");
        let is_allowed = ["files", "protected"].iter().any(|folder| name.starts_with(self.home.join(folder)));
        assert!(is_allowed, "{} for {}", name.display(), text.escape_ascii());
        let head = reply.head();
        assert!(head.lines.ends_with(b"\r\n") && !head.lines.starts_with(b"\r\n"));
        assert!(!head.lines.windows(4).any(|end| end == b"\r\n\r\n"), "one answer only");
        assert!(head.lines.windows(11).any(|line| line == b"X-Last: 1\r\n"), "its other headers stay");
        assert!(!head.lines.windows(10).any(|name| name == b"X-Sendfile"), "where the file lies is nobody's business");
    }
}
