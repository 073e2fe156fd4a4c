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

/// What vassals do first: the emperor gives it to them as another option.
macro_rules! of_vassal {
    ($name:literal, $theirs:literal, $unit:literal, $example:literal, $doc:literal) => {
        Opt {
            name: $name,
            group: Group::Hooks,
            unit: $unit,
            default: "none",
            field: "/emperor/vassal_hooks",
            example: concat!($name, " = ", $example),
            doc: $doc,
            act: Act::Set(|d, v| {
                // A mistake is found here, not in each vassal.
                if $theirs.starts_with("hook") {
                    Hook::read(Phase::Asap, v)?;
                }
                d.config.emperor.vassal_hooks.push(($theirs.into(), v.word()?));
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
    hook!("hook-emperor-start", EmperorStart, "when an emperor begins its work"),
    hook!("hook-emperor-stop", EmperorStop, "when an emperor ends"),
    hook!("hook-emperor-reload", EmperorReload, "when an emperor is told to reload its vassals"),
    hook!("hook-emperor-lost", EmperorLost, "in a vassal whose emperor is gone"),
    hook!("hook-as-emperor", AsEmperor, "in an emperor before it starts a vassal"),
    of_vassal!(
        "hook-as-vassal",
        "hook-asap",
        "ACTION:ARGUMENT",
        "print:here",
        "Does something in each vassal when it starts, in the words of the other hooks."
    ),
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
        name: "exec-as-emperor",
        group: Group::Hooks,
        unit: "command",
        default: "none",
        field: "/hooks",
        example: "exec-as-emperor = echo $UWSGI_VASSAL_CONFIG",
        doc: "Runs a shell command in an emperor that has started a vassal.\n\nIts environment tells of the vassal: `UWSGI_VASSAL_CONFIG`, `UWSGI_VASSAL_PID`, `UWSGI_VASSAL_UID`, `UWSGI_VASSAL_GID`.",
        act: Act::Set(|d, v| {
            d.config.hooks.push(Hook::exec(Phase::AsEmperor, v)?);
            Ok(())
        }),
        ..OPT
    },
    of_vassal!(
        "exec-as-vassal",
        "exec-asap",
        "command",
        "echo here",
        "Runs a shell command in each vassal when it starts; it must succeed."
    ),
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
