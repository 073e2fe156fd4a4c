//! One configuration file, read by both.

use std::collections::BTreeMap;

use super::both;
use crate::support::Server;

/// The variables `T…` that each server's application sees after reading `lines`.
#[track_caller]
fn agree(lines: &str) {
    let servers = both(|kind| {
        Server::of(kind, "--set-ph given=word")
            .env("LAB_COLOUR", "red")
            .file("note", "first\nsecond\n")
            .ini(&format!("http-socket = {{ip}}:3031\nwsgi-file = {{apps}}/probe.py\n{lines}"))
    });
    let [theirs, ours] = servers.each_ref().map(|server| {
        let process = server.get(3031, "/process").expect(200).json();
        let all = process["environment"].as_object().expect("an object").clone();
        let of_test =
            all.into_iter().filter(|(key, _)| key.starts_with('T') && key.len() > 1 && key != "TZ" && key != "TERM");
        let dir = server.dir().display().to_string();
        let ip = server.ip.to_string();
        let plain = |value: String| value.replace(&dir, "[dir]").replace(&ip, "[ip]");
        of_test
            .map(|(key, value)| (key, plain(value.as_str().unwrap_or_default().to_owned())))
            .collect::<BTreeMap<_, _>>()
    });
    assert!(!theirs.is_empty(), "the case sets nothing");
    assert_eq!(ours, theirs, "{lines}");
}

#[test]
fn placeholders_and_arithmetic() {
    agree(
        "a = 1\nb = %(a)2\nenv = T1=%(b)\nenv = T2=%(given)\nenv = T3=%(missing)\nn = 4\nenv = T4=%(n + 3)\nenv = T5=%(n * 3)\n\
         env = T6=%(n - 1)\nenv = T7=%(n / 2)\nenv = T8=%(http-socket)\nenv = T9=%(later)\nlater = x\nenv = T10=%(n ++)",
    );
}

#[test]
fn magic_variables() {
    agree(
        "env = T1=%p\nenv = T2=%d\nenv = T3=%s\nenv = T4=%n\nenv = T5=%e\nenv = T6=%o\nenv = T8=%x\nenv = T9=%0\n\
         env = TA=%v\nenv = TB=%h\nenv = TC=%k\nenv = TD=%u\nenv = TE=%U\nenv = TF=%g\nenv = TG=%G\nenv = TI=50%%\nenv = TJ=%z|",
    );
}

#[test]
fn files_and_environment() {
    agree("env = T1=$(LAB_COLOUR)\nenv = T2=$(LAB_NOTHING)\nenv = T3=@({dir}/note)\nx = $(LAB_COLOUR)\nenv = T4=%(x)");
}

#[test]
fn logic() {
    agree(
        "for = a b c\nenv = T_%(_)=%(_)\nendfor =\nfor-times = 3\nenv = TT%(_)=x\nendfor =\nfor-glob = {dir}/no*\nenv = TG=%(_)\nendfor =\n\
         for-readline = {dir}/note\nenv = TR_%(_)=1\nendfor =\nif-env = LAB_COLOUR=red\nenv = TE=equal\nendif =\n\
         if-env = LAB_COLOUR=blue\nenv = TF=unequal\nendif =\nif-not-opt = processes\nenv = TO=none\nendif =\n\
         if-dir = {dir}\nenv = TD=%(_)\nendif =",
    );
}

#[test]
fn options_of_ones_own() {
    agree(
        "declare-option = one=env=TA=$1;env=TB=$2 and $1\ndeclare-option = two=env=TC=fixed\none = first second\ntwo = x\n\
         env = TD=%(one)",
    );
}

#[test]
fn the_shape_of_lines() {
    agree(
        "  env   =   T1=blanks around   \nenv = T2=a = b = c\nenv=T3=tight\n; env = T4=no\n# env = T5=no\nenv = T6=with ; semicolon\nenv = T7=\"quoted\"\nenv = T8=\\backslash",
    );
}

#[test]
fn a_section_that_comes_twice() {
    agree("env = T1=first\n[other]\nenv = T2=other\n[uwsgi]\nenv = T3=third");
}
