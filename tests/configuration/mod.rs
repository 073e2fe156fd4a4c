//! Where options come from: one file a kind of source, and what is told about them.

mod ini;
mod styles;
