//! Every kind of message, as a person reads it.

use insta::assert_snapshot;

use super::Case;

#[test]
fn values() {
    let case = Case::ini(
        "processes = four\nthreads = 4 ; four\nhttp-timeout = 30s\nsocket-timeout = -1\nvacuum = maybe\n\
         chmod-socket = rw\nmax-requests =\nhttp = 9090\nsocket = unix:/tmp/a.sock\nhttp-to = ::1:80\nstats = 127.0.0.1\nprotocol = spdy\n\
         http-socket = :8080 # public\nlisten = 99999999999\nenv =\n",
    );
    assert_snapshot!(case.said("t.ini"));
}

#[test]
fn names() {
    let case = Case::ini(
        "vaccum = true\nmax-request = 5000\ndeamonize = /tmp/x\nprocess = 4\nproject = shop\nchdir = /srv/%(project)\n\
         unheard-of = 1\nunheard-of = 2\nsnmp = :161\nthunder-lock = true\n",
    );
    assert_snapshot!(case.said("t.ini"));
}

#[test]
fn refusals() {
    assert_snapshot!(Case::ini("namespace = /jail\nimmediate-uid = www-data\n").said("t.ini"));
}

#[test]
fn strict_mode() {
    assert_snapshot!(Case::ini("strict = true\nvaccum = true\n").said("t.ini"));
}

#[test]
fn words() {
    let case = Case::new();
    let lines = [
        "--nonsense",
        "--vaccum",
        "--http-sock :1",
        "--http_socket :1",
        "--master=5",
        "--processes",
        "-Mp",
        "-Z",
        "foobar.py",
        ":9090",
        "nofile.ini",
        "nofile.conf",
        "t.ini:missing",
        "--master true",
        "--http-keepalive 30",
        "--set a",
        "--set-ph processes=4",
    ];
    let said: Vec<_> = lines.iter().map(|words| format!("$ rsgi {words}\n{}", case.said(words))).collect();
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn environment() {
    let case = Case::new().env("UWSGI_PROCESSES", "many").env("RSGI_VACUMM", "1");
    assert_snapshot!(case.said(""));
}

#[test]
fn files() {
    let case = Case::ini("include = conf/base.ini\n")
        .file("conf/base.ini", "[uwsgi]\nini = more.ini\n")
        .file("conf/more.ini", "[uwsgi]\n")
        .file("loop.ini", "[uwsgi]\nini = loop.ini\n")
        .file("section.ini", "[uwsgi] ; main\nprocesses = 2\n[]\n")
        .file("unset.ini", "[uwsgi]\nini = %(nowhere).ini\n")
        .file("net.ini", "[uwsgi]\nini = http://example.org/a.ini\n")
        .file("outer.ini", "[uwsgi]\ninclude = inner.ini\n")
        .file("inner.ini", "[uwsgi]\n\tprocesses = few\n");
    let lines =
        ["t.ini", "loop.ini", "section.ini", "--ini section.ini:beta", "unset.ini", "net.ini", "--ini :x", "outer.ini"];
    let said: Vec<_> = lines.iter().map(|words| format!("$ rsgi {words}\n{}", case.said(words))).collect();
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn text_that_is_not_utf_8() {
    let case = Case::new();
    std::fs::write(case.path().join("t.ini"), b"[uwsgi]\n; caf\xe9 is fine here\nchdir = /caf\xe9\n").unwrap();
    assert_snapshot!(case.said("t.ini"));
}

#[test]
fn expansion() {
    let case =
        Case::ini("a = %(b)\nb = %(a)\nchdir = @(nofile)\nlogto = @(http://example.org/)\nlog-date = %Y-%m-%d\n");
    assert_snapshot!(case.said("t.ini"));
}

#[test]
fn logic() {
    let case = Case::ini("for = a b\nif-env = HOME\n")
        .file("times.ini", "[uwsgi]\nfor-times = 1000000000\n")
        .file("open.ini", "[uwsgi]\nif-exists = nothing\nthreads = 2\n")
        .file("closed.ini", "[uwsgi]\nendif =\n")
        .file("lines.ini", "[uwsgi]\nfor-readline = nofile\n");
    let lines = ["t.ini", "times.ini", "open.ini", "closed.ini", "lines.ini"];
    let said: Vec<_> = lines.iter().map(|words| format!("$ rsgi {words}\n{}", case.said(words))).collect();
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn contradictions() {
    let lines = [
        "--socket =0",
        "--shared-socket :1 --socket =1",
        "--cheaper 4 --processes 2",
        "--cheaper 2 --cheaper-initial 9 --processes 4",
        "--cheaper-initial 2 --processes 4",
        "--cheaper 1 --processes 2 --cheaper-algo nosuch",
        "--cheaper 1 --processes 2 --cheaper-rss-limit-hard 200",
        "--cheaper 1 --processes 2 --cheaper-rss-limit-soft 300 --cheaper-rss-limit-hard 200",
        "--max-worker-lifetime 5",
        "--buffer-size 100",
        "--https :1",
        "--static-map /x",
    ];
    let case = Case::new();
    let said: Vec<_> = lines.iter().map(|words| format!("$ rsgi {words}\n{}", case.said(words))).collect();
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let said = Case::ini("processes = \u{1b}[31mred\n").said("t.ini");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[test]
fn help() {
    // The layout by a few options that stay; the whole text changes with every option that is built.
    let names = [
        "--socket ",
        "--http-keepalive",
        "--processes",
        "--master",
        "--wsgi-file",
        "--http-socket-headers",
        "  top [",
        "  config [",
    ];
    let text = crate::help::help();
    let shown = |line: &&str| !line.starts_with("  ") || names.iter().any(|name| line.contains(name));
    let lines: Vec<_> = text.split("\nKnown, but").next().unwrap().lines().filter(shown).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_not_built_says_what_it_would_have_done() {
    for opt in crate::options::rows().filter(|opt| !opt.built && opt.arg == crate::option::Arg::None).take(3) {
        let warnings = Case::new().run(&format!("--{}", opt.name)).warnings;
        let would = crate::apply::would(opt.summary());
        assert!(would.starts_with("it ") && !would.ends_with('.'), "{would}");
        let message = format!("{} is not built yet and does nothing; {would}", opt.name);
        assert!(warnings.iter().any(|warning| warning.message == message), "{message}");
        let off = Case::ini(&format!("{} = false\n", opt.name)).run("t.ini").warnings;
        assert!(off.is_empty(), "{} = false does nothing anyway", opt.name);
    }
}

#[test]
fn explain() {
    let names =
        ["processes", "--http-keepalive", "pp", "http-socket-keepalive", "st", "thunder-lock", "stop", "vaccum"];
    let said: Vec<_> = names.iter().map(|name| Case::new().said(&format!("explain {name}"))).collect();
    assert_snapshot!(said.join("\n----\n"));
}

#[test]
fn comments_and_traps() {
    let case = Case::ini(
        "chdir = /srv # the shop\nmodule = app ; main\nsocket = /tmp/a.sock ; local\ndaemonize = /tmp/x.log\n",
    )
    .env("INVOCATION_ID", "1");
    assert_snapshot!(case.said("t.ini"));
}

#[test]
fn names_in_the_log_that_mean_nothing() {
    let case = Case::ini(
        "log-format = %(uri) %(mine) %(metric.x)\nlogger = there file:log\nlog-encoder = format ${msg} ${nope} ${strftime:%%Y}\n\
         log-encoder = prefix:there [a]\nlog-encoder = json:nosuch ${msg}\nlog-req-encoder = nl:there\nlog-route = there x\n",
    );
    let routed = Case::ini("log-route = nobody x\nlog-req-route = nobody x\n");
    assert_snapshot!(format!("{}\n----\n{}", case.said("check t.ini"), routed.said("check t.ini")));
}

#[test]
fn check() {
    let case = Case::ini(
        "project = shop\nchdir = /srv/%(project)\nhttp-socket = :8080\nprocesses = 4 ; four\nvaccum = true\n\
         thunder-lock = true\nsnmp = :161\nlisten = many\n",
    )
    .file("good.ini", "[uwsgi]\nhttp = :8080\nmaster = true\nwsgi-file = app.py\n");
    assert_snapshot!(format!("{}\n----\n{}", case.said("check t.ini"), case.said("check good.ini")));
    let exit = |words: &str| match case.load(words) {
        Ok(crate::Loaded::Print { exit_code, .. }) => exit_code,
        other => panic!("{other:?}"),
    };
    assert_eq!((exit("check good.ini"), exit("check t.ini"), exit("check"), exit("check no.ini")), (0, 1, 1, 1));
}
