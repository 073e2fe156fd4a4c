//! Files in a folder of their own, asked for in every way.

use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use rsgi_abi::host::HeadView;
use rsgi_config::Config;
use tempfile::TempDir;

use super::*;

mod named;

/// A folder with files, some of them where nobody may go.
struct Shop {
    dir: TempDir,
    config: Config,
}

impl Shop {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shop = Self { dir, config: Config::default() };
        for (name, text) in [
            ("root/a.css", "body{}"),
            ("root/sub/index.html", "index"),
            ("root/sub/page.txt", "page"),
            ("root/x.py", "secret"),
            ("rooted/near.txt", "not beneath"),
            ("second/only.txt", "second"),
            ("second/a.css", "shadowed"),
            ("out/o.txt", "outside"),
            ("out/sub/o.txt", "outside"),
        ] {
            shop.write(name, text);
        }
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, to: impl AsRef<Path>, name: &str) {
        symlink(to, self.path(name)).unwrap();
    }

    fn map(mut self, prefix: &str, directory: &str) -> Self {
        let directory = self.path(directory);
        self.config.statics.map.push((prefix.into(), directory));
        self
    }

    fn statics(&self) -> Statics {
        Statics::of(&self.config).unwrap().unwrap()
    }

    /// The body that a path gets; `-` when it is left to the application.
    fn get(&self, path: &str) -> String {
        let ask = Ask { method: b"GET", path: path.as_bytes(), ..Ask::default() };
        self.statics().find(&ask).unwrap().map_or_else(|| "-".into(), |reply| body(&reply))
    }

    fn reply(&self, ask: Ask<'_>) -> Reply {
        self.statics().find(&ask).unwrap().unwrap()
    }
}

fn body(reply: &Reply) -> String {
    let mut body = Vec::new();
    for piece in &reply.pieces {
        match piece {
            Piece::Text(text) => body.extend_from_slice(text),
            Piece::Part(part) => {
                let mut bytes = vec![0; usize::try_from(part.end - part.start).unwrap()];
                reply.file.read_exact_at(&mut bytes, part.start).unwrap();
                body.extend(bytes);
            }
        }
    }
    String::from_utf8(body).unwrap()
}

fn header<'a>(head: &HeadView<'a>, name: &str) -> Option<&'a str> {
    let lines = std::str::from_utf8(head.lines).unwrap();
    lines.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

const CSS: Ask<'static> = Ask {
    method: b"GET",
    path: b"/static/a.css",
    uri: b"/static/a.css",
    accept_encoding: None,
    range: None,
    if_range: None,
    if_match: None,
    if_none_match: None,
    if_modified_since: None,
    if_unmodified_since: None,
};

#[test]
fn without_directories_nothing_is_looked_for() {
    let mut config = Config::default();
    config.statics.gzip_all = true;
    assert!(Statics::of(&config).unwrap().is_none());
}

#[test]
fn paths_below_a_prefix_name_files_and_others_do_not() {
    let shop =
        Shop::new().map("/static", "root").map("/static", "second").map("/one", "root/a.css").map("/s/", "second");
    for (path, expected) in [
        ("/static/a.css", "body{}"),
        ("/static//a.css", "body{}"),
        ("/static/sub/page.txt", "page"),
        ("/static/only.txt", "second"),
        ("/s/only.txt", "second"),
        ("/one", "body{}"),
        ("/staticx", "-"),
        ("/statica.css", "-"),
        ("/static", "-"),
        ("/static/", "-"),
        ("/static/sub", "-"),
        ("/static/none", "-"),
        ("/static/a.css/", "-"),
        ("/static/a.css/x", "-"),
        ("/onex", "-"),
        ("/one/x", "-"),
        ("/a.css", "-"),
        ("/", "-"),
        ("", "-"),
        ("static/a.css", "-"),
    ] {
        assert_eq!(shop.get(path), expected, "{path:?}");
    }
}

#[test]
fn nothing_leads_out_of_the_directory() {
    let shop = Shop::new().map("/static", "root");
    shop.link("../out/o.txt", "root/relative");
    shop.link(shop.path("out/o.txt"), "root/absolute");
    shop.link("../out", "root/folder");
    shop.link("..", "root/up");
    shop.link("/proc/self/root", "root/magic");
    shop.link("loop", "root/loop");
    let out = shop.path("out/o.txt").display().to_string();
    for path in [
        "/static/../out/o.txt",
        "/static/sub/../a.css",
        "/static/..",
        "/static/../rooted/near.txt",
        "/static/relative",
        "/static/absolute",
        "/static/folder/o.txt",
        "/static/up/out/o.txt",
        "/static/up/root/a.css/../../out/o.txt",
        &format!("/static/magic{out}"),
        &format!("/static{out}"),
        &format!("/static/{out}"),
        "/static/loop",
        "/static/a.css\0",
        "/static/a.css\0.txt",
        "/static/%2e%2e/out/o.txt",
    ] {
        assert_eq!(shop.get(path), "-", "{path:?}");
    }
    assert_eq!(shop.get(&format!("/static/{}", "x".repeat(5000))), "-");
}

#[test]
fn links_that_stay_beneath_are_followed() {
    let shop = Shop::new().map("/static", "root");
    shop.link("a.css", "root/relative");
    shop.link(shop.path("root/a.css"), "root/absolute");
    shop.link("sub/../a.css", "root/round");
    for path in ["/static/relative", "/static/absolute", "/static/round"] {
        assert_eq!(shop.get(path), "body{}", "{path}");
    }
}

#[test]
fn a_link_gives_no_other_name_to_what_is_skipped() {
    let mut shop = Shop::new().map("/static", "root");
    shop.link("current", "root/now");
    std::fs::write(shop.path("root/code.py"), "code").unwrap();
    std::fs::create_dir(shop.path("root/current")).unwrap();
    std::fs::write(shop.path("root/current/x.py"), "code").unwrap();
    shop.link("code.py", "root/code");
    shop.link("code", "root/again");
    shop.link(shop.path("root/code.py"), "root/absolute");
    assert_eq!(shop.get("/static/code"), "code");
    shop.config.statics.skip_ext = vec![".py".into()];
    for path in ["code", "again", "absolute", "now/x.py", "code.py"] {
        assert_eq!(shop.get(&format!("/static/{path}")), "-", "{path}");
    }
    shop.link("a.css", "root/style");
    assert_eq!(shop.get("/static/style"), "body{}");
}

/// The usual deployment: `current` leads to a release, and a new one is there at once.
#[test]
fn the_directory_itself_may_be_a_link_or_become_one() {
    let shop = Shop::new().map("/static", "current");
    shop.link("root", "current");
    let statics = shop.statics();
    let get = || body(&statics.find(&CSS).unwrap().unwrap());
    assert_eq!(get(), "body{}");
    std::fs::remove_file(shop.path("current")).unwrap();
    shop.link("second", "current");
    assert_eq!(get(), "shadowed");

    let shop = Shop::new().map("/static", "root");
    let statics = shop.statics();
    std::fs::rename(shop.path("root"), shop.path("release")).unwrap();
    shop.link("release", "root");
    assert_eq!(body(&statics.find(&CSS).unwrap().unwrap()), "body{}");
}

#[test]
fn links_may_lead_to_safe_directories_only() {
    let mut shop = Shop::new().map("/static", "root");
    shop.link("../out/sub/o.txt", "root/safe");
    shop.link("../out/o.txt", "root/unsafe");
    shop.write("out/subtle/o.txt", "outside");
    shop.link("../out/subtle/o.txt", "root/alike");
    shop.link("../out/sub/hidden.py", "root/hidden");
    shop.write("out/sub/hidden.py", "secret");
    shop.config.statics.safe = vec![shop.path("nowhere"), shop.path("out/sub")];
    shop.config.statics.skip_ext = vec![".py".into()];
    assert_eq!(shop.get("/static/safe"), "outside");
    for path in ["/static/unsafe", "/static/alike", "/static/hidden"] {
        assert_eq!(shop.get(path), "-", "{path}");
    }
}

#[test]
fn the_prefix_may_stay_and_any_path_may_be_a_file() {
    let mut shop = Shop::new().map("/sub", "second");
    shop.config.statics.map2.push(("/sub".into(), shop.path("root")));
    assert_eq!(shop.get("/sub/page.txt"), "page");
    assert_eq!(shop.get("/subpage.txt"), "-");
    shop.config.statics.check.push(shop.path("root"));
    assert_eq!((shop.get("/a.css"), shop.get("/"), shop.get("/none")), ("body{}".into(), "-".into(), "-".into()));
}

#[test]
fn directories_are_searched_in_uwsgis_order() {
    let mut shop = Shop::new().map("/m", "mapped");
    shop.config.statics.map2.push(("/m".into(), shop.path("mapped2")));
    shop.config.statics.check.push(shop.path("checked"));
    for (name, text) in [("mapped2/m/f", "map2"), ("mapped/f", "map"), ("checked/m/f", "check")] {
        shop.write(name, text);
        assert_eq!(shop.get("/m/f"), text);
    }
}

#[test]
fn an_index_answers_for_its_directory() {
    let mut shop = Shop::new().map("/static", "root");
    shop.config.statics.index = vec!["none.html".into(), "index.html".into()];
    for (path, expected) in [("/static/sub", "index"), ("/static/sub/", "index"), ("/static", "-"), ("/static/", "-")] {
        assert_eq!(shop.get(path), expected, "{path}");
    }
    shop.write("root/index.html", "top");
    assert_eq!((shop.get("/static"), shop.get("/static/")), ("top".into(), "top".into()));
    std::fs::create_dir(shop.path("root/none.html")).unwrap();
    assert_eq!(shop.get("/static/"), "top");
}

#[test]
fn endings_that_are_skipped_and_things_that_are_no_files_are_not_served() {
    let mut shop = Shop::new().map("/static", "root").map("/one", "root/x.py");
    assert_eq!(shop.get("/static/x.py"), "secret");
    shop.config.statics.skip_ext = vec![".py".into()];
    nix::unistd::mkfifo(&shop.path("root/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(shop.path("root/socket")).unwrap();
    for path in ["/static/x.py", "/one", "/static/pipe", "/static/socket"] {
        assert_eq!(shop.get(path), "-", "{path}");
    }
}

#[test]
fn only_get_and_head_name_files() {
    let shop = Shop::new().map("/static", "root");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
        assert!(shop.statics().find(&Ask { method: method.as_bytes(), ..CSS }).unwrap().is_none(), "{method}");
        assert!(!shop.statics().claims(method.as_bytes(), CSS.path), "{method}");
    }
    assert!(shop.statics().claims(b"GET", CSS.path) && !shop.statics().claims(b"GET", b"/other"));
    let reply = shop.reply(Ask { method: b"HEAD", ..CSS });
    assert_eq!((reply.code, reply.pieces.len(), reply.head().content_length), (200, 0, Some(6)));
}

#[test]
fn the_head_says_what_the_file_is() {
    let mut shop = Shop::new().map("/static", "root");
    let file = std::fs::File::options().write(true).open(shop.path("root/a.css")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(784_111_777, 5)).unwrap();
    let lines = |shop: &Shop| String::from_utf8(shop.reply(CSS).head().lines.to_vec()).unwrap().replace('\r', "");
    insta::assert_snapshot!(lines(&shop), @r#"
    Content-Type: text/css
    Content-Length: 6
    X-Content-Type-Options: nosniff
    Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT
    ETag: "2ebc98a1.5-6"
    "#);
    shop.config.statics.honour_range = true;
    shop.config.statics.gzip_all = true;
    assert!(lines(&shop).ends_with("Vary: Accept-Encoding\nAccept-Ranges: bytes\n"));
    let reply = shop.reply(CSS);
    assert_eq!(reply.head().count as usize, reply.head().lines.iter().filter(|&&byte| byte == b'\n').count());
}

#[test]
fn ranges_are_honoured_when_that_is_asked_for() {
    let mut shop = Shop::new().map("/static", "root");
    let ranged = Ask { range: Some(b"bytes=1-3"), ..CSS };
    assert_eq!(shop.reply(ranged).code, 200);
    shop.config.statics.honour_range = true;
    let reply = shop.reply(ranged);
    assert_eq!((reply.code, body(&reply).as_str()), (206, "ody"));
    assert_eq!(header(&reply.head(), "Content-Range"), Some("bytes 1-3/6"));
    assert_eq!(header(&reply.head(), "Content-Length"), Some("3"));

    let reply = shop.reply(Ask { range: Some(b"bytes=6-"), ..CSS });
    assert_eq!((reply.code, body(&reply).as_str(), reply.head().content_length), (416, "", Some(0)));
    assert_eq!(header(&reply.head(), "Content-Range"), Some("bytes */6"));
    assert_eq!(shop.reply(Ask { if_range: Some(b"\"other\""), ..ranged }).code, 200);
    assert_eq!(shop.reply(Ask { method: b"HEAD", ..ranged }).code, 200);
    let tag = shop.reply(CSS);
    let tag = header(&tag.head(), "ETag").unwrap().as_bytes().to_vec();
    assert_eq!(shop.reply(Ask { if_range: Some(&tag), ..ranged }).code, 206);
    assert_eq!(shop.reply(Ask { if_none_match: Some(&tag), ..ranged }).code, 304);
}

#[test]
fn several_ranges_come_in_one_body() {
    let mut shop = Shop::new().map("/static", "root");
    shop.config.statics.honour_range = true;
    let reply = shop.reply(Ask { range: Some(b"bytes=0-1,4-"), ..CSS });
    let kind = header(&reply.head(), "Content-Type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert_eq!(boundary.len(), 32);
    let body = body(&reply);
    assert_eq!(reply.head().content_length, Some(body.len() as u64));
    insta::assert_snapshot!(body.replace(boundary, "BOUNDARY").replace('\r', ""), @r"

    --BOUNDARY
    Content-Type: text/css
    Content-Range: bytes 0-1/6

    bo
    --BOUNDARY
    Content-Type: text/css
    Content-Range: bytes 4-5/6

    {}
    --BOUNDARY--
    ");
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let shop = Shop::new().map("/static", "root");
    let first = shop.reply(CSS);
    let tag = header(&first.head(), "ETag").unwrap();
    let date = header(&first.head(), "Last-Modified").unwrap();
    let reply = shop.reply(Ask { if_none_match: Some(tag.as_bytes()), ..CSS });
    let head = reply.head();
    assert_eq!((reply.code, reply.pieces.len(), head.content_length), (304, 0, None));
    assert_eq!((header(&head, "ETag"), header(&head, "Content-Type")), (Some(tag), None));
    assert_eq!(shop.reply(Ask { if_modified_since: Some(date.as_bytes()), ..CSS }).code, 304);
    let failed = shop.reply(Ask { if_match: Some(b"\"other\""), ..CSS });
    assert_eq!((failed.code, failed.pieces.len(), failed.head().content_length), (412, 0, Some(0)));
    shop.write("root/a.css", "body{} ");
    assert_eq!(shop.reply(Ask { if_none_match: Some(tag.as_bytes()), ..CSS }).code, 200);
}

#[test]
fn compressed_neighbours_go_to_those_who_take_them() {
    let mut shop = Shop::new().map("/static", "root").map("/one", "root/a.css");
    shop.write("root/a.css.gz", "gzipped");
    shop.write("root/a.css.br", "brotli");
    shop.write("root/sub/page.txt.gz", "gzipped");
    shop.config.statics.gzip = vec![r"\.css$".into()];
    let gzip = Ask { accept_encoding: Some(b"gzip"), ..CSS };
    let reply = shop.reply(gzip);
    let head = reply.head();
    assert_eq!((body(&reply).as_str(), header(&head, "Content-Encoding")), ("gzipped", Some("gzip")));
    assert_eq!((header(&head, "Content-Type"), header(&head, "Vary")), (Some("text/css"), Some("Accept-Encoding")));
    assert_ne!(header(&head, "ETag"), header(&shop.reply(CSS).head(), "ETag"));
    assert_eq!(body(&shop.reply(Ask { accept_encoding: Some(b"gzip, br, zstd"), ..CSS })), "brotli");
    assert_eq!(body(&shop.reply(Ask { path: b"/one", ..gzip })), "gzipped");
    let plain = shop.reply(CSS);
    let head = plain.head();
    assert_eq!((body(&plain).as_str(), header(&head, "Vary")), ("body{}", Some("Accept-Encoding")));
    let other = shop.reply(Ask { path: b"/static/sub/page.txt", ..gzip });
    assert_eq!((body(&other).as_str(), header(&other.head(), "Vary")), ("page", None));
    shop.config.statics.gzip_all = true;
    assert_eq!(body(&shop.reply(Ask { path: b"/static/sub/page.txt", ..gzip })), "gzipped");
}

#[test]
fn neighbours_do_not_lead_out_either() {
    let mut shop = Shop::new().map("/static", "root");
    shop.config.statics.gzip_all = true;
    shop.link("../out/o.txt", "root/a.css.gz");
    assert_eq!(body(&shop.reply(Ask { accept_encoding: Some(b"gzip"), ..CSS })), "body{}");
}

#[test]
fn clients_learn_how_long_a_file_keeps() {
    let keep = |change: &dyn Fn(&mut rsgi_config::Statics)| {
        let mut shop = Shop::new().map("/static", "root");
        change(&mut shop.config.statics);
        let reply = shop.reply(Ask { uri: b"/static/a.css?v=1", ..CSS });
        let head = reply.head();
        assert_eq!(header(&head, "Expires").is_some(), header(&head, "Cache-Control").is_some());
        header(&head, "Cache-Control").map(str::to_owned)
    };
    let rule = |pattern: &str| vec![(pattern.to_owned(), 60)];
    let sixty = Some("max-age=60".to_owned());
    assert_eq!(keep(&|_| {}), None);
    assert_eq!(keep(&|statics| statics.expires = rule("/*")), sixty);
    assert_eq!(keep(&|statics| statics.expires = rule(r"root/a\.css$")), sixty);
    assert_eq!(keep(&|statics| statics.expires = rule("^/static")), None);
    assert_eq!(keep(&|statics| statics.expires_path_info = rule(r"^/static/a\.css$")), sixty);
    assert_eq!(keep(&|statics| statics.expires_uri = rule("v=1$")), sixty);
    assert_eq!(keep(&|statics| statics.expires_type = rule("text/css")), sixty);
    assert_eq!(keep(&|statics| statics.expires_type = rule("text/html")), None);
    assert_eq!(keep(&|statics| statics.expires = vec![(".".into(), u64::MAX)]), Some("max-age=315360000".into()));
}

#[test]
fn the_server_in_front_may_send_the_file() {
    let mut shop = Shop::new().map("/static", "root");
    shop.config.statics.serve_mode = Some(ServeMode::XSendfile);
    shop.config.statics.honour_range = true;
    shop.config.statics.expires_type = vec![("text/css".into(), 60)];
    let reply = shop.reply(Ask { range: Some(b"bytes=1-3"), if_match: Some(b"\"front\""), ..CSS });
    let (head, path) = (reply.head(), shop.path("root/a.css").display().to_string());
    assert_eq!((reply.code, reply.pieces.len(), head.content_length), (200, 0, None));
    assert_eq!((header(&head, "X-Sendfile"), header(&head, "Content-Type")), (Some(path.as_str()), Some("text/css")));
    assert!(header(&head, "Expires").is_some() && header(&head, "Last-Modified").is_some());
    assert_eq!((header(&head, "ETag"), header(&head, "Accept-Ranges")), (None, None));
    let since = Ask { if_modified_since: Some(b"Sun, 22 Nov 2099 10:00:00 GMT"), ..CSS };
    assert_eq!(shop.reply(since).code, 304);
    assert_eq!(shop.reply(Ask { if_none_match: Some(b"\"front\""), ..since }).code, 200, "the front knows its tags");
    shop.config.statics.serve_mode = Some(ServeMode::XAccelRedirect);
    assert_eq!(header(&shop.reply(CSS).head(), "X-Accel-Redirect"), Some(path.as_str()));
}

#[test]
fn relative_directories_begin_where_workers_are_at_home() {
    let mut shop = Shop::new();
    shop.config.start_dir = shop.dir.path().to_owned();
    shop.config.process.chdir = Some("root".into());
    shop.config.statics.map.push(("/static".into(), "sub".into()));
    assert_eq!(shop.get("/static/page.txt"), "page");
}

#[test]
fn patterns_that_are_none_are_named() {
    let mut shop = Shop::new().map("/static", "root");
    shop.config.statics.expires_uri = vec![("(?=x)".into(), 60)];
    let error = Statics::of(&shop.config).unwrap_err();
    assert_eq!(error.to_string(), "static-expires-uri: \"(?=x)\" is not a regular expression that rsgi knows");
}
