//! Files that applications name.

use super::*;

fn named(shop: &Shop) -> Named {
    Named::of(&shop.config).unwrap().unwrap()
}

fn shop() -> Shop {
    let mut shop = Shop::new();
    shop.config.statics.x_sendfile = vec![shop.path("root"), shop.path("second")];
    shop.config.statics.x_accel_redirect =
        vec![("/internal/".into(), shop.path("root")), ("/bare".into(), shop.path("second"))];
    shop
}

fn head(lines: &str) -> HeadView<'_> {
    let count = u32::try_from(lines.lines().count()).unwrap();
    HeadView { code: 200, flags: 0, count, status: b"200 Fine", lines: lines.as_bytes(), content_length: None }
}

/// What an answer with these lines comes to: its status and body; `-` when it passes.
fn outcome(named: &Named, lines: &str) -> String {
    match named.find(&Ask { method: b"GET", uri: b"/x", ..Ask::default() }, &head(lines)) {
        None => "-".into(),
        Some(Instead::Refusal(code)) => code.to_string(),
        Some(Instead::Reply(reply)) => format!("{} {}", reply.code, body(&reply)),
    }
}

#[test]
fn paths_below_the_directories_are_sent() {
    let shop = shop();
    shop.link("../second/only.txt", "root/allowed");
    shop.link("../out/o.txt", "root/relative");
    shop.link(shop.path("out/o.txt"), "root/absolute");
    shop.link(shop.path("root"), "real");
    let named = named(&shop);
    for (path, expected) in [
        ("{}/root/a.css", "200 body{}"),
        ("{}/root//sub/./page.txt", "200 page"),
        ("a.css", "200 body{}"),
        ("only.txt", "200 second"),
        ("{}/root/x.py", "200 secret"),
        ("{}/root/allowed", "200 second"),
        ("{}/root/relative", "403"),
        ("{}/root/absolute", "403"),
        ("{}/root/../out/o.txt", "403"),
        ("{}/out/o.txt", "403"),
        ("{}/rooted/near.txt", "403"),
        ("/etc/passwd", "403"),
        ("../out/o.txt", "403"),
        ("{}/root/none", "404"),
        ("{}/root/sub", "404"),
        ("{}/root", "404"),
        ("{}/root/a.css/x", "404"),
        ("", "404"),
    ] {
        let path = path.replace("{}", &shop.dir.path().display().to_string());
        assert_eq!(outcome(&named, &format!("X-Sendfile: {path}\r\n")), expected, "{path}");
    }
}

#[test]
fn a_directory_may_be_named_by_its_real_name() {
    let mut shop = Shop::new();
    shop.link(shop.path("root"), "link");
    shop.config.statics.x_sendfile = vec![shop.path("link")];
    let named = named(&shop);
    for directory in ["root", "link"] {
        let lines = format!("x-sendfile: {}\r\n", shop.path(directory).join("a.css").display());
        assert_eq!(outcome(&named, &lines), "200 body{}", "{directory}");
    }
}

#[test]
fn uris_below_a_prefix_are_sent() {
    let shop = shop();
    shop.write("root/50% a?b", "odd");
    let named = named(&shop);
    for (uri, expected) in [
        ("/internal/a.css", "200 body{}"),
        ("/internal/sub/page.txt?v=1", "200 page"),
        ("/internal/50%25%20a%3Fb", "200 odd"),
        ("/internal/sub/../a.css", "200 body{}"),
        ("/bare/only.txt", "200 second"),
        ("/barely/only.txt", "404"),
        ("/bare", "404"),
        ("/internal/../out/o.txt", "404"),
        ("/internal/%2e%2e/out/o.txt", "404"),
        ("/internal/%zz", "404"),
        ("/internal/a%00", "404"),
        ("/internal/", "404"),
        ("/other/a.css", "404"),
        ("@named", "404"),
        ("http://host/internal/a.css", "404"),
    ] {
        assert_eq!(outcome(&named, &format!("X-Accel-Redirect: {uri}\r\n")), expected, "{uri}");
    }
}

#[test]
fn what_is_not_asked_for_passes() {
    let mut shop = shop();
    assert_eq!(outcome(&named(&shop), "Content-Type: a/b\r\nX-Sendfile-Type: X\r\n"), "-");
    shop.config.statics.x_sendfile.clear();
    assert_eq!(outcome(&named(&shop), "X-Sendfile: /etc/passwd\r\n"), "-");
    shop.config.statics.x_accel_redirect.clear();
    assert!(Named::of(&shop.config).unwrap().is_none());
}

const GIVEN: &str = "Content-Type: image/x\r\nContent-Length: 2\r\nETag: \"app\"\r\nX-Sendfile: a.css\r\n\
                     Set-Cookie: a=1\r\nContent-Disposition: attachment\r\nSet-Cookie: b=2\r\nCache-Control: private\r\n";

fn answer(ask: Ask<'_>, head: &HeadView<'_>) -> Reply {
    match named(&shop()).find(&ask, head) {
        Some(Instead::Reply(reply)) => *reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_applications_headers_stay() {
    let reply = answer(CSS, &head(GIVEN));
    let view = reply.head();
    let text = std::str::from_utf8(view.lines).unwrap().replace('\r', "");
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with("Last-") && !line.starts_with("ETag")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    Set-Cookie: a=1
    Content-Disposition: attachment
    Set-Cookie: b=2
    Cache-Control: private
    Content-Type: image/x
    Content-Length: 6
    Accept-Ranges: bytes
    ");
    assert_eq!((view.status, view.content_length), (&b"200 Fine"[..], Some(6)));
    assert_eq!(view.count as usize, text.lines().count());
    assert_eq!(text.matches("ETag").count(), 1);
    assert!(!text.contains("\"app\""), "the file's tag counts");
    let untyped = answer(CSS, &head("X-Sendfile: a.css\r\n"));
    assert_eq!(header(&untyped.head(), "Content-Type"), Some("text/css"));
}

#[test]
fn ranges_and_conditions_are_those_of_the_file() {
    let ranged = answer(Ask { range: Some(b"bytes=1-3"), ..CSS }, &head(GIVEN));
    assert_eq!((ranged.code, body(&ranged).as_str()), (206, "ody"));
    assert_eq!(header(&ranged.head(), "Content-Range"), Some("bytes 1-3/6"));
    assert_eq!(header(&ranged.head(), "Content-Type"), Some("image/x"));
    assert_eq!(answer(Ask { range: Some(b"bytes=9-"), ..CSS }, &head(GIVEN)).code, 416);
    let parts = answer(Ask { range: Some(b"bytes=0-1,4-"), ..CSS }, &head(GIVEN));
    assert!(body(&parts).contains("Content-Type: image/x\r\nContent-Range: bytes 4-5/6\r\n\r\n{}"));
    let asked = answer(Ask { method: b"HEAD", ..CSS }, &head(GIVEN));
    assert_eq!((asked.code, asked.pieces.len(), asked.head().content_length), (200, 0, Some(6)));
    let since = Ask { if_modified_since: Some(b"Sun, 22 Nov 2099 10:00:00 GMT"), ..CSS };
    let current = answer(since, &head(GIVEN));
    assert_eq!((current.code, current.pieces.len(), current.head().content_length), (304, 0, None));
    assert_eq!(header(&current.head(), "Cache-Control"), Some("private"));
    assert_eq!(answer(Ask { if_match: Some(b"\"app\""), ..CSS }, &head(GIVEN)).code, 412);
}

#[test]
fn other_statuses_and_methods_get_the_whole_file() {
    let missing = HeadView { code: 404, status: b"404 Not Found", ..head(GIVEN) };
    let ask = Ask { range: Some(b"bytes=1-3"), if_modified_since: Some(b"Sun, 22 Nov 2099 10:00:00 GMT"), ..CSS };
    let page = answer(ask, &missing);
    assert_eq!((page.code, body(&page).as_str(), header(&page.head(), "ETag")), (404, "body{}", None));
    assert_eq!(answer(Ask { method: b"POST", ..ask }, &head(GIVEN)).code, 200);
}
