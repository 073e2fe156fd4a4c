//! Safe doors to the system calls rsgi needs; together with the plugin border the only home of `unsafe`.

pub mod backlog;
pub mod byte_locks;
pub mod date;
pub mod entry;
pub mod fdpass;
pub mod file;
pub mod fork;
pub mod inherit;
pub mod memfd;
pub mod net;
pub mod owner;
pub mod reactor;
pub mod schedule;
pub mod seccomp;
pub mod shm;
pub mod signal;
pub mod socket;
pub mod thread;
pub mod title;
