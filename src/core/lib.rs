//! The language-free core of rsgi: everything behind `main`.
//!
//! * [`startup`] → [`master`]: one process that binds, supervises and reloads; [`role`] and [`process`]: how it starts others.
//! * [`zygote`] loads the language through [`plugins`] and forks every [`worker`] and what runs [`aside`] of them; the [`router`] faces HTTP clients.
//! * [`control_socket`]: what operators' tools ask a running master.
//! * [`tools`]: what operators run beside an instance.
//! * They meet through [`control`] (orders and reports), [`memory`] (the scoreboard) and [`logging`]; [`stats`] tells
//!   about them.
#![forbid(unsafe_code)]

pub mod aside;
pub mod confine;
pub mod control;
pub mod control_socket;
pub mod emperor;
pub mod ending;
pub mod exit;
pub mod harakiri;
pub mod health;
pub mod hooks;
pub mod identity;
pub mod locks;
pub mod logging;
pub mod master;
pub mod memory;
pub mod metrics;
mod neighbours;
pub mod passing;
pub mod plugins;
pub mod privileges;
pub mod process;
pub mod program;
mod rate;
pub mod role;
pub mod router;
pub mod signals;
pub mod startup;
pub mod statics;
pub mod stats;
pub mod tell;
mod threads;
pub mod tls;
pub mod tools;
pub mod trace;
pub mod worker;
pub mod zygote;
