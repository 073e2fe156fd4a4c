//! Finds nothing, needs nothing, until the embedded plugin is built in.

fn main() {}
