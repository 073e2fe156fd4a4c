//! The other formats come to the same as ini.

use super::Case;

#[test]
fn yaml_repeats_keys_and_lists() {
    let text = "---\n# top\nother:\n  threads: 7\nuwsgi:\n  http: :8000        # a comment\n  processes: 2\n  pythonpath: lib\n  \
                pythonpath: vendor\n  env:\n    - A=1\n    - 'B=it''s'\n  static-index: [a.html, \"b.html\"]\n  master:\n  \
                procname: \"a # b\"\n  chdir: %d\n  print: |\n    one\n    two\n  vacuum: true\n";
    let case = Case::with("t.yaml", text);
    let ran = case.run("t.yaml");
    assert_eq!((ran.config.workers.processes, ran.config.workers.threads), (2, 1));
    assert_eq!(ran.config.router.binds[0].text, ":8000");
    assert_eq!(ran.values("pythonpath"), ["lib", "vendor"]);
    assert_eq!(ran.values("env"), ["A=1", "B=it's"]);
    assert_eq!(ran.config.statics.index, ["a.html", "b.html"]);
    assert!(ran.config.workers.master && ran.config.process.vacuum);
    assert_eq!(ran.config.process.procname.as_deref(), Some("a # b"));
    assert_eq!(ran.printed, ["one\ntwo"]);
    assert_eq!(case.run("--yaml t.yaml:other").config.workers.threads, 7);
}

#[test]
fn yaml_may_be_a_list_of_pairs() {
    let text = "uwsgi:\n- threads: 2\n- master:\n- env:\n  - A=1\n  - B=2\n- processes: 3\nother:\n- threads: 9\n";
    let ran = Case::with("t.yaml", text).run("t.yaml");
    assert_eq!((ran.config.workers.threads, ran.config.workers.processes, ran.config.workers.master), (2, 3, true));
    assert_eq!(ran.values("env"), ["A=1", "B=2"]);
}

#[test]
fn yaml_may_have_tabs_behind_colons() {
    let ran = Case::with("t.yaml", "uwsgi:\t\n  threads:\t2\n  http: \t:8000\n  set:\ta=b:c: d\n").run("t.yaml");
    assert_eq!((ran.config.workers.threads, ran.config.router.binds[0].text.as_str()), (2, ":8000"));
    assert_eq!(ran.values("a"), ["b:c: d"]);
}

#[test]
fn yaml_that_is_none_points_at_the_line() {
    let case = Case::with("t.yml", "uwsgi:\n  processes: 2\n  just words\n").file("u.yml", "server:\n  a: b\n");
    insta::assert_snapshot!(format!("{}\n\n{}", case.said("t.yml"), case.said("u.yml")));
}

#[test]
fn json_takes_lists_numbers_and_switches() {
    let text = "{\"other\": {\"threads\": 7},\n \"uwsgi\": {\n  \"http\": \":8000\", \"processes\": 2, \"master\": true, \"vacuum\": false,\n  \
                \"env\": [\"A=1\", \"B=\\u00e9\"], \"env\": \"C=3\", \"no-orphans\": null, \"chdir\": \"%d\"}}";
    let case = Case::with("t.json", text);
    let ran = case.run("t.json");
    assert_eq!((ran.config.workers.processes, ran.config.router.binds.len()), (2, 1));
    assert!(ran.config.workers.master && ran.config.process.no_orphans && !ran.config.process.vacuum);
    assert_eq!(ran.values("env"), ["A=1", "B=é", "C=3"]);
    assert_eq!(case.run("--json t.json:other").config.workers.threads, 7);
}

#[test]
fn toml_keeps_the_order() {
    let text = "[other]\nthreads = 7\n[uwsgi]\nthreads = 3\nhttp = \":8000\"\nset = \"p=4\"\nmaster = true\nenv = [\"B=2\", \"A=1\"]\nchdir = '%d'\n";
    let case = Case::with("t.toml", text);
    let ran = case.run("t.toml");
    assert_eq!((ran.config.workers.threads, ran.config.router.binds.len()), (3, 1));
    let keys: Vec<_> = ran.config.options.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["threads", "http", "set", "p", "master", "env", "env", "chdir"]);
    assert_eq!(case.run("--toml t.toml:other").config.workers.threads, 7);
}

#[test]
fn xml_takes_elements_and_mounts() {
    let text = "<?xml version=\"1.0\"?>\n<servers>\n<uwsgi id=\"one\"><threads>2</threads></uwsgi>\n<uwsgi id=\"two\">\n  \
                <!-- two -->\n  <master/>\n  <threads> 3 </threads>\n  <app mountpoint=\"/x\">shop:app</app>\n</uwsgi>\n</servers>\n";
    let case = Case::with("t.xml", text);
    assert_eq!(case.run("t.xml").config.workers.threads, 2);
    let config = case.run("--xml t.xml:two").quiet();
    assert_eq!((config.workers.threads, config.workers.master), (3, true));
    assert_eq!(config.app.last("mount"), Some("/x=shop:app"));
}

#[test]
fn messages_point_into_every_format() {
    let case =
        Case::with("t.json", "{\"uwsgi\": {\n  \"http\": \":80\",\n  \"processes\": \"many\",\n  \"vaccum\": true}}")
            .file("deep.json", "{\"uwsgi\": {\n  \"env\": {\"A\": 1}}}")
            .file("broken.json", "{\"uwsgi\": {\n  \"http\": }}")
            .file("bare.json", "[]")
            .file("t.toml", "[uwsgi]\nhttp = \":80\"\nprocesses = \"many\"\nenv = [\"A=1\", \"B\"]\nvaccum = true\n")
            .file("deep.toml", "[uwsgi.env]\nA = 1\n")
            .file("broken.toml", "[uwsgi]\nhttp = :80\n")
            .file("none.toml", "a = 1\n")
            .file("t.xml", "<uwsgi>\n  <http>:80</http>\n  <processes>many</processes>\n  <vaccum/>\n</uwsgi>\n")
            .file("broken.xml", "<uwsgi>\n  <http>:80</https>\n</uwsgi>\n")
            .file("none.xml", "<server/>");
    let names = [
        "t.json",
        "deep.json",
        "broken.json",
        "bare.json",
        "t.toml",
        "deep.toml",
        "broken.toml",
        "none.toml",
        "t.xml",
        "broken.xml",
        "none.xml",
    ];
    let said: Vec<_> = names.iter().map(|words| format!("$ rsgi {words}\n{}", case.said(words))).collect();
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn formats_may_load_each_other() {
    let case = Case::ini("include = b.yaml\n")
        .file("b.yaml", "uwsgi:\n  include: c.json\n  threads: 2\n")
        .file("c.json", "{\"uwsgi\": {\"include\": \"d.toml\"}}")
        .file("d.toml", "[uwsgi]\ninclude = \"e.xml\"\n")
        .file("e.xml", "<uwsgi><processes>5</processes></uwsgi>");
    let config = case.run("t.ini").quiet();
    assert_eq!((config.workers.processes, config.workers.threads, config.files.len()), (5, 2, 5));
}

#[test]
fn a_paste_file_gives_options_and_application() {
    let case = Case::with("p.ini", "[uwsgi]\nthreads = 3\n[app:main]\nuse = egg:shop\n");
    let config = case.run("--ini-paste p.ini").quiet();
    assert_eq!(config.workers.threads, 3);
    assert_eq!(config.app.last("paste"), Some(&*format!("config:{}", case.path().join("p.ini").display())));
}
