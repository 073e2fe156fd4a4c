//! YAML files: whatever is in one, it is read or refused with messages that can be shown.

pub(crate) fn run(input: &[u8]) {
    crate::config::file("t.yaml", input);
}
