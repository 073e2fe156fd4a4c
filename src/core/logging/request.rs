//! The request log line, in uWSGI's default form, field for field.

use std::fmt;
use std::io::Write;

use rsgi_config::Logging;
use rsgi_proto::vars::Vars;

use super::panics;
use crate::trace::Parent;

/// What one line says. Texts come from strangers: whatever could break a line is escaped.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Process id of the worker.
    pub pid: u32,
    /// Number of the application, -1 for none.
    pub app: i32,
    /// Number of this request within its worker; `None` when no application was there to take it.
    pub worker_request: Option<u64>,
    /// Number of this request within the instance.
    pub total_request: u64,
    /// REMOTE_ADDR.
    pub addr: &'a [u8],
    /// REMOTE_USER.
    pub user: &'a [u8],
    /// Number of variables.
    pub vars: usize,
    /// Size of the variables as a uwsgi packet, bytes.
    pub vars_bytes: usize,
    /// Local time of the request's start, as `ctime` writes it.
    pub time: &'a str,
    /// REQUEST_METHOD.
    pub method: &'a [u8],
    /// REQUEST_URI.
    pub uri: &'a [u8],
    /// Bytes of body sent.
    pub generated: u64,
    /// Start, microseconds since the epoch.
    pub began: u64,
    /// Time it took, microseconds.
    pub micros: u64,
    /// How the body went out.
    pub via: Via,
    /// SERVER_PROTOCOL.
    pub protocol: &'a [u8],
    /// Status code.
    pub status: u16,
    /// Number of the application's headers.
    pub headers: u32,
    /// Size of the head, bytes.
    pub head_bytes: u64,
    /// Steps of the answer's iterator.
    pub switches: u32,
    /// Number of the worker, 0 for a router.
    pub worker: u32,
    /// Number of the core.
    pub core: u32,
    /// The request's body broke off.
    pub read_failed: bool,
    /// The answer broke off.
    pub write_failed: bool,
    /// A defect of the server that it has met.
    pub panic: Option<panics::Id>,
    /// What is only told when somebody asks for it.
    pub asked: &'a dyn Asked,
}

/// What a request line tells only when its form asks for it.
pub trait Asked: fmt::Debug {
    /// A variable of the request.
    fn var(&self, key: &[u8]) -> Option<&[u8]>;
    /// What the application has set under `name` (`uwsgi.set_logvar`).
    fn note(&self, name: &[u8]) -> Option<&[u8]>;
    /// All that it has set.
    fn each_note(&self, each: &mut dyn FnMut(&[u8], &[u8]));
}

/// Note by note what an application has set for the line, in its order and of equal names one.
pub type Notes = Vec<(Vec<u8>, Vec<u8>)>;

/// A request's variables, and what the application has set.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// The variables.
    pub vars: &'a Vars,
    /// The bytes that they point into.
    pub data: &'a [u8],
    /// What was set.
    pub notes: &'a [(Vec<u8>, Vec<u8>)],
}

impl Asked for Said<'_> {
    fn var(&self, key: &[u8]) -> Option<&[u8]> {
        self.vars.get_key(self.data, key)
    }

    fn note(&self, name: &[u8]) -> Option<&[u8]> {
        self.notes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    fn each_note(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        self.notes.iter().for_each(|(name, value)| each(name, value));
    }
}

/// Sets a note; of equal names the last one counts.
pub fn set_note(notes: &mut Notes, name: &[u8], value: &[u8]) {
    notes.retain(|(known, _)| known != name);
    notes.push((name.to_vec(), value.to_vec()));
}

/// How a body went out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Via {
    /// Piece by piece, as it was made.
    #[default]
    Writing,
    /// By sendfile(2), or as a descriptor to the router.
    Sendfile,
    /// Without a worker.
    Offload,
}

/// What decides whether a request is logged.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Status code.
    pub status: u16,
    /// Bytes of body sent.
    pub generated: u64,
    /// How they went out.
    pub via: Via,
    /// The answer broke off.
    pub failed: bool,
    /// Time it took, microseconds.
    pub micros: u64,
}

/// Whether a request is logged: `disable-logging` silences all lines but those that another option asks for.
#[must_use]
pub fn is_wanted(log: &Logging, facts: Facts) -> bool {
    log.requests
        || (log.log_4xx && (400..500).contains(&facts.status))
        || (log.log_5xx && (500..600).contains(&facts.status))
        || (log.zero && facts.generated == 0)
        || log.big.is_some_and(|big| facts.generated >= big)
        || (log.sendfile && facts.via != Via::Writing)
        || (log.ioerror && facts.failed)
        || log.slow.is_some_and(|slow| facts.micros / 1000 >= slow)
}

impl<'a> Line<'a> {
    /// The trace that the request belongs to.
    pub(super) fn parent(&self) -> Option<Parent<'a>> {
        self.asked.var(b"HTTP_TRACEPARENT").and_then(Parent::read)
    }

    /// Appends the line and its newline; `show_micros`: the time in microseconds.
    pub(super) fn write(&self, show_micros: bool, out: &mut Vec<u8>) {
        let mut number = itoa::Buffer::new();
        let mut put = |out: &mut Vec<u8>, text: &str, value: i128| {
            out.extend_from_slice(text.as_bytes());
            match u64::try_from(value) {
                Ok(value) => out.extend_from_slice(number.format(value).as_bytes()),
                Err(_) => drop(write!(out, "{value}")),
            }
        };
        put(out, "[pid: ", self.pid.into());
        put(out, "|app: ", self.app.into());
        put(out, "|req: ", self.worker_request.map_or(-1, i128::from));
        put(out, "/", self.total_request.into());
        out.extend_from_slice(b"] ");
        escape(out, self.addr);
        out.extend_from_slice(b" (");
        escape(out, self.user);
        put(out, ") {", self.vars as i128 * 2);
        put(out, " vars in ", self.vars_bytes as i128);
        out.extend_from_slice(b" bytes} [");
        out.extend_from_slice(self.time.as_bytes());
        out.extend_from_slice(b"] ");
        escape(out, self.method);
        out.push(b' ');
        escape(out, self.uri);
        put(out, " => generated ", self.generated.into());
        let (time, unit) = if show_micros { (self.micros, " micros") } else { (self.micros / 1000, " msecs") };
        put(out, " bytes in ", time.into());
        out.extend_from_slice(unit.as_bytes());
        out.extend_from_slice(match self.via {
            Via::Writing => b"",
            Via::Sendfile => b" via sendfile()",
            Via::Offload => b" via offload()",
        });
        out.extend_from_slice(b" (");
        escape(out, self.protocol);
        put(out, " ", self.status.into());
        put(out, ") ", self.headers.into());
        put(out, " headers in ", self.head_bytes.into());
        put(out, " bytes (", self.switches.into());
        put(out, " switches on core ", self.core.into());
        out.push(b')');
        if let Some(panic) = self.panic {
            // Strings cannot fail, and a vector takes everything.
            let _ = write!(out, " panic {panic}");
        }
        out.push(b'\n');
    }
}

/// Appends `text` with everything that is not printable as `\xNN`.
pub fn escape(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|&byte| byte.is_ascii_graphic() || byte == b' ') {
        out.extend_from_slice(text);
        return;
    }
    for &byte in text {
        if byte.is_ascii_graphic() || byte == b' ' {
            out.push(byte);
        } else {
            drop(write!(out, "\\x{byte:02x}"));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Variables, and what the application has set.
    #[derive(Debug)]
    pub(in crate::logging) struct Spoken(
        pub(in crate::logging) &'static [(&'static str, &'static str)],
        pub(in crate::logging) &'static [(&'static str, &'static str)],
    );

    impl Asked for Spoken {
        fn var(&self, key: &[u8]) -> Option<&[u8]> {
            self.0.iter().find(|(name, _)| name.as_bytes() == key).map(|(_, value)| value.as_bytes())
        }

        fn note(&self, key: &[u8]) -> Option<&[u8]> {
            self.1.iter().find(|(name, _)| name.as_bytes() == key).map(|(_, value)| value.as_bytes())
        }

        fn each_note(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
            self.1.iter().for_each(|(name, value)| each(name.as_bytes(), value.as_bytes()));
        }
    }

    pub(in crate::logging) const LINE: Line<'_> = Line {
        pid: 15255,
        app: 0,
        worker_request: Some(1),
        total_request: 3,
        addr: b"127.0.0.1",
        user: b"",
        vars: 12,
        vars_bytes: 252,
        time: "Sun Nov 22 18:57:55 2026",
        method: b"GET",
        uri: b"/env",
        generated: 699,
        began: 1_795_374_121_000_042,
        micros: 1999,
        via: Via::Writing,
        protocol: b"HTTP/1.1",
        status: 200,
        headers: 1,
        head_bytes: 51,
        switches: 1,
        worker: 1,
        core: 0,
        read_failed: false,
        write_failed: false,
        panic: None,
        asked: &Spoken(&[], &[]),
    };

    fn text(show_micros: bool, line: &Line<'_>) -> String {
        let mut out = Vec::new();
        line.write(show_micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn is_uwsgis_default_line() {
        assert_eq!(
            text(false, &LINE),
            "[pid: 15255|app: 0|req: 1/3] 127.0.0.1 () {24 vars in 252 bytes} [Sun Nov 22 18:57:55 2026] GET /env => \
             generated 699 bytes in 1 msecs (HTTP/1.1 200) 1 headers in 51 bytes (1 switches on core 0)\n"
        );
    }

    #[test]
    fn shows_microseconds_sendfile_and_no_application() {
        let line = Line { app: -1, worker_request: None, via: Via::Sendfile, ..LINE };
        let text = text(true, &line);
        assert!(
            text.contains("|app: -1|req: -1/3]") && text.contains(" in 1999 micros via sendfile() (HTTP/1.1"),
            "{text}"
        );
    }

    #[test]
    fn strangers_cannot_forge_lines() {
        let text = text(false, &Line { uri: b"/a\n[pid: 1]\x1b[2J", user: "é".as_bytes(), ..LINE });
        assert!(text.contains("/a\\x0a[pid: 1]\\x1b[2J") && text.contains("(\\xc3\\xa9)"), "{text}");
        assert_eq!(text.matches('\n').count(), 1);
    }
}
