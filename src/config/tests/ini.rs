//! The ini format, one rule at a time; results are those of uWSGI 2.0.31 unless said otherwise.

use super::{Case, Ran};
use crate::EnvChange;

fn run(lines: &str) -> Ran {
    Case::ini(lines).run("t.ini")
}

#[test]
fn lines_are_trimmed_and_the_last_needs_no_end() {
    let ran = Case::with("t.ini", "  [uwsgi]  \r\n\tprocesses\t =  2 \r\n\n\n threads=3").run("t.ini");
    assert_eq!((ran.config.workers.processes, ran.config.workers.threads), (2, 3));
}

#[test]
fn comments_are_whole_lines_only() {
    let ran = run("; a = b\n# c = d\nprint = v ; x # y");
    assert_eq!(ran.printed, ["v ; x # y"]);
    assert!(ran.values("a").is_empty() && ran.values("c").is_empty());
}

#[test]
fn only_the_first_equals_sign_splits() {
    let config = run("env = DJANGO_SETTINGS_MODULE = a=b\nenv=HOME=\nenv = LANG\nunenv = TZ").quiet();
    assert_eq!(
        config.env,
        [
            EnvChange::Set("DJANGO_SETTINGS_MODULE".into(), " a=b".into()),
            EnvChange::Set("HOME".into(), String::new()),
            EnvChange::Unset("LANG".into()),
            EnvChange::Unset("TZ".into()),
        ]
    );
}

#[test]
fn a_line_without_equals_sign_is_a_flag() {
    let ran = run("master\nvacuum =\nno-orphans = no");
    assert!(ran.config.workers.master && ran.config.process.vacuum && !ran.config.process.no_orphans);
    assert_eq!((ran.values("master"), ran.values("vacuum")), (vec!["true"], vec!["true"]));
}

#[test]
fn switches_know_four_words_for_off() {
    for (text, on) in [("true", true), ("1", true), ("False", false), ("OFF", false), ("no", false), ("0", false)] {
        assert_eq!(run(&format!("vacuum = true\nvacuum = {text}")).quiet().process.vacuum, on, "{text}");
    }
}

#[test]
fn switch_words_for_a_number_count_as_0() {
    let ran = run(
        "log-slow = true\npost-buffering = on\nthreads = true\nharakiri = false\nmax-requests = No\nlimit-post = off",
    );
    let (workers, limits) = (&ran.config.workers, &ran.config.limits);
    assert_eq!((workers.threads, workers.harakiri, workers.max_requests), (1, None, None));
    assert_eq!((limits.post_buffering, limits.limit_post), (0, None));
    assert_eq!(ran.warnings.len(), 6);
    for (text, on) in [("True", true), ("YES", true), ("on", true), ("False", false), ("Off", false), ("no", false)] {
        assert_eq!(run(&format!("http-keepalive = {text}")).quiet().router.keepalive.is_some(), on, "{text}");
    }
}

#[test]
fn sections_are_chosen_and_may_come_again() {
    let text =
        "early = 1\nthreads = 9\n[uwsgi]\nprocesses = 2\n[other]\nprocesses = 7\nthreads = 7\n[uwsgi]\nthreads = 3\n";
    let case = Case::with("t.ini", text);
    for (words, processes, threads) in
        [("t.ini", 2, 3), ("--ini t.ini", 2, 3), ("--ini t.ini:other", 7, 7), ("t.ini:other", 7, 7)]
    {
        let workers = case.run(words).quiet().workers;
        assert_eq!((workers.processes, workers.threads), (processes, threads), "{words}");
    }
}

#[test]
fn a_section_of_the_same_file_is_read_in_place() {
    let ran =
        Case::with("t.ini", "[uwsgi]\nthreads = 1\nini = :more\nprint = %x|\n[more]\nthreads = 4\nprint = %x|%X\n");
    let ran = ran.run("t.ini");
    assert_eq!(ran.config.workers.threads, 4);
    assert_eq!(ran.printed, ["more|", "|"]);
}

#[test]
fn a_section_without_a_file_is_that_of_the_ini_file_read_last() {
    let sections = |name: &str| format!("[app]\nprint = {name} app\n[prod]\nprint = {name} prod\n");
    let case = Case::with("t.ini", &format!("[uwsgi]\nini = base.ini\nini = :app\n{}", sections("t")))
        .file("outer.ini", &format!("[uwsgi]\nini = t.ini\nini = :prod\n{}", sections("outer")))
        .file("base.ini", &sections("base"))
        .file("t.yaml", "uwsgi:\n  ini: :app\n  yaml: :other\nother:\n  print: other\n");
    for (words, printed) in [
        ("t.ini", &["base app"][..]),
        ("--ini t.ini --ini :prod", &["base app", "base prod"]),
        ("--ini base.ini:prod --ini :app", &["base prod", "base app"]),
        ("outer.ini", &["base app", "base prod"]),
        ("--ini base.ini:prod --yaml t.yaml", &["base prod", "base app", "other"]),
    ] {
        assert_eq!(case.run(words).printed, printed, "{words}");
    }
}

#[test]
fn a_command_or_a_descriptor_may_give_the_whole_configuration() {
    let text = "[uwsgi]\nprint = %n %o\n[app]\nprint = %x\n";
    let case =
        Case::ini("ini = exec://cat %n.txt\nini = :app").file("t.txt", text).file("e.txt", "uwsgi:\n  print: yes\n");
    let ran = case.run("t.ini");
    assert_eq!(ran.printed, ["t exec://cat t.txt", "app"]);
    assert_eq!(ran.config.files.len(), 1);
    let loaded = case.load_words(&["--ini", "exec://cat t.txt:app"]);
    assert!(matches!(loaded, Ok(crate::Loaded::Run { printed, .. }) if printed == ["app"]));
    let file = std::fs::File::open(case.path().join("e.txt")).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    assert_eq!(case.run(&format!("--yaml fd://{number}")).printed, ["yes"]);
    for (words, said) in [
        (["--ini", "exec://exit 3"], "exec://exit 3: exit status: 3"),
        (["--ini", "fd://x"], "write the number of a descriptor"),
        (["--ini", "sym://x"], "nothing is attached to this program"),
    ] {
        let error = case.load_words(&words).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn includes_are_read_in_place_and_inherited_files_last() {
    let case = Case::ini("inherit = base.ini\ninclude = more.ini\nprocesses = 3\nprint = %(z)")
        .file("base.ini", "[uwsgi]\nprocesses = 5\nz = last\nchdir = /base")
        .file("more.ini", "[uwsgi]\nprocesses = 4\nthreads = 2");
    let ran = case.run("t.ini");
    assert_eq!(ran.values("processes"), ["4", "3", "5"]);
    assert_eq!(ran.config.workers.processes, 5);
    // uWSGI does not see the placeholder of an inherited file.
    assert_eq!(ran.printed, ["last"]);
    let names: Vec<_> = ran.config.files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["t.ini", "more.ini", "base.ini"]);
}

#[test]
fn placeholders_find_the_first_value_wherever_it_stands() {
    let ran = run("print = %(p) %(undefined) %(p + 3) %(p p)\np = 5\np = 6");
    assert_eq!(ran.printed, ["5 %(undefined) 8 55"]);
}

#[test]
fn placeholders_may_be_options() {
    let ran = run("threads = 2\nprocesses = %(threads)\nset = a=%(processes)\nset-ph = b=%(a)\nprint = %(b)");
    assert_eq!(ran.config.workers.processes, 2);
    assert_eq!(ran.printed, ["2"]);
}

#[test]
fn environment_and_files_are_put_in() {
    let case = Case::ini(
        "set = home=$(APP_HOME)\nset-ph = ph=$(APP_HOME)\nlisten = $(N)\nprint = %(home) %(ph) $(NOPE) @(secret)",
    )
    .file("secret", "s3cret\n")
    .env("APP_HOME", "/srv/app")
    .env("N", "12");
    let ran = case.run("t.ini");
    // Under uWSGI set-ph and listen keep the text as it is.
    assert_eq!(ran.printed, ["/srv/app /srv/app $(NOPE) s3cret"]);
    assert_eq!(ran.config.limits.listen, 12);
}

#[test]
fn a_command_runs_once() {
    let case = Case::ini("a = @(exec://echo x >> ran; cat ran)\nprint = %(a)%(a)\nset = b=%(a)\ninclude = @(exec://echo y >> ran; echo more.ini)")
        .file("more.ini", "[uwsgi]\n");
    assert_eq!(case.run("t.ini").printed, ["y\nxy\nx"]);
    assert_eq!(std::fs::read_to_string(case.path().join("ran")).unwrap(), "y\nx\n");
}

#[test]
fn a_file_that_inherits_itself_ends() {
    assert!(Case::ini("inherit = t.ini").said("t.ini").contains("files load each other"));
}

#[test]
fn options_that_act_at_once_see_what_stands_above() {
    let case =
        Case::ini("base = more\ninclude = %(base).ini\nfor = %(list)\nprint = never\nendfor\nplugins-dir = $(DIR)")
            .file("more.ini", "[uwsgi]\nlist = x y")
            .env("DIR", "/plugins");
    let ran = case.run("t.ini");
    assert_eq!(ran.printed, ["never", "never"]);
    assert_eq!(ran.config.plugins.dirs, [std::path::Path::new("/plugins")]);
}

#[test]
fn magic_variables_are_replaced_in_files_only() {
    let case = Case::with("conf/a.b/t.ini", "[uwsgi]\nprint = %n %s %e %c %k %h %%\nfoo-%n = 1\nprint = %(foo-t)");
    let ran = case.run("conf/a.b/t.ini");
    assert_eq!(ran.printed, ["t t.ini ini a.b 2 web1 %", "1"]);
    assert_eq!(Case::ini("print = %x x %x").run("t.ini").printed, ["x"]);
    assert_eq!(Case::new().run("--print %n").printed, ["%n"]);
}

#[test]
fn loops_repeat_line_by_line() {
    let case =
        Case::ini("for = a b\nenv = X%(_)=1\nprint = %(_)%(_)\nendfor =\nfor-times = 3\nprint = n%(_)\nend-for\n")
            .file("lines", "one\n\n two \nthree");
    assert_eq!(case.run("t.ini").printed, ["aa", "bb", "n1", "n2", "n3"]);
    let lines = case.file("u.ini", "[uwsgi]\nfor-readline = lines\nprint = [%(_)]\nendfor\n");
    assert_eq!(lines.run("u.ini").printed, ["[one]", "[]", "[ two ]", "[three]"]);
}

#[test]
fn a_file_that_is_not_there_has_no_lines() {
    let ran = run("for-readline = nofile\nprint = %(_)\nendfor\nprint = end");
    assert_eq!((ran.printed, ran.warnings.len()), (vec!["end".to_owned()], 1));
}

#[test]
fn loops_over_paths_give_them_as_written() {
    let case =
        Case::ini("for-glob = conf.d/*.ini\nprint = %(_)\nendfor").file("conf.d/b.ini", "").file("conf.d/a.ini", "");
    assert_eq!(case.run("t.ini").printed, ["conf.d/a.ini", "conf.d/b.ini"]);
}

#[test]
fn conditions_take_or_skip_lines() {
    let case = Case::new().file("there", "").env("BEAT", "5s").env("EMPTY", "");
    for (condition, printed) in [
        ("if-env = BEAT", Some("5s")),
        ("if-env = BEAT=5s", Some("5s")),
        ("if-env = BEAT=6s", None),
        ("ifenv = NOPE", None),
        ("if-env = EMPTY", Some("")),
        ("if-not-env = NOPE", Some("NOPE")),
        ("if-not-env = BEAT", None),
        ("if-opt = threads=2", Some("2")),
        ("if-opt = threads", Some("2")),
        ("if-opt = processes", None),
        ("if-not-opt = processes", Some("processes")),
        ("if-exists = there", Some("there")),
        ("ifexists = nowhere", None),
        ("if-file = there", Some("there")),
        ("if-dir = there", None),
        ("if-not-dir = there", Some("there")),
        ("if-hostname = web1", Some("web1")),
        ("if-not-hostname = web1", None),
        ("if-plugin = python", Some("python")),
        ("if-plugin = php", None),
        ("if-reload =", None),
    ] {
        let text = format!("[uwsgi]\nthreads = 2\n{condition}\nprint = %(_)\nendif =\nprint = end");
        std::fs::write(case.path().join("t.ini"), text).unwrap();
        let expected: Vec<_> = printed.into_iter().chain(["end"]).collect();
        assert_eq!(case.run("t.ini").printed, expected, "{condition}");
    }
}

#[test]
fn end_ends_a_block_and_is_a_word_elsewhere() {
    let ran = run("strict = true\nif-env = NOPE\nprint = no\nend =\nfor = a b\nprint = %(_)\nend\nprint = c");
    assert_eq!(ran.printed, ["a", "b", "c"]);
    ran.quiet();
    assert_eq!(run("end = 5\nprint = %(end)").printed, ["5"]);
}

#[test]
fn what_a_condition_asks_for_is_no_unknown_option() {
    run("flavour = red\nif-opt = flavour=red\nthreads = 2\nendif").quiet();
}

#[test]
fn a_block_ends_with_its_file() {
    // Under uWSGI it goes on in the next one.
    let case = Case::ini("if-env = NOPE\nprint = skipped").file("u.ini", "[uwsgi]\nprint = taken\n");
    let ran = case.run("t.ini u.ini");
    assert_eq!(ran.printed, ["taken"]);
    assert_eq!(ran.warnings.len(), 1);
}

#[test]
fn strict_counts_from_where_it_stands() {
    run("unheard-of = 1\nstrict = true\nthreads = 2");
    assert!(Case::ini("strict = true\nunheard-of = 1").load("t.ini").is_err());
    assert!(Case::ini("strict = true\nset = mine=1\nprint = %(mine)").load("t.ini").is_ok());
    assert!(Case::ini("unheard-of = 1").load("--strict t.ini").is_err());
}

#[test]
fn show_config_repeats_the_options_in_order() {
    let ran = Case::ini("master\nprocesses = %(n)\nset = n=4\n").run("t.ini --show-config");
    assert!(ran.config.show_config);
    assert_eq!(
        crate::show_config(&ran.config),
        "\n;uWSGI instance configuration\n[uwsgi]\nshow-config = true\nmaster = true\nprocesses = 4\nset = n=4\nn = 4\n\
         ;end of configuration\n\n"
    );
}
