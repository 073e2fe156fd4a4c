//! Memory that all processes of an instance share.

pub mod codes;
pub mod core_slot;
pub mod histogram;
pub mod meters;
pub mod scoreboard;
pub mod signals;
pub mod variables;
mod words;
