//! The log lines that tests wait for, for both servers, in one place.

use super::Kind;

/// A worker serves from now on; the group is its pid.
pub(crate) fn worker_ready(kind: Kind) -> &'static str {
    match kind {
        Kind::Rsgi => r"^worker \d+ \(pid (\d+), \d+ cores?\) ready",
        Kind::Uwsgi => r"^(?:Res|s)pawned uWSGI worker \d+ \(.*pid: (\d+)",
    }
}

/// A worker died and another took its place.
pub(crate) fn worker_died(kind: Kind) -> &'static str {
    match kind {
        Kind::Rsgi => r"worker \d+ \(pid:? \d+\) died",
        Kind::Uwsgi => r"worker \d+ \(pid: \d+\) died",
    }
}

/// The request line, uWSGI's default format field for field.
pub(crate) const REQUEST: &str = concat!(
    r"^\[pid: (?P<pid>\d+)\|app: (?P<app>-?\d+)\|req: (?P<req>-?\d+)/(?P<total>\d+)\] (?P<addr>\S*) \((?P<user>.*?)\) ",
    r"\{(?P<vars>\d+) vars in (?P<size>\d+) bytes\} \[(?P<time>\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\] ",
    r"(?P<method>\S+) (?P<uri>\S+) => generated (?P<body>\d+) bytes in (?P<took>\d+) (?P<unit>msecs|micros)(?P<via>.*?) ",
    r"\((?P<protocol>\S*) (?P<status>\d+)\) (?P<headers>\d+) headers in (?P<head>\d+) bytes ",
    r"\((?P<switches>\d+) switches on core (?P<core>\d+)\)$",
);
