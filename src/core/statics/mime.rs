//! The type of a file by the ending of its name.
//!
//! Source: IANA media types; the usual ones are built in, `mimefile` adds others or changes them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::StaticsError;

/// What a file of unknown type is.
const UNKNOWN: &str = "application/octet-stream";

/// Endings and types.
#[derive(Debug, Default)]
pub(super) struct Types {
    given: HashMap<String, String>,
}

impl Types {
    /// Reads files in the format of `/etc/mime.types`: a type and its endings on a line.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn read(files: &[PathBuf], base: &Path) -> Result<Self, StaticsError> {
        let mut types = Self::default();
        for file in files {
            let path = base.join(file);
            let text = std::fs::read(&path).map_err(|source| StaticsError::Types { path, source })?;
            types.add(&String::from_utf8_lossy(&text));
        }
        Ok(types)
    }

    fn add(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            // A type goes into a header: anything but visible characters has no place there.
            let Some(kind) = words.next().filter(|kind| kind.bytes().all(|byte| byte.is_ascii_graphic())) else {
                continue;
            };
            for ending in words {
                self.given.insert(ending.to_ascii_lowercase(), kind.to_owned());
            }
        }
    }

    /// The type of a file.
    pub(super) fn of(&self, name: &Path) -> &str {
        let ending = name.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        if let Some(kind) = self.given.get(&ending) {
            return kind;
        }
        let at = BUILT_IN.binary_search_by_key(&ending.as_str(), |(known, _)| known);
        at.ok().and_then(|at| BUILT_IN.get(at)).map_or(UNKNOWN, |(_, kind)| kind)
    }
}

/// Ordered by ending.
const BUILT_IN: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rar", "application/vnd.rar"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("sh", "application/x-sh"),
    ("svg", "image/svg+xml"),
    ("swf", "application/x-shockwave-flash"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("vtt", "text/vtt"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(BUILT_IN.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn endings_in_any_case_have_their_type_and_others_are_bytes() {
        let types = Types::default();
        let of = |name: &str| types.of(Path::new(name)).to_owned();
        assert_eq!((of("a/b.CSS"), of("x.tar.gz")), ("text/css".into(), "application/gzip".into()));
        for unknown in ["none", ".css", "x.nobody", ""] {
            assert_eq!(of(unknown), UNKNOWN, "{unknown:?}");
        }
    }

    #[test]
    fn files_of_types_add_to_the_table() {
        let mut types = Types::default();
        types.add("# types\ntext/x-css css\n\napplication/x-a  a B # and more\nbad\u{e9}/type c\nnothing/known\n");
        let of = |name: &str| types.of(Path::new(name)).to_owned();
        assert_eq!((of("x.css"), of("x.b")), ("text/x-css".into(), "application/x-a".into()));
        assert_eq!((of("x.c"), of("x.more"), of("x.js")), (UNKNOWN.into(), UNKNOWN.into(), "text/javascript".into()));
    }

    #[test]
    fn a_file_of_types_that_is_missing_is_named() {
        let error = Types::read(&["no/such.types".into()], Path::new("/srv")).unwrap_err();
        assert_eq!(error.to_string(), "mimefile: /srv/no/such.types cannot be read");
    }
}
