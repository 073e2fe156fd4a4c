//! Request lines: `log-format`, `memory-report`.

use std::collections::BTreeMap;

use crate::support::{Kind, Running, Server};

const APP: &str = "import uwsgi
def application(environ, start_response):
    uwsgi.set_logvar('order', 'twelve')
    start_response('201 Created', [('Content-Type', 'text/plain'), ('X-A', '1')])
    return [b'hello', b'world']
";

/// Names whose values are the same on both servers.
const SAME: &[&str] = &[
    "host",
    "method",
    "user",
    "addr",
    "uri",
    "proto",
    "uagent",
    "referer",
    "status",
    "cl",
    "rsize",
    "wid",
    "core",
    "headers",
    "modifier1",
    "modifier2",
    "rerr",
    "werr",
    "ioerr",
    "order",
    "unknown",
    "var.HTTP_X_SHOP",
    "var.NONE",
];

/// Names whose values differ from run to run, with the form of a value.
const FORMS: &[(&str, &str)] = &[
    ("micros", r"^\d+$"),
    ("msecs", r"^\d+$"),
    ("secs", r"^\d+\.\d{6}$"),
    ("time", r"^\d{10}$"),
    ("tmsecs", r"^\d{13}$"),
    ("tmicros", r"^\d{16}$"),
    ("ctime", r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$"),
    ("ltime", r"^\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$"),
    ("ftime", r"^\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$"),
    ("epoch", r"^\d{10}$"),
    ("size", r"^[5-9]\d$"),
    ("hsize", r"^[4-8]\d$"),
    ("pid", r"^\d+$"),
    ("switches", r"^\d+$"),
    ("vars", r"^\d+$"),
    ("pktsize", r"^\d{3}$"),
];

fn values(server: &Running) -> BTreeMap<String, String> {
    let head =
        "GET /shop?a=b HTTP/1.1\r\nHost: a.example\r\nUser-Agent: probe\r\nX-Shop: a b\r\nConnection: close\r\n\r\n";
    server.ask(3031, head).expect(201);
    let line = server.log.wait_for("^LINE ");
    line.split('\t')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn a_format_of_ones_own() {
    let names = SAME.iter().chain(FORMS.iter().map(|(name, _)| name));
    let fields: String = names.map(|name| format!("\t{name}=%({name})")).collect();
    let [theirs, ours] = [Kind::Uwsgi, Kind::Rsgi].map(|kind| {
        let ini =
            format!("http-socket = {{ip}}:3031\nwsgi-file = {{dir}}/app.py\nmaster = true\nlog-format = LINE {fields}");
        values(&Server::of(kind, "").file("app.py", APP).ini(&ini).start())
    });
    for name in SAME {
        assert_eq!(ours.get(*name), theirs.get(*name), "{name}");
    }
    for (name, form) in FORMS {
        let form = regex::Regex::new(form).expect("a pattern");
        for values in [&theirs, &ours] {
            assert!(form.is_match(&values[*name]), "{name}: {values:?}");
        }
    }
}

#[test]
fn a_format_with_dates() {
    let ini = "http-socket = {ip}:3031\nwsgi-file = {dir}/app.py\nlogformat = AT %%Y-%%m-%%d %(status)\nlogformat-strftime = true";
    let server = Server::of(Kind::Rsgi, "").file("app.py", APP).ini(ini).start();
    server.get(3031, "/").expect(201);
    server.log.wait_for(r"^AT \d{4}-\d\d-\d\d 201$");
}

/// They are served all the same.
#[test]
fn names_that_mean_nothing_are_warned_of_at_the_start() {
    let ini = "http-socket = {ip}:3031\nwsgi-file = {dir}/app.py\nlog-format = AT %(uri) %(metric.x)\n\
               log-encoder = format ${msg} ${nope}\nlog-encoder = prefix:nosuch [a]";
    let server = Server::of(Kind::Rsgi, "").file("app.py", APP).ini(ini).start();
    server.get(3031, "/").expect(201);
    server.log.wait_for(r"^AT / - \$\{nope\}$");
    for warning in [
        r"log-format: %\(metric\.x\) is always",
        r"log-encoder: nothing stands for \$\{nope\}",
        "log-encoder: there is no logger with the name nosuch",
    ] {
        assert_eq!(server.log.matching(&format!("warning: {warning}")).len(), 1, "{warning}");
    }
}

#[test]
fn memory_in_front() {
    let arguments = "--http-socket {ip}:3031 --wsgi-file {dir}/app.py --memory-report";
    for kind in [Kind::Uwsgi, Kind::Rsgi] {
        let server = Server::of(kind, arguments).file("app.py", APP).start();
        server.get(3031, "/").expect(201);
        server.log.wait_for(
            r"^\{address space usage: \d+ bytes/\d+MB\} \{rss usage: \d+ bytes/\d+MB\} \[pid: \d+\|app: 0\|req: 1/1\]",
        );
    }
}
