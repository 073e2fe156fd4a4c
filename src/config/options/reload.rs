//! Options about reloading.

use crate::option::{Act, AppValue, Arg, Group, OPT, Opt};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "touch-reload",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch",
        example: "touch-reload = /srv/shop/reload",
        built: false,
        implies_master: true,
        doc: "Reloads the instance when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-workers-reload",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch_workers",
        example: "touch-workers-reload = /srv/shop/reload",
        built: false,
        implies_master: true,
        doc: "Reloads the workers when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_workers.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-chain-reload",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch_chain",
        example: "touch-chain-reload = /srv/shop/reload",
        built: false,
        implies_master: true,
        doc: "Reloads one worker after the other when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_chain.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-logrotate",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch_logrotate",
        example: "touch-logrotate = /srv/shop/rotate",
        built: false,
        implies_master: true,
        doc: "Rotates the log when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_logrotate.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-logreopen",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch_logreopen",
        example: "touch-logreopen = /srv/shop/reopen",
        built: false,
        implies_master: true,
        doc: "Opens the log anew when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_logreopen.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-exception",
        arg: Arg::None,
        group: Group::Reload,
        example: "reload-on-exception = true",
        doc: "Replaces a worker whose application raised.",
        act: Act::App(AppValue::Switch),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-type",
        group: Group::Reload,
        unit: "class",
        example: "reload-on-exception-type = MemoryError",
        doc: "Replaces a worker whose application raised this class.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-value",
        group: Group::Reload,
        unit: "text",
        example: "reload-on-exception-value = connection lost",
        doc: "Replaces a worker whose application raised an exception with this text.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-repr",
        group: Group::Reload,
        unit: "text",
        example: "reload-on-exception-repr = MemoryError()",
        doc: "Replaces a worker whose application raised an exception with this representation.",
        act: Act::App(AppValue::Text),
        ..OPT
    },
];
