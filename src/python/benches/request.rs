//! Measures the Python side of a request.

fn main() {}
