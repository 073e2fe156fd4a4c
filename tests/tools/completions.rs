//! The completions, by really completing in bash, and the manual page in man.

use std::path::Path;
use std::process::Command;

use super::printed;

/// What bash offers for the last of these words, in a folder.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let script = format!(
        "eval \"$({} completions bash)\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
         compopt() {{ :; }}; shopt -s extglob; _rsgi; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        env!("CARGO_BIN_EXE_rsgi")
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script, "bash", "rsgi"]).args(words).current_dir(folder);
    let output = command.output().expect("bash");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["shop.ini", "shop.py", "live.yaml"] {
        std::fs::write(folder.path().join(name), "").expect("a file");
    }
    std::fs::create_dir(folder.path().join("sites")).expect("a folder");
    let offered = |words: &[&str]| offered(folder.path(), words);
    assert_eq!(offered(&["--harakiri-v"]), ["--harakiri-verbose"]);
    assert_eq!(offered(&["sh"]), ["shop.ini"]);
    assert_eq!(offered(&["s"]), ["stats", "sites", "shop.ini"]);
    assert_eq!(offered(&["explain", "harakiri-v"]), ["harakiri-verbose"]);
    assert_eq!(offered(&["completions", ""]), ["bash", "zsh", "fish"]);
    assert_eq!(offered(&["--wsgi-file", "shop.p"]), ["shop.py"]);
    assert_eq!(offered(&["--chdir", ""]), ["sites"]);
    assert_eq!(offered(&["--processes", ""]), Vec::<String>::new());
    assert_eq!(offered(&["stats", "--"]), ["--json", "--pid"]);
    assert_eq!(offered(&["check", "l"]), ["live.yaml"]);
}

#[test]
fn the_files_are_what_is_printed() {
    for (words, file) in [
        (&["completions", "bash"][..], "rsgi.bash"),
        (&["completions", "zsh"], "_rsgi"),
        (&["completions", "fish"], "rsgi.fish"),
        (&["man"], "rsgi.1"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/generated").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == printed(words), "{} is out of date: run cargo dev generate", path.display());
    }
}
