//! Options about reloading.

use crate::option::{Act, Arg, Group, OPT, Opt};

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
        default: "off",
        field: "/reload/on_exception",
        example: "reload-on-exception = true",
        built: false,
        doc: "Replaces a worker whose application raised.",
        act: Act::Set(|d, v| {
            d.config.reload.on_exception = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-type",
        group: Group::Reload,
        unit: "class",
        default: "none",
        field: "/reload/on_exception_type",
        example: "reload-on-exception-type = MemoryError",
        built: false,
        doc: "Replaces a worker whose application raised this class.",
        act: Act::Set(|d, v| {
            d.config.reload.on_exception_type.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-value",
        group: Group::Reload,
        unit: "text",
        default: "none",
        field: "/reload/on_exception_value",
        example: "reload-on-exception-value = connection lost",
        built: false,
        doc: "Replaces a worker whose application raised an exception with this text.",
        act: Act::Set(|d, v| {
            d.config.reload.on_exception_value.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-on-exception-repr",
        group: Group::Reload,
        unit: "text",
        default: "none",
        field: "/reload/on_exception_repr",
        example: "reload-on-exception-repr = MemoryError()",
        built: false,
        doc: "Replaces a worker whose application raised an exception with this representation.",
        act: Act::Set(|d, v| {
            d.config.reload.on_exception_repr.push(v.word()?);
            Ok(())
        }),
        ..OPT
    },
];
