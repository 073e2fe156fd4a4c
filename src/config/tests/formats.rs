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
fn yaml_that_is_none_points_at_the_line() {
    let case = Case::with("t.yml", "uwsgi:\n  processes: 2\n  just words\n").file("u.yml", "server:\n  a: b\n");
    insta::assert_snapshot!(format!("{}\n\n{}", case.said("t.yml"), case.said("u.yml")));
}
