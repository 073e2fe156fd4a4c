//! The quickstart's three `openssl` commands, and `curl` for what they make.

use std::path::Path;
use std::process::{Command, Output};

/// Runs a program in `folder`, its arguments split at blanks.
pub(crate) fn run(folder: &Path, program: &str, arguments: &str) -> Output {
    let output = Command::new(program).args(arguments.split_whitespace()).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Runs `openssl`, which must succeed.
#[track_caller]
pub(crate) fn openssl(folder: &Path, arguments: &str) {
    let output = run(folder, "openssl", arguments);
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The three commands, with an answer to the name that the second asks for: `foobar.key` and `foobar.crt`.
#[track_caller]
pub(crate) fn make_certificate(folder: &Path) {
    openssl(folder, "genrsa -out foobar.key 2048");
    openssl(folder, "req -new -key foobar.key -out foobar.csr -subj /CN=localhost");
    openssl(folder, "x509 -req -days 365 -in foobar.csr -signkey foobar.key -out foobar.crt");
}

/// What `curl` prints, whoever signed the certificate.
#[track_caller]
pub(crate) fn curl(folder: &Path, arguments: &str) -> String {
    let output = run(folder, "curl", &format!("-sSk --max-time 20 {arguments}"));
    assert!(output.status.success(), "curl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
