//! Options about what is done at the phases of an instance's life.

use crate::hooks::{Hook, HookAct, Phase};
use crate::option::{Act, Group, OPT, Opt};
use crate::value::Fault;

/// A hook: an action in the words of uWSGI.
macro_rules! hook {
    ($name:literal, $phase:ident, $when:literal) => {
        Opt {
            name: $name,
            group: Group::Hooks,
            unit: "ACTION:ARGUMENT",
            default: "none",
            field: "/hooks",
            example: concat!($name, " = print:here"),
            doc: concat!("Does something ", $when, ".\n\nActions: `exec:COMMAND`, `print:TEXT`, `write:FILE TEXT`, `create:FILE`, `unlink:FILE`, `mkdir:DIRECTORY`, `chmod:FILE MODE`, `chown:FILE USER GROUP`, `cd:DIRECTORY`, `hostname:NAME`, `exit[:CODE]`."),
            act: Act::Set(|d, v| {
                d.config.hooks.push(Hook::read(Phase::$phase, v)?);
                Ok(())
            }),
            ..OPT
        }
    };
}

/// A shell command at the same phases.
macro_rules! exec {
    ($name:literal, $phase:ident, $when:literal) => {
        Opt {
            name: $name,
            group: Group::Hooks,
            unit: "command",
            default: "none",
            field: "/hooks",
            example: concat!($name, " = echo here"),
            doc: concat!("Runs a shell command ", $when, "; it must succeed."),
            act: Act::Set(|d, v| {
                d.config.hooks.push(Hook::exec(Phase::$phase, v)?);
                Ok(())
            }),
            ..OPT
        }
    };
}

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    hook!("hook-asap", Asap, "right after the configuration was read"),
    hook!("hook-pre-jail", PreJail, "before the root directory changes"),
    hook!("hook-post-jail", PostJail, "after the root directory has changed"),
    hook!("hook-in-jail", InJail, "inside the root directory, before sockets are bound"),
    hook!("hook-as-root", AsRoot, "before rights are given up"),
    hook!("hook-as-user", AsUser, "after rights were given up"),
    hook!("hook-as-user-atexit", AtExit, "at the end of the instance"),
    hook!("hook-pre-app", PreApp, "before the application is loaded"),
    hook!("hook-post-app", PostApp, "after the application was loaded"),
    hook!("hook-post-fork", PostFork, "in each process that is forked"),
    hook!("hook-accepting", Accepting, "in each worker before it accepts"),
    hook!("hook-accepting1", Accepting1, "in the first worker before it accepts"),
    hook!("hook-accepting-once", AcceptingOnce, "in each worker before it accepts, but not in those that replace it"),
    hook!(
        "hook-accepting1-once",
        Accepting1Once,
        "in the first worker before it accepts, but not in those that replace it"
    ),
    hook!("hook-master-start", MasterStart, "when the master begins its work"),
    hook!("hook-as-mule", AsMule, "in each mule"),
    hook!("hook-as-gateway", AsGateway, "in each router"),
    exec!("exec-asap", Asap, "right after the configuration was read"),
    exec!("exec-pre-jail", PreJail, "before the root directory changes"),
    exec!("exec-post-jail", PostJail, "after the root directory has changed"),
    exec!("exec-in-jail", InJail, "inside the root directory, before sockets are bound"),
    exec!("exec-as-root", AsRoot, "before rights are given up"),
    exec!("exec-as-user", AsUser, "after rights were given up"),
    exec!("exec-as-user-atexit", AtExit, "at the end of the instance"),
    exec!("exec-pre-app", PreApp, "before the application is loaded"),
    exec!("exec-post-app", PostApp, "after the application was loaded"),
    Opt {
        name: "hook-touch",
        group: Group::Hooks,
        unit: "FILE ACTION:ARGUMENT",
        default: "none",
        field: "/reload/touch_hook",
        example: "hook-touch = /srv/shop/say print:touched",
        implies_master: true,
        doc: "Does something when a file is touched, in the words of the other hooks.",
        act: Act::Set(|d, v| {
            let text = v.word()?;
            let help = || Fault::new("expected a file and an action", "write FILE ACTION:ARGUMENT");
            let (file, action) = text.split_once(' ').ok_or_else(help)?;
            d.config.reload.touch_hook.push((file.into(), HookAct::read(action.trim_start())?));
            Ok(())
        }),
        ..OPT
    },
];
