//! Options of a number of workers that follows the load.

use crate::config::Algo;
use crate::option::{Act, Arg, Group, OPT, Opt};
use crate::value::Fault;

/// The rows, in the order of the manual.
pub(super) static ROWS: &[Opt] = &[
    Opt {
        name: "cheaper",
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/cheaper/min",
        example: "cheaper = 2",
        implies_master: true,
        differs: "a worker that leaves finishes what it has; the router's queue counts; a reload keeps the number",
        doc: "Keeps at least so many workers and adds more, up to `processes`, as the load asks for.\n\n\
              A worker that is no longer needed takes nothing new and finishes what it has, within `worker-reload-mercy`. `cheaper-algo` \
              decides when. 0 is off.",
        act: Act::Set(|d, v| {
            d.config.cheaper.min = Some(v.count_as()?).filter(|min| *min > 0);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-initial",
        group: Group::Workers,
        unit: "number",
        default: "off",
        field: "/cheaper/initial",
        example: "cheaper-initial = 4",
        implies_master: true,
        doc: "Sets how many workers run at the start when their number follows the load.",
        act: Act::Set(|d, v| {
            d.config.cheaper.initial = v.count_or_off_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-step",
        group: Group::Workers,
        unit: "number",
        default: "1",
        field: "/cheaper/step",
        example: "cheaper-step = 2",
        implies_master: true,
        doc: "Sets how many workers are added at a time.",
        act: Act::Set(|d, v| {
            d.config.cheaper.step = v.count_as::<u32>()?.max(1);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-algo",
        group: Group::Workers,
        unit: "word",
        default: "spare",
        field: "/cheaper/algo",
        example: "cheaper-algo = busyness",
        implies_master: true,
        differs: "an unknown name is an error; `spare2` of uWSGI 2.1 is there too",
        doc: "Chooses when workers are added and stopped: `spare`, `spare2`, `backlog`, `busyness` or `manual`.\n\n\
              `spare`: when every core was busy for `cheaper-overload` looks, workers are added; when more than one worker's worth of cores was \
              idle for as long, one is stopped. `spare2` keeps as many idle workers as `cheaper` says. `backlog`: while more requests \
              wait than `cheaper-overload`. `busyness`: by the share of time that workers are busy (`cheaper-busyness-*`). `manual`: only by the \
              letters `+` and `-` in `master-fifo`, and SIGTTIN and SIGTTOU. A request waits in the kernel's queue or in the router's.",
        act: Act::Set(|d, v| {
            let name = v.text().trim();
            d.config.cheaper.algo = Algo::named(name).ok_or_else(|| {
                Fault::new(
                    format!("there is no algorithm \"{name}\""),
                    format!("write one of {}", Algo::names().join(", ")),
                )
            })?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-algo-list",
        aliases: &["cheaper-algos-list", "cheaper-list"],
        arg: Arg::None,
        group: Group::Workers,
        example: "cheaper-algo-list = true",
        differs: "prints the names and ends",
        doc: "Prints the names for `cheaper-algo`, and ends.",
        act: Act::Set(|d, v| {
            if v.switch() {
                d.answers.extend(Algo::names().map(String::from));
            }
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-overload",
        group: Group::Workers,
        unit: "number",
        default: "3",
        field: "/cheaper/overload",
        example: "cheaper-overload = 5",
        implies_master: true,
        doc: "Sets for how many looks of `check-interval` the load has to last before workers are added or stopped.\n\n\
              With `backlog` it is the number of requests that may wait, with `busyness` the seconds that are looked at as one.",
        act: Act::Set(|d, v| {
            d.config.cheaper.overload = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-rss-limit-soft",
        group: Group::Workers,
        unit: "bytes",
        default: "off",
        field: "/cheaper/rss_limit_soft",
        example: "cheaper-rss-limit-soft = 1073741824",
        implies_master: true,
        differs: "`memory-report` is not needed",
        doc: "Adds no worker while all together use so much resident memory, or more.",
        act: Act::Set(|d, v| {
            d.config.cheaper.rss_limit_soft = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-rss-limit-hard",
        group: Group::Workers,
        unit: "bytes",
        default: "off",
        field: "/cheaper/rss_limit_hard",
        example: "cheaper-rss-limit-hard = 2147483648",
        implies_master: true,
        differs: "`memory-report` is not needed",
        doc: "Stops one worker after the other while all together use so much resident memory, or more; takes `cheaper-rss-limit-soft`.",
        act: Act::Set(|d, v| {
            d.config.cheaper.rss_limit_hard = v.count_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-max",
        group: Group::Workers,
        unit: "percent",
        default: "50",
        field: "/cheaper/busyness_max",
        example: "cheaper-busyness-max = 70",
        doc: "Adds workers above this share of busy time.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_max = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-min",
        group: Group::Workers,
        unit: "percent",
        default: "25",
        field: "/cheaper/busyness_min",
        example: "cheaper-busyness-min = 20",
        doc: "Stops workers below this share of busy time.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_min = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-multiplier",
        group: Group::Workers,
        unit: "number",
        default: "10",
        field: "/cheaper/busyness_multiplier",
        example: "cheaper-busyness-multiplier = 20",
        doc: "Sets how many calm cycles pass before a worker is stopped.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_multiplier = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-penalty",
        group: Group::Workers,
        unit: "number",
        default: "2",
        field: "/cheaper/busyness_penalty",
        example: "cheaper-busyness-penalty = 4",
        doc: "Adds so many calm cycles when a worker was stopped too early.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_penalty = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-verbose",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/cheaper/busyness_verbose",
        example: "cheaper-busyness-verbose = true",
        doc: "Logs what the busyness algorithm decides.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_verbose = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-backlog-alert",
        group: Group::Workers,
        unit: "number",
        default: "33",
        field: "/cheaper/busyness_backlog_alert",
        example: "cheaper-busyness-backlog-alert = 16",
        doc: "Starts emergency workers when more requests wait than this, at each look.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_backlog_alert = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-backlog-multiplier",
        group: Group::Workers,
        unit: "number",
        default: "3",
        field: "/cheaper/busyness_backlog_multiplier",
        example: "cheaper-busyness-backlog-multiplier = 5",
        doc: "Sets how many calm cycles pass before a worker is stopped, while emergency workers run.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_backlog_multiplier = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-backlog-step",
        group: Group::Workers,
        unit: "number",
        default: "1",
        field: "/cheaper/busyness_backlog_step",
        example: "cheaper-busyness-backlog-step = 2",
        doc: "Sets how many emergency workers are added at a time.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_backlog_step = v.count_as::<u32>()?.max(1);
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-busyness-backlog-nonzero",
        group: Group::Workers,
        unit: "seconds",
        default: "60",
        field: "/cheaper/busyness_backlog_nonzero",
        example: "cheaper-busyness-backlog-nonzero = 30",
        differs: "the age of the first in the router's queue counts as well",
        doc: "Adds workers when somebody has been waiting for so long.",
        act: Act::Set(|d, v| {
            d.config.cheaper.busyness_backlog_nonzero = v.seconds()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheaper-idle",
        group: Group::Workers,
        unit: "number",
        default: "10",
        field: "/cheaper/spare_idle",
        example: "cheaper-idle = 60",
        implies_master: true,
        doc: "Sets for how many looks more workers than wanted have to be idle before `spare2` stops one.",
        act: Act::Set(|d, v| {
            d.config.cheaper.spare_idle = v.count_as()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "cheap",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/cheaper/cheap",
        example: "cheap = true",
        implies_master: true,
        differs: "the first request waits in the router, too, until a worker has it",
        doc: "Starts no worker before the first connection.\n\n\
              It waits, in the kernel or in the router, until a worker has it. Then `cheaper` workers start, or all without `cheaper`.",
        act: Act::Set(|d, v| {
            d.config.cheaper.cheap = v.switch();
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "idle",
        group: Group::Workers,
        unit: "seconds",
        default: "off",
        field: "/cheaper/idle",
        example: "idle = 600",
        implies_master: true,
        differs: "workers finish what they have",
        doc: "Stops all workers after so long without a request, until the next one comes.\n\n\
              The next request waits until a worker has it. With `die-on-idle` the instance ends instead: a vassal started on demand \
              sleeps then until its socket is asked again. 0 is off.",
        act: Act::Set(|d, v| {
            d.config.cheaper.idle = v.seconds_or_off()?;
            Ok(())
        }),
        ..OPT
    },
    Opt {
        name: "die-on-idle",
        arg: Arg::None,
        group: Group::Workers,
        default: "off",
        field: "/cheaper/die_on_idle",
        example: "die-on-idle = true",
        doc: "Ends the instance when it is `idle`.",
        act: Act::Set(|d, v| {
            d.config.cheaper.die_on_idle = v.switch();
            Ok(())
        }),
        ..OPT
    },
];
