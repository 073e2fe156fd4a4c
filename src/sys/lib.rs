//! Safe doors to the system calls rsgi needs; together with the plugin border the only home of `unsafe`.

pub mod fdpass;
pub mod shm;
