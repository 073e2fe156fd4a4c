//! Typed views of memory that all processes of an instance share.

pub mod scoreboard;
