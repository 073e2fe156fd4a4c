//! Memory that all processes of an instance share.

pub mod core_slot;
pub mod scoreboard;
pub mod variables;
mod words;
