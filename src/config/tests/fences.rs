//! Options of one's own, options that are forbidden for a while, `else`, and patterns of host names.

use super::{Case, Ran};

fn run(lines: &str) -> Ran {
    Case::ini(lines).run("t.ini")
}

#[track_caller]
fn error(lines: &str) -> String {
    Case::ini(lines).load("t.ini").unwrap_err().to_string()
}

#[test]
fn a_declared_option_stands_for_others() {
    let ran = run("declare-option = shop=print=$1 is $2;processes=$3;print=$0;vacuum\nshop = a b 4\nprint = %(shop)");
    assert_eq!(ran.printed, ["a is b", "a b 4", "a b 4"]);
    assert!(ran.config.process.vacuum && ran.config.workers.processes == 4, "{:?}", ran.config.workers);
    assert!(ran.warnings.is_empty(), "{:?}", ran.warnings);
    let ran = run("strict\ndeclare-option = many=print=$10-$1\nmany = a b c d e f g h i j");
    assert_eq!(ran.printed, ["j-a"]);
    insta::assert_snapshot!(error("declare-option = a=b=1\ndeclare-option = b=a=1\na = 1"));
    insta::assert_snapshot!(error("declare-option = a"));
    let doubling: String = (0..31).map(|n| format!("declare-option = n{n}=n{}=$0$0\n", n + 1)).collect();
    assert!(error(&format!("{doubling}n0 = x")).contains("is longer than"));
}

#[test]
fn what_is_forbidden_is_an_error_up_to_the_end_of_the_list() {
    let ran = run("blacklist = uid processes\nthreads = 2\nend-blacklist =\nprocesses = 3");
    assert_eq!((ran.config.workers.processes, ran.config.workers.threads), (3, 2));
    insta::assert_snapshot!(error("blacklist = uid processes\nprocesses = 3"));
    for lines in ["blacklist = uid processes\nworkers = 3", "blacklist = processes\nset = processes=3"] {
        assert!(error(lines).contains("by blacklist"), "{lines}");
    }
    let ran = run("whitelist = print workers\nprint = x\nprocesses = 2\nend-whitelist =\nthreads = 3");
    assert_eq!((ran.config.workers.processes, ran.config.workers.threads), (2, 3));
    insta::assert_snapshot!(error("whitelist = print\nprint = x\nthreads = 3"));
}

#[test]
fn else_takes_the_other_lines() {
    for (test, lines) in [("if-exists = /", ["a", "end"]), ("if-exists = /nowhere", ["b", "end"])] {
        let ran = run(&format!("{test}\nprint = a\nelse =\nprint = b\nendif =\nprint = end"));
        assert_eq!(ran.printed, lines, "{test}");
    }
    assert!(!run("for = a b\nelse =\nendfor =").warnings.is_empty());
    assert!(!run("else =").warnings.is_empty());
}

#[test]
fn a_host_goes_by_a_pattern() {
    let lines =
        "if-hostname-match = ^web[0-9]$\nprint = yes\nendif =\nif-not-hostname-match = ^db\nprint = not\nendif =";
    assert_eq!(run(lines).printed, ["yes", "not"]);
    assert!(error("if-hostname-match = [\nendif =").contains("no pattern"));
}

#[test]
fn texts_are_put_before_and_behind_files() {
    let case = Case::ini("print = middle %n\n")
        .file("first.ini", "[uwsgi]\nprint = first %n")
        .file("last.ini", "print = last\nprocesses = x\n")
        .file("other.ini", "[other]\nprint = not this\n[uwsgi]\nprint = other\n");
    let ran = case.run("--inject-before first.ini --inject-after first.ini --ini t.ini --ini other.ini");
    // Sections go on from text to text, and the names are those of the file itself, as in uWSGI.
    assert_eq!(ran.printed, ["first t", "middle t", "first t", "first other", "other", "first other"]);
    insta::assert_snapshot!(case.load("--inject-after last.ini --ini t.ini").unwrap_err());
    let error = case.load("--inject-after nowhere.ini --ini t.ini").unwrap_err().to_string();
    assert!(error.contains("nowhere.ini cannot be read: no such file or directory"), "{error}");
}
