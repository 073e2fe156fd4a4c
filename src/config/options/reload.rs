//! Options about reloading.

use crate::Message;
use crate::ReloadMode;
use crate::option::{Act, AppValue, Arg, Group, OPT, Opt};
use crate::source::Directive;
use crate::value::Fault;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "reload-check",
        own: true,
        group: Group::Reload,
        unit: "path",
        default: "none",
        field: "/reload/check",
        example: "reload-check = /health",
        doc: "Asks the application for this path before a reload goes through; without an answer of 2xx the reload fails.\n\nA process of its own is forked for that once the new application is imported, so the check may connect to databases. It sends `GET` with `Host: localhost` and `User-Agent: rsgi-reload-check`. Until the answer is there, and for ever when it is a wrong one, the old workers serve.",
        act: Act::Set(|d, v| {
            let path = v.word()?;
            if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == b'#' || byte >= 0x7f) {
                return Err(Fault::new(format!("expected a path, found \"{path}\""), "write reload-check = /health"));
            }
            d.config.reload.check = Some(path);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-check-timeout",
        own: true,
        group: Group::Reload,
        unit: "seconds",
        default: "30",
        field: "/reload/check_timeout",
        example: "reload-check-timeout = 10",
        doc: "Sets how long the answer to `reload-check` may take. The stacks of one that takes longer are in the log.",
        act: Act::Set(|d, v| {
            d.config.reload.check_timeout = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload-mode",
        own: true,
        group: Group::Reload,
        unit: "overlap or rolling",
        default: "overlap",
        field: "/reload/mode",
        example: "reload-mode = rolling",
        doc: "Chooses how a reload changes the workers: `overlap` starts all new ones before the old ones leave, `rolling` replaces one after the other.\n\n`overlap` needs memory for twice as many workers for a moment. With `rolling` there is never more than one too many, and both versions of the application answer meanwhile. `touch-chain-reload` and the letter `c` of `master-fifo` roll whatever is written here.",
        act: Act::Set(|d, v| {
            d.config.reload.mode = match v.text().trim() {
                "overlap" => ReloadMode::Overlap,
                "rolling" => ReloadMode::Rolling,
                other => return Err(Fault::new(format!("unknown mode \"{other}\""), "write overlap or rolling")),
            };
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "fs-reload",
        aliases: &["fs-brutal-reload"],
        group: Group::Reload,
        unit: "file or directory",
        default: "none",
        field: "/reload/watched",
        example: "fs-reload = /srv/shop/templates",
        implies_master: true,
        differs: "`fs-brutal-reload` is the same, for no kind of reload drops requests",
        doc: "Reloads the instance when this file, or something right in this directory, changes. The kernel tells (inotify), so it happens at once.",
        act: Act::Set(|d, v| {
            d.config.reload.watched.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-reload",
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch",
        example: "touch-reload = /srv/shop/reload",
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
        implies_master: true,
        doc: "Reloads the workers when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_workers.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-mules-reload",
        aliases: &["touch-spoolers-reload"],
        group: Group::Reload,
        unit: "file",
        default: "none",
        field: "/reload/touch_aside",
        example: "touch-mules-reload = /srv/shop/reload",
        implies_master: true,
        differs: "workers are reloaded as well",
        doc: "Reloads mules and spoolers, with the instance, when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_aside.push(v.path()?);
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
        implies_master: true,
        doc: "Opens the log anew when this file is touched.",
        act: Act::Set(|d, v| {
            d.config.reload.touch_logreopen.push(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-exec",
        group: Group::Reload,
        unit: "FILE COMMAND",
        default: "none",
        field: "/reload/touch_exec",
        example: "touch-exec = /srv/shop/new-data /srv/shop/import.sh",
        implies_master: true,
        doc: "Runs a shell command when this file is touched.",
        act: Act::Set(|d, v| {
            let text = v.word()?;
            let help = || Fault::new("expected a file and a command", "write FILE COMMAND");
            let (file, command) = text.split_once(' ').ok_or_else(help)?;
            d.config.reload.touch_exec.push((file.into(), command.trim_start().into()));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "touch-signal",
        group: Group::Reload,
        unit: "FILE NUMBER",
        default: "none",
        field: "/reload/touch_signal",
        example: "touch-signal = /srv/shop/new-data 17",
        implies_master: true,
        doc: "Raises a signal of the application (`register_signal` of the module `uwsgi`) when this file is touched.",
        act: Act::Set(|d, v| {
            let text = v.word()?;
            let help = || Fault::new("expected a file and the number of a signal", "write FILE NUMBER, up to 255");
            let (file, number) = text.split_once(' ').ok_or_else(help)?;
            d.config.reload.touch_signal.push((file.into(), number.trim().parse().map_err(|_| help())?));
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "reload",
        group: Group::Reload,
        unit: "pidfile",
        example: "reload = /run/shop.pid",
        doc: "Tells the instance with this pid file to reload, and ends.",
        act: Act::Read(Directive::Tell(Message::Reload)),
        ..OPT
    },
    Opt {
        name: "stop",
        group: Group::Reload,
        unit: "pidfile",
        example: "stop = /run/shop.pid",
        doc: "Tells the instance with this pid file to stop, and ends.",
        act: Act::Read(Directive::Tell(Message::Stop)),
        ..OPT
    },
    Opt {
        name: "pause",
        aliases: &["suspend", "resume"],
        group: Group::Reload,
        unit: "pidfile",
        example: "pause = /run/shop.pid",
        doc: "Tells the instance with this pid file to pause, or to go on, and ends.\n\nA paused instance finishes what it has and takes nothing new; clients wait.",
        act: Act::Read(Directive::Tell(Message::Pause)),
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
