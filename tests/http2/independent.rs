//! python-h2 as a client that behaves. It refuses whatever the router should not say.

use std::process::Command;

use super::start;
use crate::support::lab::{LAB, root};

#[test]
fn python_h2_finds_nothing_wrong() {
    let server = start("");
    let output = Command::new(LAB.venv.join("bin/python"))
        .arg(root().join("tests/http2/peer.py"))
        .args(["manners", &server.address(9090).to_string()])
        .output()
        .expect("python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(text, @r"
    get answer 200 5
    head answer 200 0
    post answer 200 2
    a large body answer 200 7
    a large answer answer 200 16777216
    no table answer 200 5
    a table again answer 200 5
    small windows answer 200 200000
    large frames answer 200 200000
    a ping answer 200 5
    many at once 1
    behind a reset answer 200 5
    the end
    ");
}
