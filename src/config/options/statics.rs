//! Options about static files.

use crate::config::ServeMode;
use crate::option::{Act, Arg, Group, OPT, Opt};
use crate::value::{Fault, Value};
use std::path::PathBuf;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "static-map",
        group: Group::Static,
        unit: "PREFIX=DIRECTORY",
        default: "none",
        field: "/statics/map",
        example: "static-map = /static=/srv/shop/static",
        differs: "the prefix ends at a slash: `/static` leaves `/staticx` alone",
        doc: "Serves files below a directory for all paths below a prefix, which is cut off.",
        act: Act::Set(|d, v| {
            d.config.statics.map.push(prefix_and_directory(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-map2",
        group: Group::Static,
        unit: "PREFIX=DIRECTORY",
        default: "none",
        field: "/statics/map2",
        example: "static-map2 = /static=/srv/shop",
        differs: "the prefix ends at a slash: `/static` leaves `/staticx` alone",
        doc: "Serves files below a directory for all paths below a prefix, which stays part of the path.",
        act: Act::Set(|d, v| {
            d.config.statics.map2.push(prefix_and_directory(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "check-static",
        aliases: &["static-check"],
        group: Group::Static,
        unit: "directory",
        default: "none",
        field: "/statics/check",
        example: "check-static = /srv/shop/public",
        doc: "Serves a file below this directory if the path names one.",
        act: Act::Set(|d, v| {
            d.config.statics.check.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-index",
        group: Group::Static,
        unit: "name",
        default: "none",
        field: "/statics/index",
        example: "static-index = index.html",
        doc: "Names a file that answers for its directory.",
        act: Act::Set(|d, v| {
            d.config.statics.index.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-skip-ext",
        group: Group::Static,
        unit: "ending",
        default: "none",
        field: "/statics/skip_ext",
        example: "static-skip-ext = .py",
        doc: "Never serves files with this ending.",
        act: Act::Set(|d, v| {
            d.config.statics.skip_ext.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-safe",
        group: Group::Static,
        unit: "directory",
        default: "none",
        field: "/statics/safe",
        example: "static-safe = /srv/media",
        doc: "Allows links that lead to this directory.",
        act: Act::Set(|d, v| {
            d.config.statics.safe.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-expires",
        group: Group::Static,
        unit: "PATTERN SECONDS",
        default: "none",
        field: "/statics/expires",
        example: "static-expires = /static/.* 31536000",
        differs: "sends `Cache-Control: max-age` beside `Expires`; patterns are of Rust's regex, without lookaround and back references",
        doc: "Sets how long a client may keep files whose name matches a pattern.",
        act: Act::Set(|d, v| {
            d.config.statics.expires.push(v.pattern_and_seconds()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-expires-uri",
        group: Group::Static,
        unit: "PATTERN SECONDS",
        default: "none",
        field: "/statics/expires_uri",
        example: "static-expires-uri = /static/.* 3600",
        doc: "Sets how long a client may keep files whose URI matches a pattern.",
        act: Act::Set(|d, v| {
            d.config.statics.expires_uri.push(v.pattern_and_seconds()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-expires-path-info",
        group: Group::Static,
        unit: "PATTERN SECONDS",
        default: "none",
        field: "/statics/expires_path_info",
        example: "static-expires-path-info = /static/.* 3600",
        doc: "Sets how long a client may keep files whose path matches a pattern.",
        act: Act::Set(|d, v| {
            d.config.statics.expires_path_info.push(v.pattern_and_seconds()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-expires-type",
        group: Group::Static,
        unit: "TYPE=SECONDS",
        default: "none",
        field: "/statics/expires_type",
        example: "static-expires-type = text/css=3600",
        doc: "Sets how long a client may keep files of a MIME type.",
        act: Act::Set(|d, v| {
            d.config.statics.expires_type.push(v.pattern_and_seconds()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-gzip",
        group: Group::Static,
        unit: "pattern",
        default: "none",
        field: "/statics/gzip",
        example: "static-gzip = \\.css$",
        differs: "neighbours ending in `.br` and `.zst` count too, for clients that take them",
        doc: "Sends the compressed neighbour of files that match a pattern.",
        act: Act::Set(|d, v| {
            d.config.statics.gzip.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "static-gzip-all",
        arg: Arg::None,
        group: Group::Static,
        default: "off",
        field: "/statics/gzip_all",
        example: "static-gzip-all = true",
        differs: "neighbours ending in `.br` and `.zst` count too, for clients that take them",
        doc: "Sends the compressed neighbour of any file.",
        act: Act::Set(|d, v| {
            d.config.statics.gzip_all = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "mimefile",
        aliases: &["mime-file"],
        group: Group::Static,
        unit: "file",
        default: "none",
        field: "/statics/mime_files",
        example: "mimefile = /etc/mime.types",
        doc: "Reads MIME types from this file.",
        act: Act::Set(|d, v| {
            d.config.statics.mime_files.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "honour-range",
        arg: Arg::None,
        group: Group::Static,
        default: "off",
        field: "/statics/honour_range",
        example: "honour-range = true",
        differs: "several ranges get a body of several parts; the log says 206, not 200",
        doc: "Honours range requests for files.",
        act: Act::Set(|d, v| {
            d.config.statics.honour_range = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "file-serve-mode",
        aliases: &["fileserve-mode"],
        group: Group::Static,
        unit: "word",
        default: "none",
        field: "/statics/serve_mode",
        example: "file-serve-mode = x-accel-redirect",
        differs: "other words are errors; ranges are left to the web server",
        doc: "Lets the web server in front send files: `x-sendfile` or `x-accel-redirect`.\n\n\
              The answer names the file by its path, and the web server needs a place where it finds it: with nginx and \
              `static-map = /static=/srv/app/static`, a `location /srv/app/static/ { internal; root /; }`.",
        act: Act::Set(|d, v| {
            d.config.statics.serve_mode = Some(serve_mode(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "x-sendfile",
        group: Group::Static,
        unit: "directory",
        default: "none",
        field: "/statics/x_sendfile",
        example: "x-sendfile = /srv/shop/media",
        own: true,
        doc: "Sends the file that the application names in an `X-Sendfile` header, if it lies in this directory.\n\n\
              The file takes the place of the application's body, with ranges and conditional requests; its other headers \
              stay, but for ETag and Last-Modified, which become the file's. Without the option the header passes, for a web \
              server in front that knows it.",
        act: Act::Set(|d, v| {
            d.config.statics.x_sendfile.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "x-accel-redirect",
        group: Group::Static,
        unit: "PREFIX=DIRECTORY",
        default: "none",
        field: "/statics/x_accel_redirect",
        example: "x-accel-redirect = /internal/=/srv/shop/media",
        own: true,
        doc: "Sends the file that the application names in an `X-Accel-Redirect` header, if it begins with this prefix.\n\n\
              What follows the prefix is a path in the directory, escaped as in a URL. As with nginx, the file takes the place \
              of the application's body. Without the option the header passes, for an nginx in front.",
        act: Act::Set(|d, v| {
            d.config.statics.x_accel_redirect.push(prefix_and_directory(v)?);
            Ok(())
        }),
        ..OPT
    },
];

/// Who sends files, in uWSGI's spellings.
fn serve_mode(value: &Value<'_>) -> Result<ServeMode, Fault> {
    match value.text().to_ascii_lowercase().as_str() {
        "x-sendfile" | "xsendfile" => Ok(ServeMode::XSendfile),
        "x-accel-redirect" | "xaccelredirect" | "nginx" => Ok(ServeMode::XAccelRedirect),
        _ => {
            let problem = format!("expected x-sendfile or x-accel-redirect, found \"{}\"", value.text());
            Err(Fault::new(problem, "nginx reads x-accel-redirect, Apache and lighttpd x-sendfile"))
        }
    }
}

/// `PREFIX=DIRECTORY`.
fn prefix_and_directory(value: &Value<'_>) -> Result<(String, PathBuf), Fault> {
    let fault = |_| {
        Fault::new(format!("expected PREFIX=DIRECTORY, found \"{}\"", value.text()), "write /static=/srv/app/static")
    };
    value.pair().map(|(prefix, directory)| (prefix, directory.into())).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_files_is_spelled_in_several_ways() {
        let mode = |text: &str| serve_mode(&Value::new(text));
        for text in ["x-sendfile", "xsendfile", "X-Sendfile", "XSENDFILE"] {
            assert_eq!(mode(text), Ok(ServeMode::XSendfile), "{text}");
        }
        for text in ["x-accel-redirect", "xaccelredirect", "X-Accel-Redirect", "nginx", "Nginx"] {
            assert_eq!(mode(text), Ok(ServeMode::XAccelRedirect), "{text}");
        }
        assert!(mode("apache").is_err());
    }
}
