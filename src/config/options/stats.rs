//! Options of the stats server.

use crate::option::{Act, Arg, Group, OPT, Opt, Tier};

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "stats",
        aliases: &["stats-server"],
        tier: Tier::Quickstart,
        group: Group::Stats,
        unit: "address",
        default: "none",
        field: "/stats/address",
        example: "stats = 127.0.0.1:9191",
        implies_master: true,
        doc: "Serves the state of the instance as JSON on this address.",
        act: Act::Set(|d, v| {
            d.config.stats.address = Some(v.address()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "stats-http",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/http",
        example: "stats-http = true",
        implies_master: true,
        doc: "Puts an HTTP head in front of the stats.",
        act: Act::Set(|d, v| {
            d.config.stats.http = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "stats-minified",
        aliases: &["stats-min"],
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/minified",
        example: "stats-minified = true",
        implies_master: true,
        doc: "Leaves blanks out of the stats.",
        act: Act::Set(|d, v| {
            d.config.stats.minified = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "stats-no-cores",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/no_cores",
        example: "stats-no-cores = true",
        implies_master: true,
        doc: "Leaves cores out of the stats.",
        act: Act::Set(|d, v| {
            d.config.stats.no_cores = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "stats-no-metrics",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/no_metrics",
        example: "stats-no-metrics = true",
        implies_master: true,
        doc: "Leaves metrics out of the stats.",
        act: Act::Set(|d, v| {
            d.config.stats.no_metrics = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "stats-secrets",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/secrets",
        example: "stats-secrets = true",
        own: true,
        doc: "Shows cookies and passwords of running requests in the stats.\n\nOtherwise `***` stands for the values of `HTTP_COOKIE`, `HTTP_AUTHORIZATION` and `HTTP_PROXY_AUTHORIZATION`. uWSGI shows them.",
        act: Act::Set(|d, v| {
            d.config.stats.secrets = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "control",
        group: Group::Stats,
        unit: "file",
        default: "none",
        field: "/stats/control",
        example: "control = /run/shop.control",
        own: true,
        doc: "Makes the control socket a file too, for where process ids or the network are not shared.\n\nEvery instance has a control socket without this option: an abstract unix socket that `rsgi top` and its kin find by the process id of the master. It takes one line of JSON and answers with one, `{\"do\":\"status\"}` for example, and lets in root and the user that the master runs as.",
        act: Act::Set(|d, v| {
            d.config.stats.control = Some(v.path()?);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "no-control",
        arg: Arg::None,
        group: Group::Stats,
        default: "off",
        field: "/stats/no_control",
        example: "no-control = true",
        own: true,
        doc: "Leaves the control socket out, and with it `rsgi top` and `rsgi stats` without a stats server.",
        act: Act::Set(|d, v| {
            d.config.stats.no_control = v.switch();
            Ok(())
        }),
        ..OPT
    },
];
