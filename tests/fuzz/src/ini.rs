//! ini files: whatever is in one, it is read or refused with messages that can be shown. One that is read keeps its order, and
//! comments are none of it.

pub(crate) fn run(input: &[u8]) {
    let Some(config) = crate::config::file("t.ini", input) else { return };
    // A line more that means nothing changes nothing.
    let commented = [b"; comment\n# comment\n\n", input].concat();
    let again = crate::config::file("t.ini", &commented).expect("it was good without comments");
    assert_eq!(config.options, again.options);
}
