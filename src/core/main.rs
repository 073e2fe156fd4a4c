//! rsgi.

fn main() {}
