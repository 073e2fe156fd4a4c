//! Input that nobody would write: it may be refused, it may not panic, hang or fill the memory.

use super::Case;

/// Text made of pieces that mean something, put together by chance (xorshift, so that a failure comes again).
fn chance(seed: u64, pieces: &[&str], count: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| pieces[(next() % pieces.len() as u64) as usize]).collect()
}

const PIECES: [&str; 48] = [
    "\n",
    "\n",
    "\n",
    "=",
    " = ",
    " ",
    "\t",
    "[uwsgi]",
    "[",
    "]",
    ";",
    "#",
    "%",
    "%(",
    "$(",
    "@(",
    ")",
    "((",
    "a",
    "b",
    "%(a)",
    "%(b)",
    "a = %(b)",
    "b = %(a)",
    "processes",
    "http",
    "for",
    "endfor",
    "if-env",
    "endif",
    "set",
    "a=b",
    ":",
    "::",
    "'",
    "\"",
    "%n",
    "%z",
    "-1",
    "999999999999999999999",
    "é",
    "\u{0}",
    "\r",
    "{",
    "}",
    "- ",
    "<uwsgi>",
    "</",
];

#[test]
fn files_by_chance_do_no_harm() {
    let case = Case::new().env("HOME", "/root");
    for (number, name) in ["t.ini", "t.yaml", "t.json", "t.xml", "t.toml"].into_iter().enumerate() {
        for seed in 0..200 {
            let text = chance(seed + 1000 * number as u64, &PIECES, 60);
            let head = ["[uwsgi]\n", "uwsgi:\n  ", "{\"uwsgi\": {", "<uwsgi>", "[uwsgi]\n"][number];
            std::fs::write(case.path().join(name), format!("{head}{text}")).unwrap();
            let _ = case.said(name);
        }
    }
}

#[test]
fn words_by_chance_do_no_harm() {
    let pieces = [
        "-",
        "--",
        "p",
        "M",
        "processes",
        "=",
        " ",
        " ",
        "4",
        "http",
        ":",
        "9090",
        "é",
        "-s",
        "=0",
        "%(a)",
        "t.ini",
        "[x]",
    ];
    let case = Case::new();
    for seed in 0..2000 {
        let _ = case.said(&chance(seed, &pieces, 12));
    }
}

#[test]
fn texts_that_double_are_bounded() {
    let mut text = String::from("a0 = xxxxxxxxxxxxxxxx\n");
    for number in 1..60 {
        text += &format!("a{number} = %(a{})%(a{})\n", number - 1, number - 1);
    }
    let said = Case::ini(&text).said("t.ini");
    assert!(said.contains("too many replacements") || said.contains("longer than"), "{}", &said[..200]);
}

#[test]
fn loops_that_feed_themselves_are_bounded() {
    let text = "for-times = 100000\nset = a%(_)=1\nset = b%(_)=1\nendfor\n";
    assert!(Case::ini(text).said("t.ini").contains("more than 100000 options"));
    let text = "for-times = 50000\nini = :uwsgi\nendfor\n";
    assert!(Case::ini(text).said("t.ini").contains("files load each other"));
    let rounds = |section: &str| format!("for-times = 1000\nini = :{section}\nendfor =\n");
    let text = format!("{}[a]\n{}[b]\n", rounds("a"), rounds("b"));
    assert!(Case::ini(&text).said("t.ini").contains("more than 2000 files"));
    // What is put behind each of them counts too.
    let text = "for-times = 70\ninject-after = lines.ini\nini = :more\nendfor =\n[more]\nset = c=d\n";
    let case = Case::ini(text).file("lines.ini", "set = a=b\n");
    assert!(case.said("t.ini").contains("more than 2000 files"));
}

#[test]
fn deep_nesting_is_no_trouble() {
    let case = Case::with("t.json", &format!("{{\"uwsgi\": {{\"env\": {}", "[".repeat(100_000)))
        .file("t.ini", &format!("[uwsgi]\nchdir = {}x{}\n", "%(".repeat(5_000), ")".repeat(5_000)))
        .file("t.xml", &"<uwsgi>".repeat(5_000));
    for name in ["t.json", "t.ini", "t.xml"] {
        let _ = case.said(name);
    }
}

#[test]
fn a_strangers_configuration_runs_nothing_and_reads_nothing_elsewhere() {
    let case = Case::new().file("home/beside", "b\n").file("secret", "s3cret\n");
    std::os::unix::fs::symlink("../secret", case.path().join("home/link")).unwrap();
    let home = case.path().join("home");
    let load = |lines: &str| {
        std::fs::write(home.join("t.ini"), format!("[uwsgi]\n{lines}\n")).unwrap();
        crate::load_confined(["t.ini".into()], [], &home)
    };
    let value = |lines: &str| match load(lines) {
        Ok(crate::Loaded::Run { config, .. }) => Some(config.options.last().unwrap().1.clone()),
        _ => None,
    };
    assert_eq!(value("env = @(beside)").as_deref(), Some("b"));
    assert_eq!(value("for-readline = beside\nprint = %(_)\nendfor ="), Some(String::new()));
    assert_eq!(value("for-glob = .?/*\nenv = %(_)").as_deref(), Some(".?/*"));
    let secret = case.path().join("secret");
    let ran = case.path().join("ran");
    for lines in [
        "env = @(../secret)",
        "env = @(link)",
        &format!("env = @({})", secret.display()),
        &format!("env = @(file://{})", secret.display()),
        &format!("env = @(exec://touch {})", ran.display()),
        "env = @(-)",
        "env = @(fd://0)",
        "ini = ../secret",
        "ini = -",
        "ini = fd://0",
        &format!("ini = exec://touch {}", ran.display()),
        "for-readline = ../secret",
        "for-glob = ../*",
        "for-glob = /etc/*",
    ] {
        assert!(load(lines).is_err(), "{lines}");
    }
    assert!(!ran.exists(), "a command ran");
}

#[test]
fn names_of_files_and_variables_steer_no_terminal() {
    let case = Case::with("t.ini", "[uwsgi]\nini = \u{1b}[2J.ini\n").file("\u{1b}[2J.ini", "[uwsgi]\nxyzzy = 1\n");
    let case = case.env("UWSGI_\u{1b}[2J", "1");
    let said = case.said("t.ini");
    assert!(said.matches("\u{fffd}[2J").count() >= 2 && said.chars().all(|c| !c.is_control() || c == '\n'), "{said:?}");
}
