//! Cargo wants a library or a program in every package; the tests are all of this one.
