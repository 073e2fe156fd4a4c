//! `file-serve-mode`: an answer that names the file to the web server in front, which sends it.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rsgi_config::ServeMode;

use super::conditions::{Validator, Verdict};
use super::lookup::Found;
use super::{Ask, Reply, answer};

/// The header for a file. `None`: its name does not go into one, so that the file is sent from here.
pub(super) fn header(mode: ServeMode, name: &Path) -> Option<(&'static str, String)> {
    let bytes = name.as_os_str().as_bytes();
    match mode {
        ServeMode::XSendfile => {
            let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))?;
            Some(("X-Sendfile", text.to_owned()))
        }
        ServeMode::XAccelRedirect => Some(("X-Accel-Redirect", escape(bytes))),
    }
}

/// nginx takes the path for a URI: what would mean something else there, or break the header, is escaped.
fn escape(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#') {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The answer without the file. Ranges and tags are the business of the server in front, which makes tags of its own.
pub(super) fn reply(
    ask: &Ask<'_>,
    found: Found<'_>,
    kind: &str,
    named: &(&'static str, String),
    keep: Option<u64>,
) -> Reply {
    let validator = Validator::of(&found.facts, "");
    let since = ask.if_modified_since.filter(|_| ask.if_none_match.is_none());
    let dates = Ask { if_modified_since: since, ..Ask::default() };
    if validator.judge(&dates) == Verdict::NotModified {
        return Reply::new(304, found.file);
    }
    let mut reply = Reply::new(200, found.file);
    reply.line("Content-Type", kind);
    answer::put_expiry(&mut reply, keep);
    reply.line(named.0, &named.1);
    reply.line("Last-Modified", httpdate::fmt_http_date(validator.modified));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_into_headers_as_their_readers_take_them() {
        let plain = Path::new("/srv/a.css");
        assert_eq!(header(ServeMode::XSendfile, plain), Some(("X-Sendfile", "/srv/a.css".into())));
        assert_eq!(header(ServeMode::XAccelRedirect, plain), Some(("X-Accel-Redirect", "/srv/a.css".into())));
        let odd = Path::new("/srv/50% a?ä\r\nX: y");
        assert_eq!(header(ServeMode::XSendfile, odd), None);
        let escaped = "/srv/50%25%20a%3F%C3%A4%0D%0AX:%20y";
        assert_eq!(header(ServeMode::XAccelRedirect, odd), Some(("X-Accel-Redirect", escaped.into())));
    }
}
