//! `rsgi config`: values and where they came from.

use insta::assert_snapshot;

use super::Case;

fn shop() -> Case {
    let ini = "[uwsgi]\nproject = shop\nbase = /srv/%(project)\nhttp-socket = :3031\nhttp-socket = :3032\nprocesses = 2\n\
               module = %(project).wsgi\nini = common.ini\nthreads = 3\nvacuum = true\nthunder-lock = true\npy-autoreload = 2\n\
               chdir = %(base)\nenv = A=1\nenv = B=2\n";
    let common = "[uwsgi]\nprocesses = 8\nharakiri = 30\nneed-app = false\n";
    Case::with("shop.ini", ini).file("common.ini", common).env("UWSGI_HARAKIRI", "60").env("RSGI_LISTEN", "50")
}

#[test]
fn where_values_came_from() {
    assert_snapshot!(shop().said("config shop.ini --threads 4"));
}

#[test]
fn for_programs() {
    let said = shop().said("config --json shop.ini");
    let all: serde_json::Value = serde_json::from_str(&said).unwrap();
    let find = |name: &str| all.as_array().unwrap().iter().find(|one| one["option"] == name).unwrap();
    let lines: Vec<_> = ["processes", "harakiri", "listen", "http-socket", "enable-threads", "buffer-size", "project"]
        .map(|name| find(name).to_string())
        .into();
    assert_snapshot!(lines.join("\n"));
    // Behind the files the word can only be meant for us.
    assert_eq!(shop().said("config shop.ini --json"), said);
}

#[test]
fn all_of_them() {
    let said = shop().said("config --all shop.ini");
    assert!(said.lines().any(|line| line.starts_with("max-requests = off ") && line.ends_with("  default")), "{said}");
    assert!(!said.contains("rsgi config --all"));
}

#[test]
fn what_is_wrong_is_told_as_at_the_start() {
    assert_snapshot!(Case::ini("processes = four\n").said("config t.ini"));
    assert_snapshot!(Case::new().said("config"), @"write rsgi config [--json | --all] [OPTION]… [FILE]…");
}

#[test]
fn tools_get_their_words() {
    assert_snapshot!(Case::new().said("top --pid 7"), @r#"Top ["--pid", "7"]"#);
    assert_snapshot!(Case::new().said("stats"), @"Stats []");
}
