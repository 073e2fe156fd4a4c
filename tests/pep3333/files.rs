//! `wsgi.file_wrapper`.

use super::door::{DOORS, closed, start};
use crate::support::eventually;

fn numbered() -> String {
    (0..20_000).map(|n| format!("{n:06}\n")).collect()
}

#[test]
fn a_file_is_sent_whole() {
    let server = start("");
    for door in DOORS {
        let response = door.get(&server, "/file").expect(200);
        assert!(response.text() == numbered(), "{door:?}: {} bytes", response.body.len());
    }
}

/// uWSGI sends from the beginning (listed in docs/differences.md).
#[test]
fn a_file_is_sent_from_its_position() {
    let server = start("");
    for door in DOORS {
        let response = door.get(&server, "/file_from_position").expect(200);
        assert!(response.text() == &numbered()[7..], "{door:?}: {} bytes", response.body.len());
    }
}

#[test]
fn content_length_limits_a_file() {
    let server = start("");
    for door in DOORS {
        assert_eq!(door.get(&server, "/file_with_length").expect(200).text(), "000000\n000001\n", "{door:?}");
    }
}

#[test]
fn what_only_looks_like_a_file() {
    let server = start("");
    for door in DOORS {
        assert_eq!(door.get(&server, "/file_like").expect(200).text(), "from memory", "{door:?}");
        assert_eq!(door.get(&server, "/file_iterated").expect(200).text(), "ABCDEF", "{door:?}");
    }
}

#[test]
fn a_file_is_closed_once() {
    let server = start("");
    for door in DOORS {
        let name = format!("file-{door:?}");
        door.get(&server, &format!("/file_closed?{name}")).expect(200);
        eventually("close()", || (closed(&server, &name) > 0).then_some(()));
        assert_eq!(closed(&server, &name), 1, "{name}");
    }
}
