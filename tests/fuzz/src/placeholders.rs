//! One value with placeholders, magic variables, environment and files in it. What refers to nothing stays as it is; nothing grows beyond
//! all bounds; and what came out is not looked at again.

/// Placeholders of all kinds, and then the value.
const BEFORE: &str = "[uwsgi]\nset-placeholder = p=5\nset-placeholder = a=%(p)\nset-placeholder = q=%(r)\nset-placeholder = r=x%(q)\n\
    set-placeholder = big=%(p)%(p)%(a)\nset-placeholder = 5=five\nset-placeholder = v=";

/// Longest value that expansion may make.
const LONGEST: usize = 1 << 20;

pub(crate) fn run(input: &[u8]) {
    if input.contains(&b'\n') {
        return;
    }
    let Some(config) = crate::config::file("t.ini", &[BEFORE.as_bytes(), input].concat()) else { return };
    let value = config.options.iter().rev().find(|(key, _)| key == "v").map(|(_, value)| value.as_str());
    let value = value.expect("it was set");
    assert!(value.len() <= LONGEST);
    let text = std::str::from_utf8(input).expect("it was read");
    if !text.contains(['$', '@', '%']) {
        assert_eq!(value, text.trim());
    }
}
