//! Options about commands beside the instance: daemons and set times.

use crate::option::{Act, Group, OPT, Opt};
use crate::timetable::{Cron, Daemon};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "attach-daemon",
        group: Group::Aside,
        unit: "command",
        default: "none",
        field: "/daemons",
        example: "attach-daemon = celery -A shop worker",
        implies_master: true,
        doc: "Runs a command as long as the instance runs, and again when it ends. A reload starts it anew.",
        act: Act::Set(|d, v| {
            d.config.daemons.push(Daemon::read(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "attach-control-daemon",
        group: Group::Aside,
        unit: "command",
        default: "none",
        field: "/daemons",
        example: "attach-control-daemon = ./watch.sh",
        implies_master: true,
        doc: "Runs a command like `attach-daemon`; when it ends, the instance does.",
        act: Act::Set(|d, v| {
            d.config.daemons.push(Daemon::read(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "smart-attach-daemon",
        group: Group::Aside,
        unit: "PIDFILE[,SECONDS] COMMAND",
        default: "none",
        field: "/daemons",
        example: "smart-attach-daemon = /run/shop/memcached.pid memcached -d -P /run/shop/memcached.pid",
        implies_master: true,
        doc: "Runs a command that detaches itself and writes a pid file, unless the process in that file lives. Reloads leave it alone.\n\nBehind a comma the file may have the seconds between two looks at it, else 10.",
        act: Act::Set(|d, v| {
            d.config.daemons.push(Daemon::read_smart(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "smart-attach-daemon2",
        group: Group::Aside,
        unit: "PIDFILE[,SECONDS] COMMAND",
        default: "none",
        field: "/daemons",
        example: "smart-attach-daemon2 = /run/shop/memcached.pid memcached",
        implies_master: true,
        doc: "Like `smart-attach-daemon`, for a command that stays in the foreground: the pid file is written for it.",
        act: Act::Set(|d, v| {
            d.config.daemons.push(Daemon::read_smart(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "attach-daemon2",
        group: Group::Aside,
        unit: "KEY=VALUE,…",
        default: "none",
        field: "/daemons",
        example: "attach-daemon2 = cmd=celery -A shop worker,stopsignal=15",
        implies_master: true,
        doc: "Runs a command described by keys: `cmd`, `pidfile`, `freq`, `control`, `daemonize`, `touch`, `stopsignal`, `reloadsignal`, `chdir`.",
        act: Act::Set(|d, v| {
            d.config.daemons.push(Daemon::read_keys(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cron",
        group: Group::Aside,
        unit: "MINUTE HOUR DAY MONTH WEEKDAY COMMAND",
        default: "none",
        field: "/crons",
        example: "cron = 59 2 -1 -1 -1 /srv/shop/nightly.sh",
        implies_master: true,
        doc: "Runs a command at set times: -1 is every one, -N every N, 1-5 a range. Of a day and a weekday either will do, but -N must fit too.",
        act: Act::Set(|d, v| {
            d.config.crons.push(Cron::read(v, false)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "unique-cron",
        group: Group::Aside,
        unit: "MINUTE HOUR DAY MONTH WEEKDAY COMMAND",
        default: "none",
        field: "/crons",
        example: "unique-cron = -5 -1 -1 -1 -1 /srv/shop/sync.sh",
        implies_master: true,
        doc: "Runs a command at set times, but not while its last run lasts.",
        act: Act::Set(|d, v| {
            d.config.crons.push(Cron::read(v, true)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cron2",
        group: Group::Aside,
        unit: "KEY=VALUE,… COMMAND",
        default: "none",
        field: "/crons",
        example: "cron2 = minute=-15,unique=1,harakiri=600 /srv/shop/sync.sh",
        implies_master: true,
        doc: "Runs a command at times described by keys: `minute`, `hour`, `day`, `month`, `week`, `unique`, `harakiri`.\n\nWith `harakiri=0` it may take for ever, whatever `cron-harakiri` says.",
        act: Act::Set(|d, v| {
            d.config.crons.push(Cron::read_keys(v)?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cron-harakiri",
        group: Group::Aside,
        unit: "seconds",
        default: "off",
        field: "/cron_harakiri",
        example: "cron-harakiri = 600",
        implies_master: true,
        doc: "Kills commands at set times that take longer, unless they say so themselves.",
        act: Act::Set(|d, v| {
            d.config.cron_harakiri = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
];
