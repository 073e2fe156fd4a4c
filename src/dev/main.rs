//! cargo dev.

fn main() {}
