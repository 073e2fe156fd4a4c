//! Changes of records on their way (`log-encoder`).
//!
//! Source: uWSGI 2.0, "Log encoders". JSON strings are escaped as RFC 8259 says, which uWSGI leaves out for control characters.

use std::io::Write;
use std::time::Duration;

use rsgi_config::LogStep;

/// Appends `record`, changed, to `out`.
pub(super) fn encode(step: &LogStep, now: Duration, record: &[u8], out: &mut Vec<u8>) {
    match step {
        LogStep::Prefix(text) => {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(record);
        }
        LogStep::Suffix(text) => {
            out.extend_from_slice(record);
            out.extend_from_slice(text.as_bytes());
        }
        LogStep::Newline => out.extend_from_slice(record),
        LogStep::Format(text) => fill(text, now, record, false, out),
        LogStep::Json(text) => fill(text, now, record, true, out),
    }
}

fn fill(text: &str, now: Duration, record: &[u8], json: bool, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}') else { break };
        out.extend_from_slice(before.as_bytes());
        match name {
            "msg" if json => escape(record, out),
            "msg" => out.extend_from_slice(record),
            "msgnl" => {
                if json {
                    escape(record, out)
                } else {
                    out.extend_from_slice(record)
                }
                out.extend_from_slice(if json { b"\\n" } else { b"\n" });
            }
            "unix" => drop(write!(out, "{}", now.as_secs())),
            "micros" => drop(write!(out, "{}", now.as_micros())),
            name => {
                if let Some(format) = name.strip_prefix("strftime:") {
                    let date = rsgi_sys::date::local(format, i64::try_from(now.as_secs()).unwrap_or(0));
                    if json { escape(date.as_bytes(), out) } else { out.extend_from_slice(date.as_bytes()) }
                } else {
                    drop(write!(out, "${{{name}}}"));
                }
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The inside of a JSON string.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    let quoted = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
    out.extend_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(step: &LogStep, record: &str) -> String {
        let mut out = Vec::new();
        encode(step, Duration::from_micros(1_795_374_121_000_042), record.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn steps() {
        assert_eq!(text(&LogStep::Prefix("[a] ".into()), "x"), "[a] x");
        assert_eq!(text(&LogStep::Suffix(" [a]".into()), "x"), "x [a]");
        assert_eq!(text(&LogStep::Newline, "x"), "x");
        assert_eq!(
            text(&LogStep::Format("${unix} ${micros} ${msg}|${x}|${".into()), "a\"b"),
            "1795374121 1795374121000042 a\"b|${x}|${"
        );
        assert_eq!(text(&LogStep::Format("${strftime:%s}".into()), ""), "1795374121");
    }

    #[test]
    fn json_stays_json() {
        let step = LogStep::Json("{\"unix\":${unix},\"y\":\"${strftime:%Y}\",\"msg\":\"${msg}\"}".into());
        let text = text(&step, "a\"b\\\n\u{1b}é");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["msg"], "a\"b\\\n\u{1b}é");
        assert_eq!(value["y"], "2026");
    }
}
