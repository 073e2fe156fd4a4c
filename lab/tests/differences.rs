//! Where an answer of rsgi may differ from uWSGI's: what docs/differences.md says.

/// A difference that is on purpose.
struct Known {
    /// The doors where it shows; none for all.
    doors: &'static [&'static str],
    /// The behaviours where it shows.
    behaviours: &'static [&'static str],
    /// What is only in the line of one of them.
    part: &'static str,
    /// Words of docs/differences.md that tell of it.
    told: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        doors: &[],
        behaviours: &["chunked body"],
        part: "uWSGI fails: ",
        told: "| request bodies in chunks | read as empty | decoded |",
    },
    Known {
        doors: &["http-socket", "http", "https"],
        behaviours: &["login with CSRF", "client and scheme"],
        part: "uWSGI fails: ",
        told: "| a body that the application leaves unread |",
    },
    // nginx sends a form on a connection that uWSGI is closing.
    Known {
        doors: &["http-socket"],
        behaviours: FORMS,
        part: "502 Bad Gateway",
        told: "| connections of `http-socket` | one request each |",
    },
    Known { doors: &[], behaviours: STATIC, part: "rsgi alone: etag: ", told: "| `ETag`, `If-None-Match`" },
    Known {
        doors: &[],
        behaviours: STATIC,
        part: "rsgi alone: accept-ranges: bytes",
        told: "| `Accept-Ranges` | no |",
    },
    Known {
        doors: &[],
        behaviours: STATIC,
        part: "rsgi alone: x-content-type-options: nosniff",
        told: "| `X-Content-Type-Options` | no |",
    },
];

/// Where something is posted.
const FORMS: &[&str] =
    &["login with CSRF", "form", "upload", "client and scheme", "admin", "SQLite beside PostgreSQL", "JSON"];

/// Where files are asked for.
const STATIC: &[&str] = &["range", "HEAD", "admin"];

const PAGE: &str = include_str!("../../docs/differences.md");

/// Lines that differ without being listed.
pub(crate) fn unlisted(
    door: &str,
    behaviour: &str,
    ours: &[String],
    theirs: &[String],
    same: &anyhow::Result<()>,
) -> Vec<String> {
    let is_known = |line: &str| {
        KNOWN.iter().any(|known| {
            assert!(PAGE.contains(known.told), "docs/differences.md does not say: {}", known.told);
            (known.doors.is_empty() || known.doors.contains(&door))
                && known.behaviours.contains(&behaviour)
                && line.contains(known.part)
        })
    };
    let mut lines = Vec::new();
    if let Err(error) = same {
        let line = format!("uWSGI fails: {error:#}");
        return if is_known(&line) { lines } else { vec![line] };
    }
    for number in 0..ours.len().max(theirs.len()) {
        let parts = |said: &[String]| -> Vec<String> {
            said.get(number).map(|line| line.split(" | ").map(str::to_owned).collect()).unwrap_or_default()
        };
        let (ours, theirs) = (parts(ours), parts(theirs));
        let what = ours.first().or(theirs.first()).cloned().unwrap_or_default();
        for (who, these, those) in [("rsgi", &ours, &theirs), ("uWSGI", &theirs, &ours)] {
            let alone = these.iter().filter(|part| !those.contains(part));
            lines.extend(alone.map(|part| format!("{who} alone: {part} (at {what})")));
        }
    }
    lines.retain(|line| !is_known(line));
    lines
}
